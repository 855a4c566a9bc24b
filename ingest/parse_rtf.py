"""Rich Text Format -> blocks, through striprtf.

striprtf knows the format's groups and encodings, but gives plain text. Marks that it lets through say where a
heading and the cells of a table were.
"""

from __future__ import annotations

import re
from typing import Any

from striprtf import striprtf

from ingest.parse_blocks import Block, Parsed, crowned
from ingest.parse_lines import blocks_of
from ingest.parse_rows import table_blocks
from rag.errors import UnreadableFileError

__all__ = ["parse_rtf"]

_striprtf: Any = striprtf  # it has no types
_HEADING, _CELL, _ROW = "\ue00c", "\ue00d", "\ue00e"
# Outline level 9 is running text
_OUTLINE = re.compile(r"\\outlinelevel([0-8])(?![0-9]) ?")
# Styles that Word and LibreOffice call so in every language
_STYLE = re.compile(r"\{\\s(\d{1,4})\b[^{};]{0,2000} (?:heading ([1-9])|title);\}", re.IGNORECASE)
_STYLED = re.compile(r"\\s(\d{1,4})(?![0-9]) ?")
_BULLET = re.compile("^ *[\uf000-\uf0ff]\\s*", re.MULTILINE)
_CELL_END = re.compile(r"\\(?:nest)?cell(?![a-z]) ?")
_ROW_END = re.compile(r"\\(?:nest)?row(?![a-z]) ?")
# The second byte of a Chinese or Japanese character may be an ASCII letter that is written as itself
_PAIR = re.compile(r"\\'([89a-fA-F][0-9a-fA-F])(?:(\\'[0-9a-fA-F]{2})|([@-\[\]-z|~]))")
# Pictures, in hexadecimal
_PICTURE = re.compile(r"[0-9a-fA-F\r\n]{512,}")
_TITLE = re.compile(r"\{\\title ([^{}\\]+)\}")
_MARKED = re.compile(f" ?{_HEADING}([0-9])")


def parse_rtf(data: bytes, name: str) -> Parsed:
    """Paragraphs of an outline level are headings, rows of cells are tables, the rest is read as plain
    text.
    """
    source = data.decode("latin-1")
    source = _PAIR.sub(_escaped, _PICTURE.sub("", source))
    # 0 is the title, 1 the outermost heading
    levels = {match[1]: match[2] or "0" for match in _STYLE.finditer(source)}
    source = _STYLED.sub(lambda m: f"{m[0]} {_HEADING}{levels[m[1]]}" if m[1] in levels else m[0], source)
    source = _OUTLINE.sub(lambda m: f"{m[0]} {_HEADING}{int(m[1]) + 1}", source)
    source = _ROW_END.sub(f"{_ROW}\\\\par ", _CELL_END.sub(_CELL, source))
    try:
        text = _striprtf.rtf_to_text(source, errors="replace")
    except Exception as error:  # it checks nothing
        raise UnreadableFileError(f"the RTF document is damaged: {error}") from error
    # a character beyond the first 65,536 is written as two halves
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    title = _TITLE.search(source)
    blocks = _blocks(_BULLET.sub("• ", text.replace("\r\n", "\n")))
    return Parsed(title[1].strip() if title else "", tuple(crowned(blocks)), "application/rtf")


def _escaped(match: re.Match[str]) -> str:
    return match[0] if match[2] else f"\\'{match[1]}\\'{ord(match[3]):02x}"


def _blocks(text: str) -> list[Block]:
    blocks: list[Block] = []
    lines: list[str] = []
    rows: list[list[str]] = []

    def flush() -> None:
        if rows:
            blocks.extend(table_blocks(rows))
        # each paragraph stands for itself, as Word shows it
        blocks.extend(blocks_of("\n".join(lines)))
        lines.clear()
        rows.clear()

    for part in _paragraphs(text):
        level = _MARKED.search(part)
        plain = _MARKED.sub("", part)
        if _ROW in part:
            if lines:
                flush()
            cells = plain.replace(_ROW, "").split(_CELL)
            rows.append(cells[:-1] if not cells[-1].strip() else cells)
            continue
        if rows:
            flush()
        plain = plain.replace(_CELL, " ")
        if level and plain.strip():
            flush()
            blocks.append(Block("heading", plain.strip(), int(level[1])))
        else:
            lines.append(plain)
    flush()
    return blocks


def _paragraphs(text: str) -> list[str]:
    """Lines, those of one table row together: a cell may hold several paragraphs."""
    out: list[str] = []
    row: list[str] = []
    for line in text.split("\n"):
        if row or (_CELL in line and _ROW not in line):
            row.append(line)
            if _ROW in line:
                out.append(" ".join(row))
                row = []
            elif len(row) > 2000:
                out += row
                row = []
        else:
            out.append(line)
    return out + row
