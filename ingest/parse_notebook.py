"""Jupyter notebooks -> blocks: text cells as Markdown, code cells and their text outputs verbatim
(nbformat 4, https://nbformat.readthedocs.io/; 3 as well).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingest.parse_blocks import Block, Parsed
from ingest.parse_json import decoded_json
from ingest.parse_records import Value
from ingest.parse_text import decode
from ingest.parse_web import parse_md
from rag.errors import UnreadableFileError

__all__ = ["parse_notebook"]

_MIME = "application/x-ipynb+json"
# Colours of a terminal
_ESCAPES = re.compile("\x1b\\[[0-9;]*m")
# An output that is longer than this is a log; its end is cut, in characters
_LONGEST_OUTPUT = 10_000


def parse_notebook(data: bytes, name: str) -> Parsed:
    """Cells in order. Pictures and widgets are left out."""
    text, _ = decode(data)
    try:
        notebook = decoded_json(text)
    except ValueError as error:
        raise UnreadableFileError(f"the notebook is damaged: {error}") from error
    blocks = [block for cell in _cells(notebook) for block in _cell(cell)]
    first = next((block.text for block in blocks if block.kind == "heading" and block.level == 1), "")
    return Parsed(first, tuple(blocks), _MIME)


def _cells(notebook: Value) -> Iterator[dict[str, Value]]:
    if not isinstance(notebook, dict):
        raise UnreadableFileError("the notebook is damaged: it has no cells")
    holders = notebook.get("worksheets", [notebook])
    for holder in holders if isinstance(holders, list) else []:
        cells = holder.get("cells", []) if isinstance(holder, dict) else []
        yield from (cell for cell in cells if isinstance(cell, dict))


def _joined(value: Value | None) -> str:
    """A text, which the format may keep as a list of lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


def _cell(cell: dict[str, Value]) -> Iterator[Block]:
    source = _joined(cell.get("source") or cell.get("input"))
    kind = cell.get("cell_type")
    if kind == "heading":
        level = cell.get("level")
        yield Block("heading", source, int(level) if isinstance(level, str) and level.isdigit() else 1)
    elif kind == "markdown":
        yield from parse_md(source.encode("utf-8", "replace"), "").blocks if source.strip() else ()
    else:
        yield Block("text", source, verbatim=True)
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else []:
            if isinstance(output, dict) and (told := _output(output)).strip():
                yield Block("text", told, verbatim=True)


def _output(output: dict[str, Value]) -> str:
    if output.get("output_type") in ("error", "pyerr"):
        return f"{_joined(output.get('ename'))}: {_joined(output.get('evalue'))}"
    data = output.get("data")
    shown = data.get("text/plain") if isinstance(data, dict) else output.get("text")
    return _ESCAPES.sub("", _joined(shown))[:_LONGEST_OUTPUT]
