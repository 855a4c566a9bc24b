"""Pages of a PDF that must be read from their picture: scans, and text layers that are garbage."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ingest.parse_ocr import Extend, Ocr, OcrError, named
from ingest.parse_ocr_words import settled
from ingest.parse_pdf_garbage import is_garbage
from ingest.parse_pdf_lines import Line
from ingest.parse_pdf_render import picture_of
from ingest.parse_pdf_rules import Drawn, Rule
from rag.errors import UnreadableFileError
from rag.settings import IngestSettings

__all__ = ["Page", "judged", "read_scans"]

_BLANK = re.compile(r"\s+")
# A page with fewer letters and a picture is a scan; with more, in the margins of one, they may be a stamp
_FEW, _STAMP = 25, 160
_SOME, _MOST = 0.3, 0.7
# Part of the page's height that is margin
_MARGIN = 0.1
# From this likeness on, text layer and OCR tell the same, and the text layer is the better spelt
_ALIKE = 0.5


@dataclass(frozen=True, slots=True)
class Page:
    """``strays`` are lines that run in another direction than the page's ``lines``. ``doubt`` is why the page
    is to be read from its picture: "scan", "garbage", or nothing.
    """

    lines: list[Line]
    strays: list[Line]
    rules: list[Rule] = field(default_factory=list)
    doubt: str = ""


def judged(text: str, lines: Sequence[Line], drawn: Drawn, height: float) -> str:
    """Whether a page with this text is a scan, or its text garbage; ``height`` of the page in points."""
    letters = len(_BLANK.sub("", text))
    if letters == 0:
        return "scan" if drawn.images or drawn.other else ""
    if is_garbage(text):
        return "garbage"
    if letters < _FEW:
        return "scan" if drawn.images >= _SOME else ""
    edges = (_MARGIN * height, (1 - _MARGIN) * height)
    stamped = letters < _STAMP and all(not edges[0] < line.y < edges[1] for line in lines)
    return "scan" if stamped and drawn.images >= _MOST else ""


def read_scans(
    document: Any,  # noqa: ANN401 - pypdfium2 has no types
    pages: Sequence[Page],
    settings: IngestSettings,
    extend: Extend,
) -> tuple[list[Page], list[str]]:
    """The pages, those in doubt with the lines that OCR finds on them, and what was not read, a line each.

    Raises UnreadableFileError, with the remedy, when tesseract or its languages are missing and no page has
    text of its own.
    """
    out = _by_majority(pages)
    doubtful = [number for number, page in enumerate(out) if page.doubt]
    if not doubtful:
        return out, []
    notes: list[str] = []
    reader = _reader(settings, extend, doubtful, len(doubtful) == len(pages), notes)
    wanted = doubtful[: settings.ocr_max_pages] if reader is not None else []
    read: list[Line] = []
    for number in doubtful:
        found: list[Line] | None = None
        if reader is not None and number in wanted:
            try:
                picture, dpi = picture_of(document, number, settings.ocr_dpi, grey=True)
                found = reader.lines(picture, number + 1, dpi)
            except (OcrError, UnreadableFileError) as error:
                notes.append(f"page {number + 1} {error}")
        out[number] = _chosen(out[number], found)
        read += out[number].lines if out[number].lines is found else ()
    if reader is not None:
        rest = doubtful[len(wanted) :]
        if rest:
            limit = f"{settings.ocr_max_pages} (setting ingest.ocr_max_pages)"
            notes.append(f"{named(rest)} not read by OCR: more than {limit}")
        notes += reader.notes()
    # sizes are compared over all pages that were read
    sized = {id(old): new for old, new in zip(read, settled(read), strict=True)}
    return [replace(page, lines=[sized.get(id(line), line) for line in page.lines]) for page in out], notes


def _reader(
    settings: IngestSettings, extend: Extend, doubtful: Sequence[int], whole: bool, notes: list[str]
) -> Ocr | None:
    """What reads the pages, or None and a note; an error when the ``whole`` file cannot be read."""
    if not settings.ocr:
        notes.append(f"{named(doubtful)} not read: OCR is off (setting ingest.ocr)")
        return None
    try:
        return Ocr(settings, extend)
    except UnreadableFileError as error:
        if whole:
            raise
        notes.append(f"{named(doubtful)} not read: {error.message}")
        return None


def _by_majority(pages: Sequence[Page]) -> list[Page]:
    """Pages with too few letters to be judged are as good as most of the others."""
    written = [page for page in pages if page.lines and page.doubt != "scan"]
    if 2 * sum(page.doubt == "garbage" for page in written) <= len(written):
        return list(pages)
    return [
        replace(page, doubt="garbage") if 0 < sum(len(line.text) for line in page.lines) < _STAMP else page
        for page in pages
    ]


def _chosen(page: Page, found: list[Line] | None) -> Page:
    """The page with what OCR found, or as it was where that tells no more."""
    if found is None:
        # of a page that was not read, the words that are there are better than none, but not garbage
        return page if page.doubt == "scan" else replace(page, lines=[], strays=[])
    own, seen = _pairs([*page.lines, *page.strays]), _pairs(found)
    shared = (own & seen).total()
    if page.doubt == "garbage":
        keeps = 2 * shared >= _ALIKE * (own.total() + seen.total()) > 0
    else:
        keeps = own.total() > 0 and seen.total() < 2 * own.total()
    return page if keeps else Page(found, [])


def _pairs(lines: Sequence[Line]) -> Counter[str]:
    text = _BLANK.sub("", "".join(line.text for line in lines)).casefold()
    return Counter(text[i : i + 2] for i in range(len(text) - 1))
