"""Lines of a page -> the order in which they are read, where the page is set in columns.

A page is cut at its gutters, again and again, as in the recursive X-Y cut (Nagy & Seth 1984; Ha, Haralick &
Phillips 1995). A gutter is a tall empty rectangle that many lines begin at (Breuel 2002, "Two geometric
algorithms for layout analysis"), so a title or table across the page parts it in two instead of hiding it.
Columns of a table have gutters too: what is cut must look like running text, or be written column by column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ingest.parse_pdf_lines import Cell, Line, cells_of

__all__ = ["reading_order"]

# Fewer lines side by side are no columns
_FEWEST, _FEWEST_TABULAR = 3, 5
# In type sizes: how far left edges of one column differ; narrowest column; white band that parts a page
_EDGE, _NARROWEST, _BAND = 0.4, 8.0, 4.0
# Share of lines that reach from one edge of their column to the other
_FULL = 0.3
# Where lines of both sides stand at one height, as rows of a table do: share, width, words or Han in a line
_LEVEL_FULL, _LEVEL_NARROWEST, _LEVEL_WORDS = 0.5, 16.0, 5.0
# Share of a column that the file holds in one stretch, where it is written column by column
_BY_COLUMN = 0.6
_DEEPEST = 12
_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


class _Piece(NamedTuple):
    """A cell of a line; ``order`` is its place in the file."""

    left: float
    right: float
    y: float
    size: float
    order: int
    line: Line
    words: tuple[Cell, ...]


class _Run(NamedTuple):
    """Pieces ``begin`` to ``end``, from the top, stand on either side of ``x``."""

    begin: int
    end: int
    x: float


def reading_order(lines: Sequence[Line]) -> list[Line]:
    """The lines of one page, given in the order of the file, as they are read. A line that runs across
    a gutter becomes two.
    """
    pieces = list(_pieces(lines))
    pieces.sort(key=lambda piece: -piece.y)
    return _cut(pieces, 0)


def _pieces(lines: Iterable[Line]) -> Iterable[_Piece]:
    order = 0
    for line in lines:
        at = 0
        for cell in line.cells:
            count = cell.text.count(" ") + 1
            words = line.words[at : at + count]
            yield _Piece(cell.left, cell.right, line.y, line.size, order, line, words)
            at += count
            order += 1


def _cut(pieces: list[_Piece], depth: int) -> list[Line]:
    """``pieces`` from the top of the page down."""
    run = _tallest(pieces) if depth < _DEEPEST else None
    if run is None:
        return _leaf(pieces)
    inside = pieces[run.begin : run.end]
    parts = (
        pieces[: run.begin],
        [piece for piece in inside if piece.left < run.x],
        [piece for piece in inside if piece.left >= run.x],
        pieces[run.end :],
    )
    return [line for part in parts if part for line in _cut(part, depth + 1)]


def _tallest(pieces: Sequence[_Piece]) -> _Run | None:
    """The gutter with most pieces beside it."""
    best: _Run | None = None
    for x in _left_edges(pieces):
        for whole in _runs(pieces, x):
            for run in _trimmed(pieces, whole):
                taller = best is None or run.end - run.begin > best.end - best.begin
                if taller and _are_columns(pieces, run):
                    best = run
    return best


def _left_edges(pieces: Sequence[_Piece]) -> list[float]:
    """Where several pieces begin, but for the leftmost place."""
    edges: list[float] = []
    lefts = sorted((piece.left, piece.size) for piece in pieces)
    first, count = lefts[0] if lefts else (0.0, 1.0), 0
    for left, size in [*lefts, (float("inf"), 1.0)]:
        if left - first[0] > _EDGE * size:
            if count >= _FEWEST:
                edges.append(first[0] - 0.1 * first[1])
            first, count = (left, size), 0
        count += 1
    return edges[1:] if edges and edges[0] <= lefts[0][0] else edges


def _runs(pieces: Sequence[_Piece], x: float) -> Iterable[_Run]:
    """Stretches from top to foot in which no piece crosses ``x``."""
    begin = 0
    for index, piece in enumerate(pieces):
        if piece.left < x - piece.size and piece.right > x + 0.2 * piece.size:
            if index - begin >= 2 * _FEWEST:
                yield _Run(begin, index, x)
            begin = index + 1
    if len(pieces) - begin >= 2 * _FEWEST:
        yield _Run(begin, len(pieces), x)


def _trimmed(pieces: Sequence[_Piece], run: _Run) -> Iterable[_Run]:
    """Where the file goes down one side and then the other, the part of the run in which it does: what stands
    above and below (a table, a foot) belongs to both. Otherwise the parts between white bands.
    """
    inside = pieces[run.begin : run.end]
    stretches = _stretches(inside, run.x)
    if all(map(_by_column, stretches)):
        left, right = ([piece.y for piece in max(found, key=len)] for found in stretches)
        top, foot = max(left + right), min(left + right)
        above = sum(piece.y > top for piece in inside)
        below = sum(piece.y < foot for piece in inside)
        yield _Run(run.begin + above, run.end - below, run.x)
        return
    begin = run.begin
    for index in range(run.begin + 1, run.end):
        if pieces[index - 1].y - pieces[index].y > _BAND * pieces[index].size:
            yield _Run(begin, index, run.x)
            begin = index
    yield _Run(begin, run.end, run.x)


class _Side(NamedTuple):
    rows: int
    width: float
    full: float


def _side(pieces: Sequence[_Piece]) -> _Side:
    """How many rows of text the pieces make, how wide they are (in type sizes), and the share of the rows
    that fill the width.
    """
    rows: list[list[_Piece]] = []
    for piece in pieces:
        if rows and rows[-1][0].y - piece.y < 0.3 * piece.size:
            rows[-1].append(piece)
        else:
            rows.append([piece])
    left = sorted(piece.left for piece in pieces)[len(pieces) // 20]
    right = sorted(piece.right for piece in pieces)[-1 - len(pieces) // 20]
    size = sorted(piece.size for piece in pieces)[len(pieces) // 2]
    inked = [sum(piece.right - piece.left for piece in row) for row in rows]
    full = sum(ink >= 0.75 * (right - left) for ink in inked)
    return _Side(len(rows), (right - left) / size, full / len(rows))


def _words(pieces: Sequence[_Piece]) -> int:
    """Words, each Han or Kana counted as one."""
    return sum(1 + len(_HAN.findall(word.text)) for piece in pieces for word in piece.words)


def _are_columns(pieces: Sequence[_Piece], run: _Run) -> bool:
    inside, x = pieces[run.begin : run.end], run.x
    lefts = [piece for piece in inside if piece.left < x]
    rights = [piece for piece in inside if piece.left >= x]
    if min(len(lefts), len(rights)) < _FEWEST:
        return False
    left, right = _side(lefts), _side(rights)
    if min(left.rows, right.rows) < _FEWEST or min(left.width, right.width) < _NARROWEST / 2:
        return False
    stretches = _stretches(inside, x)
    by_column = all(map(_by_column, stretches))
    gutter = x - sorted(piece.right for piece in lefts)[-1 - len(lefts) // 20]
    if gutter < (0 if by_column else 0.3) * inside[0].size:
        return False
    # cells of several lines, written one by one, begin at one height, and so do the rows of a table; lines of
    # columns do only by chance
    pairs = list(zip(*stretches, strict=False))
    level = sum(abs(a[0].y - b[0].y) < 0.3 * a[0].size for a, b in pairs)
    running = min(left.full, right.full) >= _FULL and min(left.width, right.width) >= _NARROWEST
    if by_column:
        enough = running or min(left.rows, right.rows) >= _FEWEST_TABULAR
        return enough and _as_written(pieces, run, lefts, rights)
    if level > 0.75 * len(pairs):
        by_line = len(pairs) >= 0.6 * min(left.rows, right.rows)
        full = min(left.full, right.full) >= _LEVEL_FULL
        wide = min(left.width, right.width) >= _LEVEL_NARROWEST
        words = min(_words(lefts) / left.rows, _words(rights) / right.rows)
        return by_line and full and wide and words >= _LEVEL_WORDS
    return running


def _as_written(
    pieces: Sequence[_Piece], run: _Run, lefts: Sequence[_Piece], rights: Sequence[_Piece]
) -> bool:
    """Whether a cut here agrees with the order of the file, but for a few lines such as heads and feet."""
    first = min(piece.order for piece in lefts)
    last = max(piece.order for piece in rights)
    early = sum(piece.order > first for piece in pieces[: run.begin])
    late = sum(piece.order < last for piece in pieces[run.end :])
    return early + late <= max(_FEWEST, 0.1 * (run.end - run.begin))


def _stretches(pieces: Sequence[_Piece], x: float) -> tuple[list[list[_Piece]], list[list[_Piece]]]:
    """Pieces left and right of ``x``, each in the stretches in which the file holds them."""
    sides: tuple[list[list[_Piece]], list[list[_Piece]]] = ([], [])
    before = -1
    for piece in sorted(pieces, key=lambda piece: piece.order):
        side = int(piece.left >= x)
        if side != before:
            sides[side].append([])
        sides[side][-1].append(piece)
        before = side
    return sides


def _by_column(stretches: Sequence[Sequence[_Piece]]) -> bool:
    counts = [len(stretch) for stretch in stretches]
    return max(counts, default=0) > _BY_COLUMN * sum(counts)


def _leaf(pieces: Sequence[_Piece]) -> list[Line]:
    """The order of the file, which authors' programs get right where nothing stands side by side; stretches
    of it that begin higher up the page than the one before ended are put in their place.
    """
    stretches: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda piece: piece.order):
        if stretches and piece.y - stretches[-1][-1].y < 0.8 * piece.size:
            stretches[-1].append(piece)
        else:
            stretches.append([piece])
    bands: list[list[list[_Piece]]] = []
    foot = float("inf")
    for stretch in sorted(stretches, key=lambda stretch: -stretch[0].y):
        if bands and stretch[0].y > foot:
            bands[-1].append(stretch)
            foot = min(foot, stretch[-1].y)
        else:
            bands.append([stretch])
            foot = stretch[-1].y
    return [line for band in bands for line in _joined(_rows(band))]


def _rows(band: list[list[_Piece]]) -> list[_Piece]:
    """Stretches side by side: cells of a table, from row to row; otherwise one after the other."""
    flat = [piece for stretch in sorted(band, key=lambda stretch: stretch[0].order) for piece in stretch]
    if len(band) == 1:
        return flat
    tops = [stretch[0] for stretch in band]
    level = sum(abs(piece.y - tops[0].y) < 0.3 * piece.size for piece in tops)
    short = (
        max(map(len, band)) <= 2 * _FEWEST
        or min(
            max(piece.right for piece in stretch) - min(piece.left for piece in stretch) for stretch in band
        )
        < 4 * tops[0].size
    )
    if level < 0.7 * len(band) or not short:
        return flat
    flat.sort(key=lambda piece: (-piece.y, piece.left))
    rows: list[list[_Piece]] = []
    for piece in flat:
        if rows and rows[-1][0].y - piece.y < 0.3 * piece.size:
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [piece for row in rows for piece in sorted(row, key=lambda piece: piece.left)]


def _joined(pieces: Sequence[_Piece]) -> list[Line]:
    """Lines again: neighbours at one height that go on to the right are one."""
    groups: list[list[_Piece]] = []
    for piece in pieces:
        last = groups[-1][-1] if groups else None
        if last is not None and (
            piece.line is last.line
            or (abs(piece.y - last.y) < 0.2 * piece.size and piece.left > last.right + 0.5 * piece.size)
        ):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return [_line(group) for group in groups]


def _line(group: Sequence[_Piece]) -> Line:
    line = group[0].line
    if all(piece.line is line for piece in group) and len(group) == len(line.cells):
        return line
    words = tuple(word for piece in group for word in piece.words)
    return Line(
        " ".join(word.text for word in words),
        line.page,
        min(word.left for word in words),
        max(word.right for word in words),
        group[0].y,
        group[0].size,
        line.bold,
        words,
        cells_of(words, group[0].size),
    )
