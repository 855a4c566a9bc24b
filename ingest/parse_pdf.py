"""PDF files -> blocks with page numbers, read with pdfium.

Page by page: characters -> lines with their places, or a picture -> lines by OCR; then, over the whole
document, running heads and feet are dropped, columns are put in the order in which they are read, titles of
the outline become headings, and lines become paragraphs and tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pypdfium2
import pypdfium2.raw

from ingest.parse_blocks import Parsed
from ingest.parse_ocr import Extend
from ingest.parse_pdf_blocks import blocks_of_lines
from ingest.parse_pdf_columns import reading_order
from ingest.parse_pdf_garbage import is_garbage
from ingest.parse_pdf_grid import with_tables
from ingest.parse_pdf_lines import Line, page_lines, page_text
from ingest.parse_pdf_margins import without_running
from ingest.parse_pdf_outline import Entry, headed, outline
from ingest.parse_pdf_rules import page_drawing
from ingest.parse_pdf_scan import Page, judged, read_scans
from rag.errors import UnreadableFileError
from rag.settings import IngestSettings

__all__ = ["opened", "parse_pdf"]

_JUNK_TITLE = re.compile(
    r"untitled|microsoft |\(?(anonymous|unspecified|unknown)\)?$"
    r"|.*\.(docx?|pdf|pptx?|xlsx?|indd|tex|rtf|odt)$",
    re.IGNORECASE,
)
_pdfium: Any = pypdfium2  # it has no types
raw: Any = pypdfium2.raw
_TAIL = 1 << 16


def parse_pdf(data: bytes, name: str, settings: IngestSettings, extend: Extend) -> Parsed:
    """What a PDF says: its text layer, and OCR of the pages that have none or a useless one; ``extend`` is
    asked for the time that OCR takes.

    Raises UnreadableFileError when there is no text, when it is protected, damaged or cut short.
    """
    document = opened(data)
    try:
        pages, notes = read_scans(document, list(_pages(document)), settings, extend)
        title = str(document.get_metadata_dict().get("Title", "")).strip()
        entries = outline(document)
    finally:
        document.close()
    lines = list(_ordered(pages, entries))
    if not lines:
        raise UnreadableFileError(
            f"the PDF has no text layer, and {notes[0]}"
            if notes
            else "the PDF has no text: its pages are blank"
        )
    title = "" if _JUNK_TITLE.match(title) or is_garbage(title) else title
    return Parsed(title, tuple(blocks_of_lines(lines)), "application/pdf", notes=tuple(notes))


def opened(data: bytes) -> Any:  # noqa: ANN401 - pypdfium2 has no types
    """The PDF, to be closed. Raises UnreadableFileError when it is protected, damaged or cut short."""
    if b"%%EOF" not in data[-_TAIL:]:
        raise UnreadableFileError("the PDF is damaged: its end is missing")
    try:
        return _pdfium.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "assword" in str(error):
            raise UnreadableFileError("the PDF is protected by a password") from error
        raise UnreadableFileError("the PDF is damaged") from error


def _pages(document: Any) -> Iterator[Page]:  # noqa: ANN401
    # what was filled into the fields of a form is not part of its pages
    filled_in = document.get_formtype() != raw.FORMTYPE_NONE
    for number in range(len(document)):
        try:
            page = document[number]
            if filled_in and raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY) == raw.FLATTEN_SUCCESS:
                # the page as it was read shows it only when it is opened again
                page.close()
                page = document[number]
            text_page = page.get_textpage()
        except pypdfium2.PdfiumError as error:
            raise UnreadableFileError(f"the PDF is damaged: page {number + 1} cannot be read") from error
        try:
            text = page_text(text_page)
            lines, strays, turn = page_lines(text_page, text, number + 1)
            drawn = page_drawing(page, turn)
            doubt = judged(text, lines, drawn, page.get_height())
            yield Page(lines, strays, drawn.rules, doubt)
        finally:
            text_page.close()
            page.close()


def _ordered(pages: Sequence[Page], entries: Sequence[Entry]) -> Iterator[Line]:
    titles: dict[int, list[Entry]] = {}
    for entry in entries:
        titles.setdefault(entry.page, []).append(entry)
    kept = without_running([page.lines for page in pages])
    for number, (lines, page) in enumerate(zip(kept, pages, strict=True), 1):
        ordered = reading_order(with_tables(lines, page.rules))
        yield from headed(ordered, titles.get(number, ()))
        yield from page.strays
