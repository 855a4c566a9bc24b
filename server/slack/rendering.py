"""Text of answers -> what Slack shows: its own mrkdwn, and the Markdown that streams take.

Text of documents is shown, never obeyed: what would be a mention, a link or a format in Slack is told
letter by letter. (https://docs.slack.dev/messaging/formatting-message-text/)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from typing import Literal

from rag.text import sentences

__all__ = ["Dialect", "escaped", "linked", "plain", "split", "tables"]

Dialect = Literal["mrkdwn", "markdown"]
Link = Callable[[int], str]  # of a citation's number: its address, "" where there is none

_MARKER = re.compile(r"\[(\d{1,3})\]")
_CELLS = " | "
_FORMATS = re.compile(r"(?<!\w)([*_~`])(?=\S)")
_MARKDOWN = re.compile(r"([\\`*_~\[\]|])")
_LINE_START = re.compile(r"^(\s*\d*)([#+.)-])(?=\s)", re.MULTILINE)
_NOTHING = "\u200b"  # between a mark and the word that it would format


def plain(text: str) -> str:
    """For notifications and fields that know no formats, but do know mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escaped(text: str, dialect: Dialect) -> str:
    """Text that is shown as it stands."""
    if dialect == "mrkdwn":
        return _FORMATS.sub(rf"\1{_NOTHING}", plain(text))
    shown = _MARKDOWN.sub(r"\\\1", text)
    return plain(_LINE_START.sub(r"\1\\\2", shown))


def linked(text: str, known: Collection[int], link: Link, dialect: Dialect) -> str:
    """Escaped text whose [n] are links, each where it is known and has an address."""
    shown, at = "", 0
    for match in _MARKER.finditer(text):
        n = int(match.group(1))
        shown += escaped(text[at : match.start()], dialect)
        address = link(n) if n in known else ""
        if not address:
            shown += f"[{n}]" if dialect == "mrkdwn" else f"\\[{n}\\]"
        elif dialect == "mrkdwn":
            shown += f"<{plain(address)}|[{n}]>"
        else:
            shown += f"[\\[{n}\\]]({address})"
        at = match.end()
    return shown + escaped(text[at:], dialect)


def split(text: str, most: int) -> list[str]:
    """Pieces of at most ``most`` characters that end where sentences do; nothing but blanks is lost. A
    sentence that is longer is parted at a blank, or where it must.
    """
    pieces: list[str] = []
    start = end = 0
    for a, b in sentences(text):
        for c, d in _parted(text, a, b, most):
            if end > start and d - start > most:
                pieces.append(text[start:end])
                start = c
            elif end == start:
                start = c
            end = d
    if end > start:
        pieces.append(text[start:end])
    return pieces


def _parted(text: str, start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    while end - start > most:
        blank = text.rfind(" ", start + 1, start + most + 1)
        cut = blank if blank > start else start + most
        yield start, cut
        start = cut + 1 if blank > start else cut
    if end > start:
        yield start, end


def tables(text: str) -> str:
    """Rows of tables, cells parted by " | ", as columns of equal width; other lines stay. Put into a
    code block it can be read.
    """
    shown: list[str] = []
    rows: list[list[str]] = []
    for line in [*text.split("\n"), None]:
        if line is not None and line.count(_CELLS) >= 1:
            rows.append([cell.strip() for cell in line.split(_CELLS)])
            continue
        if rows:
            shown += _aligned(rows)
            rows = []
        if line is not None:
            shown.append(line)
    return "\n".join(shown)


def _aligned(rows: list[list[str]]) -> list[str]:
    count = max(len(row) for row in rows)
    full = [row + [""] * (count - len(row)) for row in rows]
    widths = [max(_width(row[i]) for row in full) for i in range(count)]
    return [
        "  ".join(cell + " " * (widths[i] - _width(cell)) for i, cell in enumerate(row)).rstrip()
        for row in full
    ]


def _width(text: str) -> int:
    """Columns that it takes in a fixed-width font: Han characters take two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
