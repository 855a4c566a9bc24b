"""A PDF page -> lines of text with their places and type size, as pdfium gives them.

Lengths are in points, turned so that the page's text runs from left to right: a page that lies on its side,
or Japanese set in columns from top to bottom, looks like any other to what comes after.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import pypdfium2.raw

__all__ = ["Cell", "Line", "cells_of", "page_lines", "page_text", "spelt"]

raw: Any = pypdfium2.raw  # it has no types
# pdfium's marks for a hyphen that it found at a line's end
_HYPHENS = {0xFFFE: "\u2010", 0x02: "\u2010"}
_LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
# Fonts that share a glyph between a radical and the character often name the radical. NFKC knows the Kangxi
# radicals only, and makes 戶 of ⼾, where the files that do this are nearly all in simplified characters
_RADICALS = {
    code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x2F00, 0x2FD6)
} | str.maketrans(
    "⼾⺠⺟⻁⻄⻅⻉⻋⻑⻓⻔⻘⻙⻚⻛⻜⻝⻢⻤⻥⻦⻧⻨⻩⻬⻮⻰",
    "户民母虎西见贝车長长门青韦页风飞食马鬼鱼鸟卤麦黄齐齿龙",
)
_SPELLING = str.maketrans(_HYPHENS | _LIGATURES | _RADICALS)
# A line ends at a line feed, or after a hyphen that parts a word: there pdfium puts only its mark
_LINE = re.compile("[^\r\n\x02\ufffe]*[\x02\ufffe]|[^\r\n\x02\ufffe]+")
_WORD = re.compile("[^\x00\x01\x03-\x20\xa0]+")
# The dots of a table of contents
_LEADERS = re.compile(r"(?: ?[.·․…]){5,}")
# A gap wider than this many type sizes parts two cells; blanks between words take a third of one
_CELL_GAP = 1.0
_HEAVY = re.compile(
    r"bold|black|heavy|demi|[-,]bd|(?:cm|sf|ec)(?:ss)?bx|simhei|stheiti|[-+]hei|gothic(?:bbb|mb101)|-?xbsjw",
    re.IGNORECASE,
)
_HEAVY_WEIGHT, _FORCE_BOLD = 600, 1 << 18
_UPRIGHT, _DOWN, _AWRY = 0, 1, 4
# Quarters of a turn that a page may lie askew
_ASKEW = 0.15


class Cell(NamedTuple):
    """A run of characters without a gap: a word, or the words in one column of a table."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line as it stands on its page; lengths in points, y upwards from the foot.

    ``words`` are what blanks part, ``cells`` what gaps wider than a letter part: a line of running text has
    one. ``level`` is a heading's rank where the file's outline names the line, else 0. A line with ``rows``
    of cells stands for a ruled table.
    """

    text: str
    page: int
    left: float
    right: float
    y: float
    size: float
    bold: bool
    words: tuple[Cell, ...] = field(default=(), repr=False)
    cells: tuple[Cell, ...] = field(default=(), repr=False)
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = field(default=(), repr=False)


Box = tuple[float, float, float, float]


def page_text(text_page: Any) -> str:  # noqa: ANN401 - pypdfium2 has no types
    """All characters of a page, one for each of pdfium's: what it could not name is U+0000, half a character
    beyond the basic plane is a surrogate.
    """
    total = text_page.count_chars()
    if total <= 0:
        return ""
    buffer = (ctypes.c_ushort * (total + 1))()
    written = raw.FPDFText_GetText(text_page, 0, total, buffer) - 1
    text = bytes(buffer)[: 2 * written].decode("utf-16-le", "surrogatepass")
    if len(text) == total:
        return text
    # pdfium leaves out what it cannot name; one call for each character tells which
    return "".join(chr(raw.FPDFText_GetUnicode(text_page, index)) for index in range(total))


def page_lines(text_page: Any, text: str, page: int) -> tuple[list[Line], list[Line], int]:  # noqa: ANN401
    """Lines of the page in the order of the file, those that run in another direction than most of it
    (stamps, watermarks), and by how many quarters most of it is turned; ``text`` is what page_text gave.
    """
    found: dict[int, list[Line]] = {}
    reader = _Reader(text_page, page)
    for match in _LINE.finditer(text):
        spans = [word.span() for word in _WORD.finditer(text, match.start(), match.end())]
        if spans and match[0].strip("\x02\ufffe \xa0"):
            turn, line = reader.line(text, spans)
            found.setdefault(turn, []).append(line)
    if not found:
        return [], [], _UPRIGHT
    main = max(found, key=lambda turn: sum(len(line.text) for line in found[turn]))
    strays = [line for turn, lines in found.items() if turn != main for line in lines]
    return found[main], strays, main


class _Reader:
    """Asks pdfium about the characters of one page, as seldom as possible: each question takes longer than
    pdfium's own work.
    """

    def __init__(self, text_page: Any, page: int) -> None:  # noqa: ANN401
        self._text_page = text_page
        self._page = page
        self._rect = raw.FS_RECTF()
        self._rect_ref = ctypes.byref(self._rect)
        self._matrix = raw.FS_MATRIX()
        self._matrix_ref = ctypes.byref(self._matrix)
        self._name = ctypes.create_string_buffer(80)
        self._flags = ctypes.c_int()
        self._flags_ref = ctypes.byref(self._flags)

    def line(self, text: str, spans: list[tuple[int, int]]) -> tuple[int, Line]:
        """The line that the words at ``spans`` make, and by how many quarters it is turned."""
        begin, end = spans[len(spans) // 2]
        probe = (begin + end) // 2
        quarters = float(raw.FPDFText_GetCharAngle(self._text_page, probe)) / (math.pi / 2)
        turn = round(quarters) % 4 if abs(quarters - round(quarters)) < _ASKEW else _AWRY
        boxes = [(self._box(begin), self._box(end - 1)) for begin, end in spans]
        if turn == _UPRIGHT and _is_vertical(boxes[0][0], boxes[-1][1]):
            turn = _DOWN
        if turn not in (_UPRIGHT, _AWRY):
            boxes = [(_turned(a, turn), _turned(b, turn)) for a, b in boxes]
        # of a word from right to left the first letter is the rightmost
        words = tuple(
            [
                Cell(spelt(text[begin:end]), min(a[0], b[0]), max(a[2], b[2]))
                for (begin, end), (a, b) in zip(spans, boxes, strict=True)
            ]
        )
        size = self._size(probe)
        return turn, Line(
            _LEADERS.sub(" …", " ".join([word.text for word in words])),
            self._page,
            min([word.left for word in words]),
            max([word.right for word in words]),
            boxes[0][0][1],
            size,
            # a bold word in the middle of a line makes no heading of it
            self._is_bold(probe) and self._is_bold(spans[0][0]) and self._is_bold(spans[-1][1] - 1),
            words,
            cells_of(words, size),
        )

    def _box(self, index: int) -> Box:
        """Left, foot, right, top of a character with the room that its font gives it: "." stands like "M"."""
        rect = self._rect
        raw.FPDFText_GetLooseCharBox(self._text_page, index, self._rect_ref)
        return rect.left, rect.bottom, rect.right, rect.top

    def _size(self, index: int) -> float:
        """Type size on the page: many files set type of size 1 and enlarge it by the text's matrix."""
        scale = 1.0
        if raw.FPDFText_GetMatrix(self._text_page, index, self._matrix_ref):
            scale = math.hypot(self._matrix.c, self._matrix.d) or 1.0
        return round(max(float(raw.FPDFText_GetFontSize(self._text_page, index)) * scale, 1.0), 1)

    def _is_bold(self, index: int) -> bool:
        if raw.FPDFText_GetFontWeight(self._text_page, index) >= _HEAVY_WEIGHT:
            return True
        raw.FPDFText_GetFontInfo(self._text_page, index, self._name, 80, self._flags_ref)
        return bool(self._flags.value & _FORCE_BOLD) or _names_bold(self._name.value)


def cells_of(words: tuple[Cell, ...], size: float) -> tuple[Cell, ...]:
    """The words joined to cells, where no gap is wider than a letter."""
    gap = _CELL_GAP * size
    starts = [0] + [i for i in range(1, len(words)) if words[i].left - words[i - 1].right > gap]
    return tuple(
        Cell(" ".join([w.text for w in words[a:b]]), words[a].left, words[b - 1].right)
        for a, b in zip(starts, [*starts[1:], len(words)], strict=True)
    )


def spelt(text: str) -> str:
    """The text as it is meant: without ligatures, radicals for characters and halves of characters."""
    # pdfium may give a character beyond the basic plane as two surrogates
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.translate(_SPELLING)


def _is_vertical(first: Box, last: Box) -> bool:
    """Whether upright letters stand below each other."""
    down = first[3] - last[3]
    return down > 3 * abs(last[0] - first[0]) and down > 0.5 * (first[3] - first[1])


def _turned(box: Box, turn: int) -> Box:
    """The box on the page turned back by so many quarters: ``turn`` 1 is text that runs down."""
    left, bottom, right, top = box
    if turn == 1:
        return -top, left, -bottom, right
    if turn == 2:
        return -right, -top, -left, -bottom
    return bottom, -right, top, -left


@lru_cache(maxsize=512)
def _names_bold(name: bytes) -> bool:
    return _HEAVY.search(name.decode("utf-8", "replace")) is not None
