"""A PDF page -> its picture."""

from __future__ import annotations

import math
from typing import Any

import pypdfium2
from PIL import Image

from rag.errors import UnreadableFileError

__all__ = ["MOST_PIXELS", "picture_of"]

# An A3 page at 400 dots per inch has 31 million; larger pages are drawn at fewer dots
MOST_PIXELS = 40_000_000


def picture_of(document: Any, number: int, dpi: float, grey: bool) -> tuple[Image.Image, float]:  # noqa: ANN401
    """Page ``number`` (from 0) as it is to be looked at, and the dots per inch that it has: fewer than asked
    for where the page is so large that it would have more than MOST_PIXELS.

    Raises UnreadableFileError when the page is damaged.
    """
    try:
        page = document[number]
    except pypdfium2.PdfiumError as error:
        raise UnreadableFileError(f"the PDF is damaged: page {number + 1} cannot be read") from error
    try:
        width, height = page.get_size()
        inches = max(width, 1.0) * max(height, 1.0) / 72**2
        dpi = min(dpi, math.sqrt(MOST_PIXELS / inches))
        # an image's own smoothing can be asked for with damaged data; pdfium answers with an error
        bitmap = page.render(scale=dpi / 72, grayscale=grey)
        return bitmap.to_pil().copy(), dpi
    except (pypdfium2.PdfiumError, ValueError) as error:
        raise UnreadableFileError(f"the PDF is damaged: page {number + 1} cannot be drawn") from error
    finally:
        page.close()
