"""Ruled tables: rules that meet, and the words between them -> rows of cells.

Where a rule between two cells is missing they are one, as they are to the eye.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ingest.parse_lines import join
from ingest.parse_pdf_lines import Cell, Line, cells_of
from ingest.parse_pdf_rules import Rule

__all__ = ["with_tables"]

# In points: how far rules that meet may be apart
_NEAR = 3.0
_MOST_MEETINGS = 1_000_000
# Share of cells with text below which a grid is a form, a frame or a drawing
_FILLED = 0.3


# With so few rows, rules may only set the head apart; so many lines that stand level are rows
_FEW_ROWS, _EVEN = 4, 8
Place = tuple[int, int]
# Lines of a cell from the top, with the words of each that are in it
Stack = list[tuple[Line, list[Cell]]]


@dataclass(frozen=True, slots=True)
class _Grid:
    """``xs`` from the left, ``ys`` from the top; ``level`` and ``upright`` are the rules that make it."""

    xs: list[float]
    ys: list[float]
    level: list[Rule]
    upright: list[Rule]

    def has_word(self, x: float, y: float) -> bool:
        return self.xs[0] < x < self.xs[-1] and self.ys[-1] < y < self.ys[0]

    def joins_left(self, row: int, column: int) -> bool:
        """Whether no rule parts the cell from the one on its left."""
        x, y = self.xs[column], (self.ys[row] + self.ys[row + 1]) / 2
        return not any(abs(rule.left - x) <= _NEAR and rule.foot <= y <= rule.top for rule in self.upright)

    def joins_above(self, row: int, column: int) -> bool:
        """Whether no rule parts the cell from the one above."""
        x, y = (self.xs[column] + self.xs[column + 1]) / 2, self.ys[row]
        return not any(abs(rule.foot - y) <= _NEAR and rule.left <= x <= rule.right for rule in self.level)


def with_tables(lines: Sequence[Line], rules: Sequence[Rule]) -> list[Line]:
    """The lines of one page, those of each ruled table replaced by one line that carries its rows."""
    kept = list(lines)
    for grid in _grids(rules):
        table = _table(grid, kept)
        if table is not None:
            kept = list(_replaced(kept, grid, table))
    return kept


def _grids(rules: Sequence[Rule]) -> list[_Grid]:
    level = _merged([rule for rule in rules if rule.level])
    upright = [Rule(*_swapped(rule)) for rule in _merged([Rule(*_swapped(r)) for r in rules if not r.level])]
    if not level or not upright or len(level) * len(upright) > _MOST_MEETINGS:
        return []
    parents = list(range(len(level) + len(upright)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for i, a in enumerate(level):
        for j, b in enumerate(upright, len(level)):
            if a.left - _NEAR <= b.left <= a.right + _NEAR and b.foot - _NEAR <= a.foot <= b.top + _NEAR:
                parents[root(j)] = root(i)
    members: dict[int, list[Rule]] = {}
    for index, rule in enumerate((*level, *upright)):
        members.setdefault(root(index), []).append(rule)
    grids = (_grid(found) for found in members.values())
    return [grid for grid in grids if grid is not None]


def _swapped(rule: Rule) -> tuple[float, float, float, float]:
    return rule.foot, rule.left, rule.top, rule.right


def _merged(rules: Sequence[Rule]) -> list[Rule]:
    """Level rules, those that go on from one another made one: each cell may draw its own border."""
    found: list[Rule] = []
    for rule in sorted(rules, key=lambda rule: (round(rule.foot), rule.left)):
        last = found[-1] if found else None
        if last is not None and abs(last.foot - rule.foot) <= 1 and rule.left <= last.right + _NEAR:
            found[-1] = Rule(last.left, last.foot, max(last.right, rule.right), last.foot)
        else:
            found.append(rule)
    return found


def _grid(rules: Sequence[Rule]) -> _Grid | None:
    level = [rule for rule in rules if rule.level]
    upright = [rule for rule in rules if not rule.level]
    if len(level) < 2 or not upright:
        return None
    xs = _places([rule.left for rule in rules] + [rule.right for rule in level])
    ys = _places([rule.foot for rule in rules] + [rule.top for rule in upright])[::-1]
    cells = (len(xs) - 1) * (len(ys) - 1)
    if len(xs) < 3 or len(ys) < 3 or cells * len(rules) > _MOST_MEETINGS:
        return None
    return _Grid(xs, ys, level, upright)


def _places(values: Sequence[float]) -> list[float]:
    places: list[float] = []
    for value in sorted(values):
        if not places or value - places[-1] > _NEAR:
            places.append(value)
    return places


def _middle(line: Line) -> float:
    return line.y + 0.4 * line.size


def _holds(grid: _Grid, line: Line, word: Cell) -> bool:
    return grid.has_word(word.left + min(word.right - word.left, line.size) / 2, _middle(line))


def _replaced(lines: Sequence[Line], grid: _Grid, table: Line) -> Iterator[Line]:
    placed = False
    for line in lines:
        words = tuple(word for word in line.words if not _holds(grid, line, word))
        if len(words) < len(line.words) and not placed:
            placed = True
            yield table
        if len(words) == len(line.words):
            yield line
        elif words:
            yield replace(
                line,
                text=" ".join(word.text for word in words),
                left=words[0].left,
                right=words[-1].right,
                words=words,
                cells=cells_of(words, line.size),
            )


def _table(grid: _Grid, lines: Sequence[Line]) -> Line | None:
    """The grid's text as a line that stands for it, or None when it is no table."""
    found = _found(grid, lines)
    rows = list(_rows(grid, found))
    used = [column for column in range(len(grid.xs) - 1) if any(row[column] for row in rows)]
    rows = [[row[column] for column in used] for row in rows]
    filled = sum(bool(cell) for row in rows for cell in row)
    if len(rows) < 2 or len(used) < 2 or filled < _FILLED * len(rows) * len(used):
        return None
    if sum(sum(map(bool, row)) > 1 for row in rows) < 2:
        return None
    first = max((line for rows in found.values() for line, _ in rows), key=lambda line: line.y)
    text = " ".join(cell for row in rows for cell in row if cell)
    cell = Cell(text, grid.xs[0], grid.xs[-1])
    return replace(
        first,
        text=text,
        left=cell.left,
        right=cell.right,
        bold=False,
        words=(cell,),
        cells=(cell,),
        rows=tuple(map(tuple, rows)),
    )


def _found(grid: _Grid, lines: Sequence[Line]) -> dict[Place, Stack]:
    """What stands in each cell that has text, by row and column of its first corner."""
    heights = [-y for y in grid.ys]
    roots = _roots(grid)
    found: dict[Place, Stack] = {}
    for line in sorted(lines, key=lambda line: -line.y):
        for word in line.words:
            if not _holds(grid, line, word):
                continue
            x = word.left + min(word.right - word.left, line.size) / 2
            row = min(bisect_right(heights, -_middle(line)), len(grid.ys) - 1) - 1
            column = min(bisect_right(grid.xs, x), len(grid.xs) - 1) - 1
            stack = found.setdefault(roots[row, column], [])
            if not stack or stack[-1][0].y - line.y > 0.3 * line.size:
                stack.append((line, []))
            stack[-1][1].append(word)
    return found


def _roots(grid: _Grid) -> dict[Place, Place]:
    """For each cell the first corner of the one that it is part of."""
    roots: dict[Place, Place] = {}
    for row in range(len(grid.ys) - 1):
        for column in range(len(grid.xs) - 1):
            if column and grid.joins_left(row, column):
                roots[row, column] = roots[row, column - 1]
            elif row and grid.joins_above(row, column):
                roots[row, column] = roots[row - 1, column]
            else:
                roots[row, column] = (row, column)
    return roots


def _rows(grid: _Grid, found: Mapping[Place, Stack]) -> Iterator[list[str]]:
    """Rows with text. That of a cell over several rows stands in each."""
    roots = _roots(grid)
    columns, count = len(grid.xs) - 1, len(grid.ys) - 1
    texts = {root: _joined(stack) for root, stack in found.items()}
    for row in range(count):
        stacks = [found.get((row, column), []) for column in range(columns)]
        if count <= _FEW_ROWS and max(map(len, stacks)) > 1:
            yield from _unruled(stacks, grid.xs[1:])
            continue
        places = [roots[row, column] for column in range(columns)]
        cells = [texts.get(place, "") if place[1] == i else "" for i, place in enumerate(places)]
        if any(cells):
            yield cells


def _unruled(stacks: Sequence[Stack], edges: Sequence[float]) -> Iterator[list[str]]:
    """The rows of a body without rules inside. A line that could have held the next word ends its row."""
    pending: list[Stack] = [[] for _ in stacks]
    heights = sorted({line.y for stack in stacks for line, _ in stack}, reverse=True)
    lead = next(index for index, stack in enumerate(stacks) if stack)
    counts = [len(stack) for stack in stacks if stack]
    # lines at one height in all columns, too many for chance
    even = set(counts) == {len(heights)} and len(counts) * len(heights) >= _EVEN and len(counts) > 1
    for y in heights:
        here = [
            next((one for one in stack if abs(one[0].y - y) < 0.3 * one[0].size), None) for stack in stacks
        ]
        if any(
            stack and one is not None and stack[-1] is one for stack, one in zip(pending, here, strict=True)
        ):
            continue
        meant = even or any(
            stack and one is not None and _had_room(stack[-1], one, edge)
            for stack, one, edge in zip(pending, here, edges, strict=True)
        )
        if meant and here[lead] is not None and sum(one is not None for one in here) > 1:
            yield [_joined(stack) for stack in pending]
            pending = [[] for _ in stacks]
        for stack, one in zip(pending, here, strict=True):
            if one is not None:
                stack.append(one)
    if any(pending):
        yield [_joined(stack) for stack in pending]


def _had_room(before: tuple[Line, list[Cell]], after: tuple[Line, list[Cell]], edge: float) -> bool:
    size = before[0].size
    word = after[1][0]
    # between Han a line may break anywhere
    needed = size if word.text[:1] >= "\u2e80" else word.right - word.left
    return before[1][-1].right + 0.3 * size + needed < edge - size


def _joined(stack: Stack) -> str:
    text = ""
    for _, words in stack:
        line = " ".join(word.text for word in sorted(words, key=lambda word: word.left))
        text = join(text, line) if text else line
    return text
