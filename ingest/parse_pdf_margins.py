"""Running heads and feet of a document's pages: found by where they stand, and dropped.

A row at the edge of a page is running when the same words, digits aside, stand at the same height of a page
near it (the next, or the one after, where left and right pages differ), when it is nothing but a page number,
or when it carries a number that counts up with the pages at that height.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.parse_pdf_lines import Line

__all__ = ["is_page_number", "without_running"]

# Rows looked at from each edge; pages that are near; in points, how far running rows move from page to page
_ROWS, _NEAR, _MOVES = 3, 2, 2.5
# A row that is on fewer pages is running only when it is set apart: smaller than the text, or far from it
_OFTEN = 3
_SMALLER, _APART = 0.93, 1.8
_ROMAN = re.compile(r"c{0,3}(?:x[cl]|l?x{0,3})(?:i[xv]|v?i{0,3})")
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_ROMAN_WORD = re.compile(r"(?:^[ivxlc]+(?= )|(?<= )[ivxlc]+$)")
_DIGITS = re.compile(r"\d+")
_FRAME = r"[\s\-–—―─·•|~\[\]()（）【】<>/]*"
_COUNT = r"(?:\d{1,5}|[〇零一二三四五六七八九十百]{1,6})"
# "Page 3 of 10", "Seite 3", "- 3 -", "3 / 10", "第3页 共10页", "3 ページ"
_NUMBER_ROW = re.compile(
    rf"{_FRAME}(?:"
    rf"(?:page|pg\.?|p\.|seite|s\.|página|pagina|pág\.|strona|str\.|стр\.?|страница|sida|side|sayfa)\s*{_COUNT}"
    rf"(?:\s*(?:of|/|von|sur|de|di|av|z|из)\s*{_COUNT})?"
    rf"|第\s*{_COUNT}\s*[页頁](?:\s*[,，/／（(]?\s*[共全]\s*{_COUNT}\s*[页頁])?"
    rf"|[共全]\s*{_COUNT}\s*[页頁]\s*[,，/／]?\s*第\s*{_COUNT}\s*[页頁]"
    rf"|{_COUNT}\s*(?:页|頁|ページ|쪽)"
    rf"|\d{{1,5}}\s*(?:/|of|von|sur|из)\s*\d{{1,5}}"
    rf"){_FRAME}$",
    re.IGNORECASE,
)
_DASHED = re.compile(r"\s*[\-–—―─·•~|\[(（【<]+\s*(?:\d{1,4}|[ivxlc]+)\s*[\-–—―─·•~|\])）】>]+\s*$")


@dataclass(slots=True)
class _Row:
    """Lines at one height; ``at`` is its place from the edge, 0 the outermost, ``gap`` the distance to the
    next row inwards, in type sizes.
    """

    lines: list[Line]
    page: int
    at: int
    gap: float = 0.0
    text: str = ""
    key: str = ""
    number: int | None = None
    bare: bool = False
    running: bool = False

    @property
    def y(self) -> float:
        return self.lines[0].y

    @property
    def size(self) -> float:
        return max(line.size for line in self.lines)


def is_page_number(text: str) -> bool:
    """Whether the text says by itself that it is a page's number; a bare number does not."""
    return _NUMBER_ROW.match(text) is not None or _DASHED.match(text) is not None


def without_running(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """The pages' lines, in the order given, without running heads and feet."""
    body = _body_size(pages)
    dropped: set[int] = set()
    for top in (True, False):
        edges = [_edge(lines, top) for lines in pages]
        _mark(edges, body)
        for number, rows in enumerate(edges):
            dropped |= {id(line) for row in _peeled(rows, number == 0, body) for line in row.lines}
    return [[line for line in lines if id(line) not in dropped] for lines in pages]


def _body_size(pages: Sequence[Sequence[Line]]) -> float:
    sizes = Counter[float]()
    for lines in pages:
        for line in lines:
            sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 1.0


def _edge(lines: Sequence[Line], top: bool) -> list[_Row]:
    """The outermost rows of a page, and their distances to the rows inside of them."""
    rows: list[_Row] = []
    for line in sorted(lines, key=lambda line: -line.y if top else line.y):
        if rows and abs(rows[-1].y - line.y) < 0.5 * line.size:
            rows[-1].lines.append(line)
            continue
        if rows:
            rows[-1].gap = abs(rows[-1].y - line.y) / line.size
        if len(rows) > _ROWS:
            break
        rows.append(_Row([line], line.page, len(rows)))
    for row in rows:
        row.lines.sort(key=lambda line: line.left)
        row.text = " ".join(line.text for line in row.lines)
        row.key = _ROMAN_WORD.sub("#", _DIGITS.sub("#", row.text))
        row.number, row.bare = _number(row.text)
    return rows


def _number(text: str) -> tuple[int | None, bool]:
    """The number that the row begins or ends with, and whether there is nothing else in it."""
    words = text.strip("-–—·•|[]() ").split()
    for word in (*words[-1:], *words[:1]):
        word = word.strip("-–—·•|[]().")
        bare = len(words) == 1
        if word.isdecimal() and len(word) <= 5:
            return int(word), bare
        if bare and word.isupper():
            word = word.lower()
        if word and _ROMAN.fullmatch(word):
            values = [_ROMAN_VALUES[letter] for letter in word]
            ahead = [*values[1:], 0]
            return sum(-v if v < after else v for v, after in zip(values, ahead, strict=True)), bare
    return None, False


def _mark(edges: Sequence[Sequence[_Row]], body: float) -> None:
    """Say which rows are running."""
    repeated = Counter((row.key, round(row.y)) for rows in edges for row in rows[:_ROWS])
    counting = Counter[int]()
    counts: list[_Row] = []
    for page, rows in enumerate(edges):
        for row in rows[:_ROWS]:
            near = [
                other
                for step in range(-_NEAR, _NEAR + 1)
                if step and 0 <= page + step < len(edges)
                for other in edges[page + step][:_ROWS]
                if abs(other.y - row.y) < _MOVES
            ]
            apart = row.size < _SMALLER * body or row.gap > _APART
            apart = apart and (row.at == 0 or len(edges) <= _OFTEN)
            often = sum(repeated[row.key, round(row.y) + step] for step in (-1, 0, 1)) >= _OFTEN
            row.running = (often or apart) and any(other.key == row.key for other in near)
            row.running |= is_page_number(row.text) or (row.bare and row.number == page + 1)
            if row.number is not None and any(
                other.number == row.number + other.page - row.page for other in near
            ):
                counting[round(row.y)] += 1
                counts.append(row)
    for row in counts:
        here = sum(counting[round(row.y) + step] for step in (-1, 0, 1))
        # a title with a number in front may count up too, but stands in larger type, or on few pages
        row.running |= row.bare or (here >= max(_OFTEN, 0.2 * len(edges)) and row.size <= 1.05 * body)
    for row in (row for rows in edges for row in rows[:1] if row.bare):
        row.running |= sum(counting[round(row.y) + step] for step in (-1, 0, 1)) >= _OFTEN


def _peeled(rows: Sequence[_Row], first_page: bool, body: float) -> list[_Row]:
    """The running rows from the edge inwards, as long as they are running."""
    found: list[_Row] = []
    for row in rows[:_ROWS]:
        if not row.running or (first_page and row.size > 1.1 * body):
            break
        found.append(row)
    # a table that goes on over pages repeats its header
    if found and len(found) < len(rows) and _heads(found[-1], rows[len(found)]):
        found.pop()
    return found


def _heads(row: _Row, inner: _Row) -> bool:
    lefts = [cell.left for line in row.lines for cell in line.cells]
    below = [cell.left for line in inner.lines for cell in line.cells]
    if min(len(lefts), len(below)) < 2 or row.gap > 2.2:
        return False
    return sum(any(abs(a - b) < row.size for b in below) for a in lefts) >= 2
