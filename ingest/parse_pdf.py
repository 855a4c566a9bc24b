"""PDF files -> blocks with page numbers, read with pdfium.

Page by page: characters -> lines with their places; then, over the whole document, running heads and feet are
dropped, columns are put in the order in which they are read, the outline's titles become headings, and lines
become paragraphs and tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pypdfium2

from ingest.parse_blocks import Parsed
from ingest.parse_pdf_blocks import blocks_of_lines
from ingest.parse_pdf_columns import reading_order
from ingest.parse_pdf_grid import with_tables
from ingest.parse_pdf_lines import Line, page_lines, page_text
from ingest.parse_pdf_margins import without_running
from ingest.parse_pdf_outline import Entry, headed, outline
from ingest.parse_pdf_rules import Rule, page_rules
from rag.errors import UnreadableFileError

__all__ = ["opened", "parse_pdf"]

_JUNK_TITLE = re.compile(
    r"untitled|microsoft |\(?(anonymous|unspecified|unknown)\)?$"
    r"|.*\.(docx?|pdf|pptx?|xlsx?|indd|tex|rtf|odt)$",
    re.IGNORECASE,
)
_pdfium: Any = pypdfium2  # it has no types
_UNUSABLE = re.compile("[\ufffd\ue000-\uf8ff]")
_TAIL = 1 << 16


class _Page(NamedTuple):
    """``strays`` are lines that run in another direction than the page's ``lines``."""

    lines: list[Line]
    strays: list[Line]
    rules: list[Rule]


def parse_pdf(data: bytes, name: str) -> Parsed:
    """Text layer of a PDF. Raises UnreadableFileError when there is none, when it is protected, damaged or
    cut short.
    """
    document = opened(data)
    try:
        pages = [_page(document, number) for number in range(len(document))]
        title = str(document.get_metadata_dict().get("Title", "")).strip()
        entries = outline(document)
    finally:
        document.close()
    lines = list(_ordered(pages, entries))
    letters = "".join(line.text for line in lines)
    if not letters:
        raise UnreadableFileError("the PDF has no text layer (scanned pages?); OCR is not there yet")
    if len(_UNUSABLE.findall(letters)) > 0.3 * len(letters):
        raise UnreadableFileError(
            "the PDF's text layer is unusable (its fonts name no characters); OCR is not there yet"
        )
    blocks = tuple(blocks_of_lines(lines))
    return Parsed("" if _JUNK_TITLE.match(title) else title, blocks, "application/pdf")


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


def _page(document: Any, number: int) -> _Page:  # noqa: ANN401
    try:
        page = document[number]
        text_page = page.get_textpage()
    except pypdfium2.PdfiumError as error:
        raise UnreadableFileError(f"the PDF is damaged: page {number + 1} cannot be read") from error
    try:
        lines, strays, turn = page_lines(text_page, page_text(text_page), number + 1)
        return _Page(lines, strays, page_rules(page, turn))
    finally:
        text_page.close()
        page.close()


def _ordered(pages: Sequence[_Page], entries: Sequence[Entry]) -> Iterator[Line]:
    titles: dict[int, list[Entry]] = {}
    for entry in entries:
        titles.setdefault(entry.page, []).append(entry)
    kept = without_running([page.lines for page in pages])
    for number, (lines, page) in enumerate(zip(kept, pages, strict=True), 1):
        ordered = reading_order(with_tables(lines, page.rules))
        yield from headed(ordered, titles.get(number, ()))
        yield from page.strays
