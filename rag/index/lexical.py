"""Lexical search: SQLite's FTS5 over terms that are segmented and folded beforehand (rag.text.terms).

The rows live in the database beside the chunks and change in the same transaction, so this search is never
stale.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, text

from rag.index.changes import generation
from rag.text import terms

__all__ = ["Frequencies", "Readable", "add", "rarest", "remove", "search"]

# A term in a title or heading tells more of what a passage is about than one in its body.
HEADING_WEIGHT = 1.0
BODY_WEIGHT = 1.0
# A search looks at so many rows, those of the rarest terms; one term is always sought. Of 100,000
# chunks that is three terms of four; the five best passages in the end hardly ever change (CONTRIBUTING.md).
MOST_ROWS = 5_000
# Terms in more chunks than this take long to count; their numbers, and that of all chunks, serve until the
# collection has changed once for so many chunks.
COMMON, CHUNKS_A_CHANGE = 1000, 1000
_SEARCH = text(
    f"""SELECT rowid, -bm25(chunk_terms, {HEADING_WEIGHT}, {BODY_WEIGHT}) AS score FROM chunk_terms
    WHERE chunk_terms MATCH :match ORDER BY score DESC, rowid LIMIT :wide"""
)
_COUNTS = text("SELECT term, doc FROM chunk_vocabulary WHERE term IN :terms").bindparams(
    bindparam("terms", expanding=True)
)

# For chunk ids whether each may be shown [n]
Readable = Callable[[NDArray[np.int64]], NDArray[np.bool_]]


def add(connection: Connection, rows: Iterable[tuple[int, str, str]]) -> None:
    """Index ``(chunk id, title and headings, body)`` rows."""
    values = [{"id": i, "heading": " ".join(terms(h)), "body": " ".join(terms(b))} for i, h, b in rows]
    if values:
        connection.execute(
            text("INSERT INTO chunk_terms (rowid, heading, body) VALUES (:id, :heading, :body)"), values
        )


def remove(connection: Connection, document_id: str) -> None:
    """Forget the rows of a document; call it while its chunks are still there."""
    connection.execute(
        text("DELETE FROM chunk_terms WHERE rowid IN (SELECT id FROM chunk WHERE document_id = :id)"),
        {"id": document_id},
    )


def search(
    connection: Connection, query: Sequence[str], k: int, readable: Readable | None = None
) -> list[tuple[int, float]]:
    """The ``k`` best ``(chunk id, BM25)`` for any of the query's terms, best first; higher is better. Only
    those that ``readable`` says yes to (None: all) count, so that others do not shorten the list.
    """
    if not query:
        return []
    match = " OR ".join('"' + term.replace('"', '""') + '"' for term in dict.fromkeys(query))
    wide = k if readable is None else 4 * k
    while True:
        rows = connection.execute(_SEARCH, {"match": match, "wide": wide}).all()
        ids = np.array([row[0] for row in rows], np.int64)
        chosen = range(len(rows)) if readable is None else np.flatnonzero(readable(ids))[:k].tolist()
        if len(chosen) == k or len(rows) < wide:
            return [(int(rows[i][0]), float(rows[i][1])) for i in chosen]
        wide *= 2 * k // max(len(chosen), 1)  # twice as far as it takes where the readable ones lie evenly


def rarest(frequencies: Mapping[str, int], most: int = MOST_ROWS) -> list[str]:
    """The terms that are in few chunks, rarest first, as long as they are in ``most`` chunks together; at
    least one. The commonest terms tell least, and take nearly all the time.
    """
    found: list[str] = []
    for term in sorted(frequencies, key=lambda term: frequencies[term]):
        most -= frequencies[term]
        if found and most < 0:
            break
        found.append(term)
    return found


class Frequencies:
    """How many chunks there are, and in how many a term stands. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generation, self._total = -1, 0
        self._common: dict[str, int] = {}

    def of(self, connection: Connection, query: Iterable[str]) -> tuple[int, dict[str, int]]:
        """The number of all chunks, and by term that of those that hold it; terms that stand nowhere are left
        out.
        """
        now = generation(connection)
        with self._lock:
            if not 0 <= now - self._generation <= self._total // CHUNKS_A_CHANGE:
                self._common = {}
                self._total = int(connection.execute(text("SELECT COUNT(*) FROM chunk")).scalar_one())
                self._generation = now
            total, common = self._total, self._common
        wanted = list(dict.fromkeys(query))
        found = {term: common[term] for term in wanted if term in common}
        for term, count in connection.execute(_COUNTS, {"terms": [t for t in wanted if t not in found]}):
            found[term] = int(count)
            if count > COMMON:
                common[term] = int(count)
        return total, found
