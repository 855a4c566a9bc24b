"""Document -> pieces: the sentences, rows and headings that chunks are made of, none longer than a chunk may
be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rag.text import sentences
from rag.types import Document, Element, Span

__all__ = ["Cost", "CountTokens", "Piece", "counted", "fitted", "pieces_of"]

CountTokens = Callable[[Sequence[str]], list[int]]
_CLAUSE = re.compile(r"[,;:，；：、](?=\s|[^\x00-\x7f])\s*|\s+[–—|]\s+|——|\s(?=[(（])|(?<=[)）])\s?")
_WORD = re.compile(r"\s+")
_ROW = re.compile(r"\S[^\n]*")
# "3.2 Scope" and "第5条" number a heading; any other digit in it says something
_NUMBERING = re.compile(
    r"^\W*(?:第\S{1,6}[章节節条條部编編篇款]|[\d.]+|[A-Za-z]\.|§\s*\d+\w?|\w+\s+\d+)[\s.:)、]*"
)
_STATES = re.compile(r"\d|[:：]\s*\S")


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence, row or heading: the least that a chunk is made of.

    ``element`` is its element's number, ``sentence`` the start of the whole sentence that it was cut from, if
    it was. ``quotable`` says whether it is one of the chunk's sentences.
    """

    start: int
    end: int
    element: int
    path: tuple[str, ...]
    page: int | None
    header: str = ""
    role: str = "body"  # body, heading, header
    quotable: bool = True
    sentence: int = 0
    tokens: int = 0


def counted(texts: Sequence[str], count_tokens: CountTokens) -> dict[str, int]:
    distinct = list(dict.fromkeys(text for text in texts if text))
    return {"": 0, **dict(zip(distinct, count_tokens(distinct), strict=True))} if distinct else {"": 0}


@dataclass(frozen=True, slots=True)
class Cost:
    """What is left of the budget for text below given headings and a header row."""

    title: str
    budget: int
    sizes: dict[str, int]

    def shown(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The path without the outermost headings that would take more than a good third of the budget from
        the text.
        """
        while len(path) > 1 and self._above(path) > 0.4 * self.budget:
            path = path[1:]
        return path

    def room(self, path: tuple[str, ...], header: str) -> int:
        """Tokens left for text; a third of the budget at the least."""
        return max(self.budget - self._above(self.shown(path)) - self.sizes[header] - 2, self.budget // 3)

    def _above(self, path: tuple[str, ...]) -> int:
        return self.sizes[self.title] + sum(self.sizes[part] + 1 for part in path if part != self.title)


def pieces_of(document: Document) -> list[Piece]:
    """Headings whole, text by sentences, tables by rows; tokens not counted yet."""
    pieces: list[Piece] = []
    for number, element in enumerate(document.elements):
        text = document.text[element.start : element.end]
        if element.kind == "heading":
            path = _own_path(document, number)
            says = _STATES.search(_NUMBERING.sub("", text)) is not None
            span = (element.start, element.end)
            pieces.append(Piece(*span, number, path, element.page, "", "heading", says, element.start))
            continue
        # a full stop inside a cell does not end the row
        spans = _rows(text) if element.kind == "table" else sentences(text)
        for start, end in spans:
            first = element.header != "" and start == 0 and text[:end] == element.header
            role = "header" if first else "body"
            span = (element.start + start, element.start + end)
            header = element.header
            pieces.append(
                Piece(*span, number, element.heading, element.page, header, role, not first, span[0])
            )
    return pieces


def _rows(text: str) -> list[Span]:
    return [match.span() for match in _ROW.finditer(text)]


def _own_path(document: Document, number: int) -> tuple[str, ...]:
    """The path of what stands under a heading: as the next element has it, else its own text added."""
    element: Element = document.elements[number]
    depth = len(element.heading)
    following = document.elements[number + 1] if number + 1 < len(document.elements) else None
    if (
        following is not None
        and len(following.heading) > depth
        and following.heading[:depth] == element.heading
    ):
        return following.heading[: depth + 1]
    return (*element.heading, " ".join(document.text[element.start : element.end].split()))


def fitted(document: Document, pieces: Sequence[Piece], count_tokens: CountTokens, cost: Cost) -> list[Piece]:
    """Pieces with their tokens, those too long for a chunk cut in several."""
    sized = _sized(document, pieces, count_tokens)
    for pattern in (_CLAUSE, _WORD, None, None):
        parts: list[Piece] = []
        for piece in sized:
            limit = cost.room(piece.path, piece.header) - 1
            parts += [piece] if piece.tokens <= limit else _cut(document.text, piece, pattern, limit)
        if len(parts) == len(sized):
            continue
        sized = _rejoined(_sized(document, parts, count_tokens), cost)
    return sized


def _sized(document: Document, pieces: Sequence[Piece], count_tokens: CountTokens) -> list[Piece]:
    known = counted(
        [document.text[piece.start : piece.end] for piece in pieces if not piece.tokens], count_tokens
    )
    return [
        piece if piece.tokens else replace(piece, tokens=known[document.text[piece.start : piece.end]])
        for piece in pieces
    ]


def _cut(text: str, piece: Piece, pattern: re.Pattern[str] | None, limit: int) -> Iterator[Piece]:
    """Parts of a piece, ending after each match of the pattern, or of even length; still without tokens."""
    if pattern is None:
        step = max(1, (piece.end - piece.start) * limit // (2 * piece.tokens))
        ends = list(range(piece.start + step, piece.end, step))
    else:
        ends = [
            match.end() for match in pattern.finditer(text, piece.start, piece.end) if match.end() < piece.end
        ]
    start = piece.start
    for end in (*ends, piece.end):
        inner = text[start:end]
        if inner.strip():
            begin = start + len(inner) - len(inner.lstrip())
            yield replace(piece, start=begin, end=begin + len(inner.strip()), tokens=0)
        start = end


def _rejoined(pieces: Sequence[Piece], cost: Cost) -> list[Piece]:
    """Neighbouring parts of one sentence put together again as far as they fit."""
    out: list[Piece] = []
    for piece in pieces:
        last = out[-1] if out else None
        if (
            last is not None
            and last.sentence == piece.sentence
            and last.tokens + piece.tokens < cost.room(piece.path, piece.header)
        ):
            out[-1] = replace(last, end=piece.end, tokens=last.tokens + piece.tokens)
        else:
            out.append(piece)
    return out
