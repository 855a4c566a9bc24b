"""Lines of a PDF page that stand in columns -> tables.

A table is a run of lines with wide gaps whose parts fall into the same columns. What is centred over several
columns, or wraps inside a cell without any line that has two parts, is not recognised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ingest.parse_blocks import Block
from ingest.parse_lines import join
from ingest.parse_pdf_lines import Cell, Line
from ingest.parse_rows import table_blocks

__all__ = ["parted"]

_MARKER = re.compile(r"\W+|\(?\w{1,3}[.):]|\d+(?:\.\d+)+")
Column = tuple[float, float]


def parted(lines: Sequence[Line]) -> Iterator[list[Line] | list[Block]]:
    """Runs of the lines, in order: those of running text as they are, those of tables as their blocks."""
    text: list[Line] = []
    at = 0
    while at < len(lines):
        run = lines[at : at + 1] if lines[at].rows else _run(lines, at)
        blocks = table_blocks(map(list, lines[at].rows), lines[at].page) if lines[at].rows else _table(run)
        if not blocks:
            text.append(lines[at])
            at += 1
            continue
        if text:
            yield text
            text = []
        yield blocks
        at += len(run)
    if text:
        yield text


def _run(lines: Sequence[Line], at: int) -> Sequence[Line]:
    """Lines from ``at`` on that may be one table: with several cells, or going on in a column other than the
    first.
    """
    first = lines[at]
    # the gap after a bullet or a number is a list's
    if len(first.cells) < 2 or first.level or _MARKER.fullmatch(first.cells[0].text):
        return ()
    end, lefts = at + 1, [cell.left for cell in first.cells[1:]]
    last = first
    while end < len(lines):
        line = lines[end]
        near = abs(last.y - line.y) < 4 * line.size and abs(line.size - first.size) < 0.3 * first.size
        goes_on = len(line.cells) > 1 or any(abs(line.left - left) < 0.5 * line.size for left in lefts)
        if line.page != first.page or not near or not goes_on or line.level or line.rows:
            break
        if len(line.cells) > 1:
            lefts += [cell.left for cell in line.cells[1:]]
            last = line
        end += 1
    return lines[at:end]


def _columns(cells: Sequence[Cell]) -> list[Column]:
    """Where cells overlap, they are in one column."""
    columns: list[Column] = []
    for left, right in sorted((cell.left, cell.right) for cell in cells):
        if columns and left < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(right, columns[-1][1]))
        else:
            columns.append((left, right))
    return columns


def _table(run: Sequence[Line]) -> list[Block]:
    """The table that the run is, or nothing. A line with one cell continues the row before it."""
    full = [line for line in run if len(line.cells) > 1]
    if len(full) < 2:
        return []
    columns = _columns([cell for line in full for cell in line.cells])
    widest = max(len(line.cells) for line in full)
    # in justified text the gaps of neighbouring lines do not agree: their parts overlap to fewer columns
    if len(columns) < 2 or len(columns) < widest:
        return []
    # rows that stand farther apart than the lines of a cell tell the two from each other
    apart = [
        before.y - line.y
        for before, line in pairwise(run)
        if len(line.cells) > 1 and _column(columns, line.cells[0]) == 0
    ]
    rows: list[list[str]] = []
    last: list[Cell | None] = [None] * len(columns)
    for number, line in enumerate(run):
        starts = number == 0 or _column(columns, line.cells[0]) == 0
        tight = number > 0 and run[number - 1].y - line.y < 0.9 * min(apart, default=0.0)
        wrapped = all(_is_wrapped(last[_column(columns, cell)], cell, columns) for cell in line.cells)
        if len(line.cells) > 1 and (starts or not (tight or wrapped)):
            rows.append([""] * len(columns))
            last = [None] * len(columns)
        for cell in line.cells:
            column = _column(columns, cell)
            before = rows[-1][column]
            rows[-1][column] = join(before, cell.text) if before else cell.text
            last[column] = cell
    return table_blocks(rows, run[0].page)


def _column(columns: Sequence[Column], cell: Cell) -> int:
    middle = (cell.left + cell.right) / 2
    return min(range(len(columns)), key=lambda i: _distance(columns[i], middle))


def _is_wrapped(before: Cell | None, cell: Cell, columns: Sequence[Column]) -> bool:
    """Whether the cell's first word would not have fitted behind the line above it."""
    if before is None:
        return False
    word = 1 if cell.text[0] >= "\u2e80" else len(cell.text.split(" ", 1)[0])
    width = (cell.right - cell.left) * (word + 1) / (len(cell.text) + 1)
    return before.right + width > columns[_column(columns, cell)][1]


def _distance(column: Column, x: float) -> float:
    left, right = column
    return max(left - x, x - right, 0.0)
