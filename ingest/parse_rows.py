"""Rows of cells -> blocks: the rule that all formats share.

A table is text, one line per row, cells joined by " | ".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ingest.parse_blocks import Block

__all__ = ["Row", "is_header", "table_blocks"]

Row = list[str]
_NUMBER = re.compile(r"[-+(]?[€$£¥￥]?\s*\d[\d.,' ]*\s*[%€$£¥￥)]?$|\d{4}-\d{2}-\d{2}")
_YEAR = re.compile(r"(?:19|20)\d\d$")


def _line(row: Sequence[str]) -> str:
    return " | ".join(row).rstrip(" |")


def is_header(rows: Sequence[Row], bold: bool) -> bool:
    """Whether the first row names the columns: words over values, or set in bold."""
    first, rest = rows[0], rows[1:]
    filled = [cell for cell in first if cell]
    # "Item | 2024 | 2025": years may well name columns
    if not rest or len(filled) < 2 or any(_NUMBER.match(cell) and not _YEAR.match(cell) for cell in filled):
        return False
    # two columns of words may as well be keys and their values
    values = any(_NUMBER.match(cell) for row in rest for cell in row if cell)
    return bold or values or len(filled) > 2


def table_blocks(rows: Iterable[Row], page: int | None = None, header: bool | None = None) -> list[Block]:
    """Blocks of one table: lines above it that fill a single cell become text, the rest is one table block.

    ``header`` says whether the first row is one that names the columns; None decides by its content.
    """
    kept = [[" ".join(cell.split()) for cell in row] for row in rows]
    kept = [row for row in kept if any(row)]
    blocks: list[Block] = []
    while kept and sum(map(bool, kept[0])) == 1 and (len(kept) == 1 or len(kept[0]) > 1):
        blocks.append(Block("text", next(filter(None, kept.pop(0))), page=page))
    if not kept:
        return blocks
    if all(sum(map(bool, row)) == 1 for row in kept):
        lines = "\n".join(next(filter(None, row)) for row in kept)
        return [*blocks, Block("list" if len(kept) > 1 else "text", lines, page=page)]
    named = is_header(kept, bold=False) if header is None else header
    lines = "\n".join(map(_line, kept))
    return [
        *blocks,
        Block("table", lines, page=page, header=_line(kept[0]) if named and len(kept) > 1 else ""),
    ]
