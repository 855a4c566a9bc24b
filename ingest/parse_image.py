"""Pictures of documents -> their text, by OCR: PNG, JPEG, TIFF of several pages, GIF, WebP, BMP."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from PIL import Image, ImageOps, ImageSequence

from ingest.parse_blocks import Parsed
from ingest.parse_ocr import Extend, Ocr, OcrError, named
from ingest.parse_ocr_words import settled
from ingest.parse_pdf_blocks import blocks_of_lines
from ingest.parse_pdf_columns import reading_order
from ingest.parse_pdf_lines import Line
from ingest.parse_pdf_margins import without_running
from rag.errors import TooLargeError, UnreadableFileError, UnsupportedFormatError
from rag.settings import IngestSettings

__all__ = ["frame_count", "frames", "parse_image"]

_FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP")
# Of other formats a second frame is an animation's
_PAGED = "TIFF"
_MOST_PIXELS = 80_000_000
# What Pillow raises on damaged data, in one place or another
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, struct.error)
# Dots per inch that a scanner writes; below, it is a screen's or made up, and the picture is taken for a page
_LEAST_DPI, _MOST_DPI = 120.0, 1200.0
_PAGE_INCHES = 11.7
_MOST_GROWTH = 3.0


def parse_image(data: bytes, name: str, settings: IngestSettings, extend: Extend) -> Parsed:
    """The text of a picture, page by page; ``extend`` is asked for the time that OCR takes.

    Raises UnsupportedFormatError when OCR is off, UnreadableFileError when there is no text or tesseract is
    missing, TooLargeError.
    """
    if not settings.ocr:
        raise UnsupportedFormatError("pictures are read by OCR, which is off (setting ingest.ocr)")
    reader = Ocr(settings, extend)
    notes: list[str] = []
    pages: list[list[Line]] = []
    for number, frame in enumerate(frames(data), 1):
        if number > settings.ocr_max_pages:
            rest = named(range(number - 1, frame_count(data)))
            limit = f"{settings.ocr_max_pages} (setting ingest.ocr_max_pages)"
            notes.append(f"{rest} not read by OCR: more than {limit}")
            break
        picture, dpi = _sized(frame, settings.ocr_dpi)
        try:
            pages.append(reader.lines(picture, number, dpi))
        except OcrError as error:
            notes.append(f"page {number} {error}")
            pages.append([])
    notes += reader.notes()
    read = settled([line for page in pages for line in page])
    by_page = [[line for line in read if line.page == number] for number in range(1, len(pages) + 1)]
    lines = [line for page in without_running(by_page) for line in reading_order(page)]
    if not lines:
        raise UnreadableFileError(f"there is no text in the picture{f': {notes[0]}' if notes else ''}")
    return Parsed("", tuple(blocks_of_lines(lines)), _mime(data), notes=tuple(notes))


def frame_count(data: bytes) -> int:
    """How many pages the picture has. Raises UnreadableFileError, TooLargeError."""
    picture = _opened(data)
    try:
        return int(getattr(picture, "n_frames", 1)) if picture.format == _PAGED else 1
    except _DAMAGED as error:
        raise UnreadableFileError("the picture is damaged") from error


def frames(data: bytes) -> Iterator[Image.Image]:
    """The pages of a picture, turned as the camera says, on white, in colour or grey.

    Raises UnreadableFileError when it is damaged, TooLargeError when a page has over 80 million pixels.
    """
    picture = _opened(data)
    try:
        for frame in ImageSequence.Iterator(picture):
            _check_size(frame)
            frame.load()
            yield _flat(frame)
            if picture.format != _PAGED:
                return
    except _DAMAGED as error:
        raise UnreadableFileError("the picture is damaged") from error


def _opened(data: bytes) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"the picture has over {_MOST_PIXELS:,} pixels") from error
    except _DAMAGED as error:
        raise UnreadableFileError("the picture is damaged, or of a kind that is not read") from error
    _check_size(picture)
    return picture


def _check_size(picture: Image.Image) -> None:
    pixels = picture.width * picture.height
    if pixels > _MOST_PIXELS:
        raise TooLargeError(f"the picture has {pixels:,} pixels, over {_MOST_PIXELS:,}")


def _flat(frame: Image.Image) -> Image.Image:
    dpi = frame.info.get("dpi")
    flat = ImageOps.exif_transpose(frame)
    if flat.mode.startswith("I"):
        # 16 bits of grey: Pillow would cut them off instead of scaling them
        flat = flat.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    elif flat.mode in ("RGBA", "LA", "PA") or "transparency" in flat.info:
        over = flat.convert("RGBA")
        flat = Image.new("RGBA", over.size, "white")
        flat.alpha_composite(over)
        flat = flat.convert("RGB")
    elif flat.mode not in ("L", "RGB"):
        flat = flat.convert("L" if flat.mode == "1" else "RGB")
    if dpi:
        flat.info["dpi"] = dpi
    return flat


def _sized(frame: Image.Image, wanted: float) -> tuple[Image.Image, float]:
    """The picture in grey with about as many dots per inch as OCR wants, and how many it has. A picture of a
    screen, or one that does not say, is taken for a page.
    """
    longest = max(frame.size)
    said = frame.info.get("dpi", (0, 0))
    dpi = float(said[0]) if _LEAST_DPI <= float(said[0]) <= _MOST_DPI else longest / _PAGE_INCHES
    grey = frame.convert("L")
    growth = min(wanted / dpi, _MOST_GROWTH)
    if not 0.8 < growth < 1.2:
        size = (max(1, round(grey.width * growth)), max(1, round(grey.height * growth)))
        return grey.resize(size, Image.Resampling.LANCZOS), dpi * growth
    return grey, dpi


def _mime(data: bytes) -> str:
    return Image.MIME.get(_opened(data).format or "", "image/unknown")
