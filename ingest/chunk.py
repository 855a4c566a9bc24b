"""Document -> Chunks: passages of whole sentences under one heading, within a budget of the embedder's
tokens.

Decisions, in order of weight:

- A document that fits is one chunk.
- A chunk never crosses a heading, unless every section in it is tiny (under ``TINY`` of the budget), they are
  siblings or lie one inside the other, and they fit together: a page of one-line articles must not become
  forty vectors of nothing.
- A chunk never crosses a page, so that a citation's page is exact.
- A chunk holds rows of one table at most; its header row is repeated as ``header`` and is not a sentence of
  the chunk.
- A heading is part of the text only where it is not already in ``Chunk.heading``, or where it states
  something (a date, an amount).
- A sentence or a row over the budget is cut at commas or cells, then between words.
- Tokens are counted for title, headings and header too, as the chunk is embedded. A table whose header row
  alone takes most of the budget exceeds it rather than lose the header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.chunk_pieces import Cost, CountTokens, Piece, counted, fitted, pieces_of
from rag.types import Chunk, Document, Span

__all__ = ["TINY", "chunk"]

TINY = 0.3
# Fill at which a chunk ends with its paragraph instead of taking half of the next one
_ENOUGH = 0.5


@dataclass(frozen=True, slots=True)
class _Section:
    path: tuple[str, ...]
    pieces: tuple[Piece, ...]

    @property
    def body(self) -> int:
        """Tokens without headings."""
        return sum(piece.tokens for piece in self.pieces if piece.role != "heading")


def chunk(document: Document, count_tokens: CountTokens, budget: int) -> list[Chunk]:
    """Chunks of the document in order, ids still 0. ``tokens`` of each is the exact count of its embedding
    text, at most ``budget`` but for tables with a very wide header. ``count_tokens`` gives one number per
    text and is called a few times in all.
    """
    pieces = pieces_of(document)
    if not pieces:
        return []
    parts = [
        document.title,
        *(part for piece in pieces for part in piece.path),
        *(piece.header for piece in pieces),
    ]
    cost = Cost(document.title, budget, counted(parts, count_tokens))
    sections = _sections(fitted(document, pieces, count_tokens, cost))
    packs = [pack for group in _grouped(sections, cost) for pack in _packed(group, cost)]
    return _exact(document, packs, count_tokens, budget)


# ---------------------------------------------------------------- sections


def _sections(pieces: Sequence[Piece]) -> list[_Section]:
    """Runs of pieces of one path and page. A heading with nothing below it but deeper headings goes with what
    follows.
    """
    runs: list[list[Piece]] = []
    for piece in pieces:
        last = runs[-1] if runs else None
        same = last is not None and last[-1].path == piece.path and last[-1].page == piece.page
        if last is not None and ((same and piece.role != "heading") or _goes_on(last, piece)):
            last.append(piece)
        else:
            runs.append([piece])
    sections = [_Section(run[-1].path, tuple(run)) for run in runs]
    # a heading that a page's end parts from what it heads is in the path of that already
    return [
        section
        for section, after in zip(sections, [*sections[1:], None], strict=True)
        if after is None or not (_bare(section) and after.path[: len(section.path)] == section.path)
    ]


def _bare(section: _Section) -> bool:
    return all(piece.role == "heading" and not piece.quotable for piece in section.pieces)


def _goes_on(run: Sequence[Piece], piece: Piece) -> bool:
    """Whether the run is nothing but headings, and the piece stands below the last of them, on its page."""
    above = run[-1].path
    below = len(piece.path) > len(above) or piece.role != "heading"
    bare = run[-1].role == "heading" and all(own.role == "heading" for own in run)
    return bare and below and piece.path[: len(above)] == above and run[-1].page == piece.page


def _common(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    first = min(paths, key=len)
    for depth in range(len(first), 0, -1):
        if all(path[:depth] == first[:depth] for path in paths):
            return first[:depth]
    return ()


def _grouped(sections: Sequence[_Section], cost: Cost) -> list[list[_Section]]:
    """Sections to be packed together: all of a short document, else tiny neighbours, else one alone."""
    if _fits(sections, cost):
        return [list(sections)]
    groups: list[list[_Section]] = []
    for number, section in enumerate(sections):
        if groups and _joins(groups[-1], sections, number, cost):
            groups[-1].append(section)
        else:
            groups.append([section])
    return groups


def _joins(group: Sequence[_Section], sections: Sequence[_Section], number: int, cost: Cost) -> bool:
    """Whether a section goes with the tiny ones before it. A chapter with parts of its own goes as a whole or
    not at all: half of it in one chunk and half in another would be read as two things.
    """
    section, last = sections[number], group[-1]
    depth = len(_common([last.path, section.path]))
    if depth < len(_common([one.path for one in group])) and depth < len(group[0].path) - 1:
        return False
    branch = section.path[: depth + 1]
    after = number + 1
    while (
        after < len(sections) and sections[after].path[: depth + 1] == branch != sections[after].path[:depth]
    ):
        after += 1
    whole = [*group, *sections[number:after]]
    return all(one.body <= TINY * cost.budget for one in whole) and _fits(whole, cost)


def _fits(sections: Sequence[_Section], cost: Cost) -> bool:
    pieces = [piece for section in sections for piece in section.pieces]
    headers = {piece.header for piece in pieces if piece.header}
    if len(headers) > 1 or len({piece.page for piece in pieces}) > 1:
        return False
    room = cost.room(sections[0].path, next(iter(headers), ""))
    return sum(piece.tokens + 1 for piece in pieces) <= room


# ---------------------------------------------------------------- packs


@dataclass(frozen=True, slots=True)
class _Pack:
    """The pieces of one chunk, and the headings that all of them stand under."""

    path: tuple[str, ...]
    pieces: tuple[Piece, ...]


def _packed(group: Sequence[_Section], cost: Cost) -> list[_Pack]:
    path = _common([section.path for section in group])
    pieces = [piece for section in group for piece in section.pieces]
    packs = _filled(pieces, path, cost, 1.0)
    last = sum(piece.tokens for piece in packs[-1])
    if len(packs) > 1 and last < 0.5 * cost.budget:
        # even shares read better than a full chunk and a crumb
        room = min(cost.room(path, piece.header) for piece in pieces)
        share = sum(piece.tokens + 1 for piece in pieces) / len(packs) / room
        for scale in (share * 1.05, share * 1.15, share * 1.3):
            even = _filled(pieces, path, cost, min(1.0, scale))
            if len(even) <= len(packs):
                packs = even
                break
    kept = (_without_repeats(pack, path) for pack in packs)
    return [_Pack(cost.shown(path), pack) for pack in kept if pack]


def _filled(pieces: Sequence[Piece], path: tuple[str, ...], cost: Cost, scale: float) -> list[list[Piece]]:
    rest: dict[int, int] = {}
    for piece in pieces:
        rest[piece.element] = rest.get(piece.element, 0) + piece.tokens + 1
    packs: list[list[Piece]] = [[]]
    used, header = 0, ""
    for piece in pieces:
        room = scale * cost.room(path, header or piece.header)
        begins = bool(packs[-1]) and packs[-1][-1].element != piece.element
        other = header != "" and piece.header not in ("", header)
        paragraph = begins and used >= _ENOUGH * room and used + rest[piece.element] > room
        if packs[-1] and (other or used + piece.tokens + 1 > room or paragraph):
            packs.append([])
            used, header = 0, ""
        packs[-1].append(piece)
        used += piece.tokens + 1
        header = header or piece.header
    return packs


def _without_repeats(pack: Sequence[Piece], path: tuple[str, ...]) -> tuple[Piece, ...]:
    """Leave out leading headings that the path holds and a leading header row: both are put before the text
    anyway.
    """
    begin = 0
    for piece in pack:
        told = piece.role == "header" or (piece.role == "heading" and path[: len(piece.path)] == piece.path)
        if not told or piece.quotable:
            break
        begin += 1
    if begin < len(pack):
        return tuple(pack[begin:])
    return tuple(pack) if all(piece.role == "heading" for piece in pack) else ()


def _exact(document: Document, packs: Sequence[_Pack], count_tokens: CountTokens, budget: int) -> list[Chunk]:
    """Chunks with their true token counts; a pack that turns out too long is halved until it fits."""
    todo, done = list(packs), [(pack, _chunk(document, pack)) for pack in packs]
    while todo:
        counts = counted(
            [made.embedding_text(document.title) for _, made in done if not made.tokens], count_tokens
        )
        todo, sized = [], []
        for pack, made in done:
            tokens = made.tokens or counts[made.embedding_text(document.title)]
            if tokens > budget and len(pack.pieces) > 1:
                middle = len(pack.pieces) // 2
                for half in (pack.pieces[:middle], pack.pieces[middle:]):
                    todo.append(_Pack(pack.path, half))
                    sized.append((todo[-1], _chunk(document, todo[-1])))
            else:
                sized.append((pack, replace(made, tokens=tokens)))
        done = sized
    return [replace(made, position=position) for position, (_, made) in enumerate(done)]


def _chunk(document: Document, pack: _Pack) -> Chunk:
    start, end = pack.pieces[0].start, pack.pieces[-1].end
    spans: list[Span] = [(piece.start, piece.end) for piece in pack.pieces if piece.quotable]
    return Chunk(
        document_id=document.id,
        position=0,
        text=document.text[start:end],
        start=start,
        end=end,
        sentences=tuple(spans or [(piece.start, piece.end) for piece in pack.pieces]),
        page=pack.pieces[0].page,
        heading=pack.path,
        header=next((piece.header for piece in pack.pieces if piece.header), ""),
    )
