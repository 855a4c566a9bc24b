"""JSON, and lines of JSON, -> blocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ingest.parse_blocks import Block, Parsed
from ingest.parse_records import Value, record_blocks
from ingest.parse_text import decode, parse_text

__all__ = ["decoded_json", "parse_json", "parse_jsonl"]

_MIME = "application/json"
_PLAIN = {True: "true", False: "false", None: ""}


def parse_json(data: bytes, name: str) -> Parsed:
    """Records alike as a table, else keys and values under headings. Numbers are kept as they are written.

    JSON with comments, or cut short, and what is no JSON at all, is text and read as that.
    """
    text, _ = decode(data)
    try:
        value = decoded_json(text)
    except ValueError:
        # several values one after the other: lines of JSON under the name of JSON
        if text.count("\n") and _is_lines(text):
            return parse_jsonl(data, name)
        if text.lstrip()[:1] not in ("{", "[", "/"):
            return parse_text(data, name)
        return Parsed("", (Block("text", text, verbatim=True),), _MIME)
    return Parsed(_title(value), tuple(record_blocks(value)), _MIME)


def parse_jsonl(data: bytes, name: str) -> Parsed:
    """One record a line. A line that is no JSON (the last one of a log that is being written) stays as it
    is.
    """
    text, _ = decode(data)
    values: list[Value] = []
    for line in text.splitlines():
        if line.strip():
            try:
                values.append(decoded_json(line))
            except ValueError:
                values.append(line)
    return Parsed("", tuple(_runs(values)), "application/x-ndjson")


def decoded_json(text: str) -> Value:
    """The value with its numbers as text. Raises ValueError when it is no JSON, RecursionError when it is
    nested too deeply.
    """
    return _value(json.loads(text.lstrip("\ufeff"), parse_int=str, parse_float=str, parse_constant=str))


def _value(found: Any) -> Value:  # noqa: ANN401 - what json gives
    if isinstance(found, dict):
        return {str(key): _value(inner) for key, inner in found.items()}
    if isinstance(found, list):
        return [_value(inner) for inner in found]
    return found if isinstance(found, str) else _PLAIN[found]


def _is_lines(text: str) -> bool:
    first = text.lstrip().split("\n", 1)[0]
    try:
        return isinstance(decoded_json(first), dict | list)
    except ValueError:
        return False


def _runs(values: list[Value]) -> Iterator[Block]:
    """Records together, and each line that is none by itself."""
    records: list[Value] = []
    for value in values:
        if isinstance(value, str):
            yield from record_blocks(records)
            records = []
            yield Block("text", value)
        else:
            records.append(value)
    yield from record_blocks(records[0] if len(records) == 1 else records)


def _title(value: Value) -> str:
    title = value.get("title") if isinstance(value, dict) else None
    return title if isinstance(title, str) else ""
