"""Step: what an answer cites -> where another version of the cited document says otherwise.

The version before and the newest one are looked at, at the passages around the same place; a sentence there
that speaks of the same thing but differs in a number, a name, a denial or a word is told to the reader, word
for word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import func, select

from rag.statement import counterpart, differ
from rag.store import Store
from rag.tables import chunk
from rag.text import fold, instructs, question_terms
from rag.types import Citation, Disagreement, DocumentRef, Span, User

__all__ = ["disagreements"]

# A rule may have moved when others were put in before it, but rarely further than this many passages
NEARBY = 120
# Passages whose sentences are compared, those with most of the quote's words
LIKELIEST = 4


class _Sentence(NamedTuple):
    text: str
    span: Span


def disagreements(citations: Sequence[Citation], store: Store, user: User) -> tuple[Disagreement, ...]:
    """Where the other versions that the citations name say otherwise; one for each cited quote and version.
    Each quote is confirmed to stand in a document that the user may read.
    """
    found: list[Disagreement] = []
    told: set[frozenset[tuple[str, int]]] = set()
    for citation in citations:
        for document, is_newer in _others(citation):
            said = _counterpart(citation, document, store)
            if said is None or instructs(said.text):
                continue
            if not differ(citation.quote, said.text, document.language):
                continue
            # where the answer cites both, they are told once
            pair = frozenset(((citation.document_id, citation.start), (document.id, said.span[0])))
            if pair not in told and store.excerpt(document.id, *said.span, user) == said.text:
                told.add(pair)
                found.append(Disagreement(citation.n, document, said.text, *said.span, is_newer))
    return tuple(found)


def _others(citation: Citation) -> Iterator[tuple[DocumentRef, bool]]:
    if citation.supersedes:
        yield citation.supersedes[0], False
    if citation.superseded_by is not None:
        yield citation.superseded_by, True


def _counterpart(citation: Citation, document: DocumentRef, store: Store) -> _Sentence | None:
    nearby = _likeliest(citation.quote, _passages(document.id, citation.start, store))
    sentences = [sentence for passage in nearby for sentence in passage]
    best = counterpart(citation.quote, [sentence.text for sentence in sentences])
    return None if best is None else sentences[best]


def _passages(key: str, start: int, store: Store) -> list[list[_Sentence]]:
    """The sentences of the passages nearest to a place, in the order of the document."""
    near = (
        select(chunk.c.text, chunk.c.start, chunk.c.sentences)
        .where(chunk.c.document_id == key)
        .order_by(func.abs(chunk.c.start - start))
        .limit(NEARBY)
    )
    with store.read() as connection:
        rows = sorted(connection.execute(near).all(), key=lambda row: row.start)
    return [
        [_Sentence(row.text[a - row.start : b - row.start], (a, b)) for a, b in row.sentences] for row in rows
    ]


def _likeliest(quote: str, passages: Sequence[list[_Sentence]]) -> list[list[_Sentence]]:
    """Those that hold most of the quote's words, in the order of the document."""
    words = question_terms(quote)
    texts = [fold(" ".join(sentence.text for sentence in passage)) for passage in passages]
    counts = [sum(word in text for word in words) for text in texts]
    best = sorted(range(len(passages)), key=lambda i: -counts[i])[:LIKELIEST]
    return [passages[i] for i in sorted(best)]
