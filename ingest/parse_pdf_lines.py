"""A PDF page -> lines of text with their places and type size, as pdfium gives them."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2
import pypdfium2.raw

from rag.errors import UnreadableFileError

__all__ = ["Cell", "Line", "page_lines"]

raw: Any = pypdfium2.raw  # it has no types
# pdfium's marks for a hyphen that it found at a line's end
_HYPHENS = str.maketrans({"\ufffe": "\u2010", "\x02": "\u2010"})
# A gap wider than this many type sizes parts two cells; blanks between words take a third of one
_CELL_GAP = 1.0


@dataclass(frozen=True, slots=True)
class Cell:
    """A run of words without a wide gap; a line of running text has one."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands on its page; lengths in points, y upwards from the foot."""

    text: str
    page: int
    left: float
    right: float
    y: float
    size: float
    bold: bool
    cells: tuple[Cell, ...] = ()


def page_lines(document: Any, number: int) -> list[Line]:  # noqa: ANN401 - pypdfium2 has no types
    """Lines of page ``number`` (from 0) in reading order. Raises UnreadableFileError when the page is
    damaged.
    """
    try:
        page = document[number]
        text_page = page.get_textpage()
    except pypdfium2.PdfiumError as error:
        raise UnreadableFileError(f"the PDF is damaged: page {number + 1} cannot be read") from error
    try:
        return list(_lines(text_page, number + 1))
    finally:
        text_page.close()
        page.close()


def _lines(text_page: Any, page: int) -> Iterator[Line]:  # noqa: ANN401
    total = text_page.count_chars()
    codes = [raw.FPDFText_GetUnicode(text_page, i) for i in range(total)]
    begin = 0
    for i in range(total + 1):
        # pdfium puts no line end after a hyphen that parts a word, only its mark
        hyphen = i < total and codes[i] in (2, 0xFFFE)
        if i < total and codes[i] not in (10, 13) and not hyphen:
            continue
        end = i + 1 if hyphen else i
        visible = [j for j in range(begin, end) if codes[j] > 32 or j == i]
        if any(j != i for j in visible):
            yield _line(text_page, codes, begin, end, visible, page)
        begin = i + 1


def _line(
    text_page: Any,  # noqa: ANN401
    codes: Sequence[int],
    begin: int,
    end: int,
    visible: Sequence[int],
    page: int,
) -> Line:
    middle = visible[len(visible) // 2]
    size = _size(text_page, middle)
    boxes = [_box(text_page, i) for i in visible]
    starts = [0] + [k for k in range(1, len(boxes)) if boxes[k][0] - boxes[k - 1][1] > _CELL_GAP * size]
    cells = [
        Cell(_text(codes[visible[first] : visible[last] + 1]), boxes[first][0], boxes[last][1])
        for first, last in zip(starts, [*(k - 1 for k in starts[1:]), len(boxes) - 1], strict=True)
    ]
    bold = raw.FPDFText_GetFontWeight(text_page, middle) >= 600
    text = _text(codes[begin:end])
    return Line(text, page, boxes[0][0], boxes[-1][1], boxes[0][2], size, bold, tuple(cells))


def _text(codes: Sequence[int]) -> str:
    # pdfium may give a character beyond the basic plane as two surrogates
    text = "".join(map(chr, codes)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.translate(_HYPHENS).strip()


def _size(text_page: Any, index: int) -> float:  # noqa: ANN401
    """Type size on the page: many files set type of size 1 and enlarge it by the text's matrix."""
    matrix = raw.FS_MATRIX()
    scale = 1.0
    if raw.FPDFText_GetMatrix(text_page, index, ctypes.byref(matrix)):
        scale = math.hypot(matrix.c, matrix.d) or 1.0
    return round(max(float(raw.FPDFText_GetFontSize(text_page, index)) * scale, 1.0), 1)


def _box(text_page: Any, index: int) -> tuple[float, float, float]:  # noqa: ANN401
    """Left, right and foot of a character with the room that its font gives it: "." stands like "M"."""
    box = raw.FS_RECTF()
    raw.FPDFText_GetLooseCharBox(text_page, index, ctypes.byref(box))
    return box.left, box.right, box.bottom
