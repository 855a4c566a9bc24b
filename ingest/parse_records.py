"""Nested values (JSON, XML) -> blocks that read like a document: tables of records, "key: value" lines, and
headings for what is nested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ingest.parse_blocks import Block
from ingest.parse_rows import table_blocks

__all__ = ["Value", "record_blocks"]

Value = str | list["Value"] | dict[str, "Value"]
# Headings are made so deep; below, keys are joined by dots
_HEADINGS = 3
_LONG_CELL, _LONG_LIST = 200, 200
_WIDEST = 30
_KEY = "."


def record_blocks(value: Value, level: int = 1) -> list[Block]:
    """Blocks of a value; headings in it are of rank ``level`` and below."""
    return list(_blocks(value, level))


def _blocks(value: Value, level: int) -> Iterator[Block]:
    if isinstance(value, dict):
        yield from _mapping(value, level)
    elif isinstance(value, list):
        yield from _sequence(value, level)
    elif value.strip():
        yield Block("text", value)


def _mapping(value: Mapping[str, Value], level: int) -> Iterator[Block]:
    """Plain values first, as lines of one block; then what is nested, each under its key."""
    lines = [line for key, inner in value.items() for line in _short(key, inner)]
    if lines:
        yield Block("text", "\n".join(lines))
    for key, inner in value.items():
        if not _is_short(inner):
            if level <= _HEADINGS:
                yield Block("heading", key, level)
                yield from _blocks(inner, level + 1)
            else:
                yield from _deep(key, inner, level)


def _deep(key: str, inner: Value, level: int) -> Iterator[Block]:
    if isinstance(inner, list) and _columns(inner):
        yield from _sequence(inner, level)
    elif lines := [f"{path}: {text}" for path, text in _leaves(inner, key)]:
        yield Block("text", "\n".join(lines))


def _sequence(value: Sequence[Value], level: int) -> Iterator[Block]:
    columns = _columns(value)
    if columns:
        rows = [[dict(_leaves(record)).get(column, "") for column in columns] for record in value]
        yield from table_blocks([list(columns), *rows], header=True)
    elif all(isinstance(item, str) for item in value):
        lines = [item for item in value if isinstance(item, str) and item.strip()]
        yield from [Block("list", "\n".join(lines))] if lines else []
    else:
        for item in value:
            yield from _record(item, level)


def _record(item: Value, level: int) -> Iterator[Block]:
    """A record among others: one block, so that what belongs together stays together, unless it holds
    tables.
    """
    tables = isinstance(item, dict) and any(isinstance(v, list) and _columns(v) for v in item.values())
    if isinstance(item, dict) and not tables:
        if lines := [f"{path}: {text}" for path, text in _leaves(item)]:
            yield Block("text", "\n".join(lines))
    else:
        yield from _blocks(item, max(level, _HEADINGS + 1))


def _columns(items: Sequence[Value]) -> tuple[str, ...]:
    """Names of the columns when the items are records alike and small enough for the rows of a table."""
    if len(items) < 2 or not all(isinstance(item, dict) for item in items):
        return ()
    columns: dict[str, None] = {}
    filled = 0
    for item in items:
        leaves = dict(_leaves(item))
        if any(len(text) > _LONG_CELL or "\n" in text for text in leaves.values()):
            return ()
        columns.update(dict.fromkeys(leaves))
        filled += len(leaves)
        if len(columns) > _WIDEST:
            return ()
    # unlike records would make a table of holes
    return tuple(columns) if filled >= 0.5 * len(columns) * len(items) else ()


def _leaves(value: Value, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of each plain value below, lists of plain values joined."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}{_KEY}{key}" if path else key)
    elif isinstance(value, list):
        if all(isinstance(item, str) for item in value):
            yield path, ", ".join(item for item in value if isinstance(item, str))
        else:
            for number, item in enumerate(value, 1):
                yield from _leaves(item, f"{path}{_KEY}{number}" if path else f"{number}")
    elif value.strip():
        yield path, value


def _is_short(value: Value) -> bool:
    if isinstance(value, list):
        return (
            all(isinstance(item, str) and "\n" not in item for item in value)
            and sum(map(len, value)) <= _LONG_LIST
        )
    return isinstance(value, str)


def _short(key: str, value: Value) -> Iterator[str]:
    if isinstance(value, str) and value.strip():
        yield f"{key}: {value}"
    elif isinstance(value, list) and value and _is_short(value):
        yield f"{key}: {', '.join(item for item in value if isinstance(item, str))}"
