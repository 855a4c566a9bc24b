"""A PDF's outline (its bookmarks) -> which lines of its pages are headings, and of what rank."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pypdfium2

from ingest.parse_pdf_lines import Line

__all__ = ["Entry", "headed", "outline"]

_MOST = 20_000
_DEEPEST = 12
# Lines that one heading may take
_LINES = 4
_UNREAD = re.compile(r"[\W_]+")
_NUMBERING = re.compile(
    r"\s*(?:(?:chapter|part|section|appendix|annex|kapitel|teil|anhang|chapitre|partie|capítulo|capitolo)\s+)?"
    r"(?:第\s*[\d〇零一二三四五六七八九十百]+\s*[章节節编編篇部条條回]|[\dA-Z]{1,3}(?:\.\d+)*[.:：、)]?|[IVXLC]+[.:]|[a-z]\))"
    r"[\s.:：、—–-]+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One bookmark: ``level`` 1 is the outermost, ``page`` counts from 1."""

    title: str
    level: int
    page: int


def outline(document: Any) -> list[Entry]:  # noqa: ANN401 - pypdfium2 has no types
    """The bookmarks that lead to a page. A damaged outline ends where the damage is."""
    return list(_entries(document))


def _entries(document: Any) -> Iterator[Entry]:  # noqa: ANN401
    try:
        for count, mark in enumerate(document.get_toc(max_depth=_DEEPEST)):
            if count >= _MOST:
                return
            target = mark.get_dest()
            page = target.get_index() if target is not None else None
            title = mark.get_title()
            if page is not None and title:
                yield Entry(title, mark.level + 1, page + 1)
    except (pypdfium2.PdfiumError, UnicodeError, ValueError):
        return


def headed(lines: Sequence[Line], entries: Sequence[Entry]) -> list[Line]:
    """The lines of one page, those that make a title of ``entries`` (of this page) joined to one line that
    has its level. A title that is not found changes nothing.
    """
    spans: dict[int, tuple[int, int]] = {}
    for entry in entries:
        found = _find(lines, entry.title, spans)
        if found is not None:
            spans[found[0]] = (found[1], entry.level)
    out: list[Line] = []
    at = 0
    while at < len(lines):
        end, level = spans.get(at, (at + 1, 0))
        out.append(_joined(lines[at:end], level) if level else lines[at])
        at = end
    return out


def _find(lines: Sequence[Line], title: str, taken: dict[int, tuple[int, int]]) -> tuple[int, int] | None:
    """First line and end of the lines that are the title; the largest type wins over the first place."""
    whole, bare = _folded(title), _folded(_NUMBERING.sub("", title, count=1))
    if not bare:
        return None
    best: tuple[int, int] | None = None
    for at in range(len(lines)):
        if any(begin <= at < end for begin, (end, _) in taken.items()):
            continue
        text = ""
        for end in range(at + 1, min(at + _LINES, len(lines)) + 1):
            text = f"{text} {lines[end - 1].text}".lstrip()
            folded = _folded(text)
            if len(folded) > 2 * len(whole) + 20:
                break
            fits = folded == whole or _folded(_NUMBERING.sub("", text, count=1)) == bare
            if fits and (best is None or lines[at].size > 1.05 * lines[best[0]].size):
                best = (at, end)
    return best


def _folded(text: str) -> str:
    return _UNREAD.sub("", unicodedata.normalize("NFKC", text.replace("\u2010", "")).casefold())


def _joined(lines: Sequence[Line], level: int) -> Line:
    last = lines[-1]
    text = lines[0].text
    for line in lines[1:]:
        text = f"{text[:-1]}{line.text}" if text.endswith("\u2010") else f"{text} {line.text}"
    return replace(
        lines[0],
        text=text,
        left=min(line.left for line in lines),
        right=max(line.right for line in lines),
        y=last.y,
        words=tuple(word for line in lines for word in line.words),
        cells=(),
        level=level,
    )
