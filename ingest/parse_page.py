"""One page of a file as a picture, drawn in the parse worker: a hostile file must not reach the server."""

from __future__ import annotations

import io
from itertools import islice

from PIL import Image

from ingest.parse_image import frame_count, frames
from ingest.parse_pdf import opened
from ingest.parse_pdf_render import picture_of
from rag.errors import PageNotFoundError, UnsupportedFormatError

__all__ = ["page_picture"]


def page_picture(data: bytes, kind: str, page: int, dpi: float, width: int = 0) -> bytes:
    """Page ``page`` (from 1) of a PDF or a picture, as PNG with ``dpi`` dots per inch, fewer for a very large
    page. A picture keeps its own pixels, but for those beyond 11.7 inches of them on its longest side.

    ``width`` asks for so many pixels across in the stead of ``dpi``; a picture is not enlarged.

    Raises PageNotFoundError, UnsupportedFormatError for what has no pages, UnreadableFileError,
    TooLargeError.
    """
    if kind == "pdf":
        document = opened(data)
        try:
            _check(page, len(document))
            document.init_forms()
            if width:
                dpi = 72 * width / max(1.0, document.get_page_size(page - 1)[0])
            picture, _ = picture_of(document, page - 1, dpi, grey=False)
        finally:
            document.close()
    elif kind == "image":
        _check(page, frame_count(data))
        picture = next(islice(frames(data), page - 1, None))
        longest = round(dpi * 11.7)
        most = (width, max(1, width * picture.height // picture.width)) if width else (longest, longest)
        picture.thumbnail(most, Image.Resampling.LANCZOS)
    else:
        raise UnsupportedFormatError("only PDF files and pictures have pages that can be shown")
    out = io.BytesIO()
    picture.save(out, "png")
    return out.getvalue()


def _check(page: int, count: int) -> None:
    if not 1 <= page <= count:
        raise PageNotFoundError(
            f"there is no page {page}: it has {count} page{'s' if count != 1 else ''}",
            "Ask for a page that is there.",
        )
