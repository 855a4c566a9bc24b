"""Where a quote stands on its PDF page: rectangles of pdfium's character boxes, found in the parse worker.

Quote and page are compared by their letters and digits alone, each as reading spells it: blanks, line ends,
hyphens and marks between them differ between what pdfium gives and what was made of it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from ingest.parse_pdf import opened, raw
from ingest.parse_pdf_lines import page_text, spelt

__all__ = ["quote_boxes"]

# A quote that goes on overleaf is marked as far as it stands on its page, if that is enough to know it by
_LEAST, _LEAST_SHARE = 12, 0.3
_MOST_RECTS = 500


def quote_boxes(data: bytes, page: int, quote: str, before: str, after: str) -> Mapping[str, Any]:
    """{"width", "height", "rects"}: size of page ``page`` (from 1), and [left, bottom, right, top] of each
    line of the quote, in points from the lower left; no rects where it cannot be placed.

    ``before`` and ``after``, what stands around it, tell which of several places is meant. Raises
    UnreadableFileError.
    """
    document = opened(data)
    try:
        if not 1 <= page <= len(document):
            return {"width": 0.0, "height": 0.0, "rects": []}
        sheet = document[page - 1]
        if document.get_formtype() != raw.FORMTYPE_NONE:
            # what was filled into a form is read as part of the page, see ingest.parse_pdf
            raw.FPDFPage_Flatten(sheet, raw.FLAT_NORMALDISPLAY)
            sheet.close()
            sheet = document[page - 1]
        width, height = sheet.get_size()
        text_page = sheet.get_textpage()
        letters, places = _letters(page_text(text_page))
        found = _place(letters, _folded(quote), _folded(before), _folded(after))
        rects = [] if found is None else _rects(text_page, places[found[0]], places[found[1] - 1])
        text_page.close()
        sheet.close()
    finally:
        document.close()
    return {"width": round(width, 2), "height": round(height, 2), "rects": rects}


def _folded(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", spelt(text)).casefold() if char.isalnum())


def _letters(text: str) -> tuple[str, list[int]]:
    """The page's letters and digits, folded, and for each the index of pdfium's character."""
    letters: list[str] = []
    places: list[int] = []
    high = ""
    for index, char in enumerate(text):
        if "\ud800" <= char <= "\udbff":  # the first half of a character beyond the basic plane
            high = char
            continue
        folded = _folded(high + char)
        letters += folded
        places += [index] * len(folded)
        high = ""
    return "".join(letters), places


def _place(page: str, quote: str, before: str, after: str) -> tuple[int, int] | None:
    """Span of the quote in the page's letters: of several places the one that its surroundings fit best."""
    if not quote:
        return None
    if quote not in page:
        length = _overleaf(page, quote)
        return (len(page) - length, len(page)) if length else None
    best, at = (-1, 0), page.find(quote)
    while at >= 0:
        end = at + len(quote)
        fit = _common(page[:at][::-1], before[::-1]) + _common(page[end:], after)
        # of places that fit alike the first
        best = max(best, (fit, -at))
        at = page.find(quote, at + 1)
    return -best[1], -best[1] + len(quote)


def _common(a: str, b: str) -> int:
    length = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        length += 1
    return length


def _overleaf(page: str, quote: str) -> int:
    """How many letters of the quote's beginning end the page; 0 where that is too few to know it by."""
    least = max(_LEAST, int(_LEAST_SHARE * len(quote)))
    for length in range(min(len(quote), len(page)), least - 1, -1):
        if page.endswith(quote[:length]):
            return length
    return 0


def _rects(text_page: Any, first: int, last: int) -> list[list[float]]:  # noqa: ANN401 - pypdfium2 has no types
    count = text_page.count_rects(first, last - first + 1)
    return [
        [round(value, 2) for value in text_page.get_rect(index)] for index in range(min(count, _MOST_RECTS))
    ]
