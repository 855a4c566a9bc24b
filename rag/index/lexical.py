"""Lexical search: SQLite's FTS5 over terms that are segmented and folded beforehand (rag.text.terms).

The rows live in the database beside the chunks and change in the same transaction, so this search is never
stale.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Connection, bindparam, text

from rag.index.changes import generation
from rag.text import terms

__all__ = ["Frequencies", "add", "rarest", "remove", "search"]

# A term in a title or heading tells more of what a passage is about than one in its body.
HEADING_WEIGHT = 1.0
BODY_WEIGHT = 1.0
# A search looks at so many rows, those of the rarest terms; one term is always sought. In a collection of
# less than about half a million chunks that is every term (tests/bench/index.py).
MOST_ROWS = 50_000
# Rights are looked up for so many times the rows that are wanted, best first, and then for all.
WIDE = 4
# Terms in more chunks than this take long to count; their numbers, and that of all chunks, serve until the
# collection has changed once for so many chunks.
COMMON, CHUNKS_A_CHANGE = 1000, 1000
_READER = "EXISTS (SELECT 1 FROM reader r WHERE r.{key} AND r.name IN :readers)"
_WITHIN = """EXISTS (SELECT 1 FROM place p
    WHERE p.document_id = c.document_id AND p.collection IN :collections {mine})"""


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
    connection: Connection,
    query: Sequence[str],
    k: int,
    readers: Sequence[str] | None,
    collections: Sequence[str] | None = None,
) -> list[tuple[int, float]]:
    """The ``k`` best ``(chunk id, BM25)`` for any of the query's terms, best first; higher is better.

    Only chunks that one of ``readers`` may read take part (None: all), where the document lies in one of
    ``collections`` (None: anywhere), so that filtering never shortens the list.
    """
    if not query:
        return []
    restricted = readers is not None or collections is not None
    found = _search(connection, query, k, readers, collections, WIDE * k if restricted else k)
    # those beyond the best of all may be his best
    return (
        found
        if len(found) == k or not restricted
        else _search(connection, query, k, readers, collections, -1)
    )


def _search(
    connection: Connection,
    query: Sequence[str],
    k: int,
    readers: Sequence[str] | None,
    collections: Sequence[str] | None,
    wide: int,
) -> list[tuple[int, float]]:
    """Like search, among the ``wide`` best of all chunks (-1: among all)."""
    match = " OR ".join('"' + term.replace('"', '""') + '"' for term in dict.fromkeys(query))
    values: dict[str, object] = {"match": match, "k": k, "wide": wide}
    given = {"readers": readers, "collections": collections}
    lists = {name: list(value) for name, value in given.items() if value is not None}
    values |= lists
    statement = text(
        f"""SELECT t.id, t.score FROM (
            SELECT rowid AS id, -bm25(chunk_terms, {HEADING_WEIGHT}, {BODY_WEIGHT}) AS score
            FROM chunk_terms WHERE chunk_terms MATCH :match ORDER BY score DESC, rowid LIMIT :wide
        ) t JOIN chunk c ON c.id = t.id WHERE TRUE {_where(lists)} ORDER BY t.score DESC, t.id LIMIT :k"""
    ).bindparams(*(bindparam(name, expanding=True) for name in lists))
    return [(int(row[0]), float(row[1])) for row in connection.execute(statement, values)]


def _where(lists: Collection[str]) -> str:
    """The readers that count are those of a place within the collections, where these are named."""
    if "collections" not in lists:
        return f"AND {_READER.format(key='document_id = c.document_id')}" if lists else ""
    mine = f"AND {_READER.format(key='place_id = p.id')}" if "readers" in lists else ""
    return f"AND {_WITHIN.format(mine=mine)}"


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
        statement = text("SELECT term, doc FROM chunk_vocabulary WHERE term IN :terms").bindparams(
            bindparam("terms", expanding=True)
        )
        rows = connection.execute(statement, {"terms": [term for term in wanted if term not in found]})
        for term, count in rows:
            found[term] = int(count)
            if count > COMMON:
                common[term] = int(count)
        return total, found
