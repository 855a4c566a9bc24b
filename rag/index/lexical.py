"""Lexical search: SQLite's FTS5 over terms that are segmented and folded beforehand (rag.text.terms).

The rows live in the database beside the chunks and change in the same transaction, so this search is never
stale.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, bindparam, text

from rag.text import terms

__all__ = ["add", "document_frequencies", "remove", "search"]

# A term in a title or heading tells more of what a passage is about than one in its body.
HEADING_WEIGHT = 1.0
BODY_WEIGHT = 1.0
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
    match = " OR ".join('"' + term.replace('"', '""') + '"' for term in dict.fromkeys(query))
    values: dict[str, object] = {"match": match, "k": k}
    given = {"readers": readers, "collections": collections}
    lists = {name: list(value) for name, value in given.items() if value is not None}
    values |= lists
    statement = text(
        f"""SELECT c.id, -bm25(chunk_terms, {HEADING_WEIGHT}, {BODY_WEIGHT}) AS score
        FROM chunk_terms JOIN chunk c ON c.id = chunk_terms.rowid
        WHERE chunk_terms MATCH :match {_where(lists)} ORDER BY score DESC, c.id LIMIT :k"""
    ).bindparams(*(bindparam(name, expanding=True) for name in lists))
    return [(int(row[0]), float(row[1])) for row in connection.execute(statement, values)]


def _where(lists: Collection[str]) -> str:
    """The readers that count are those of a place within the collections, where these are named."""
    if "collections" not in lists:
        return f"AND {_READER.format(key='document_id = c.document_id')}" if lists else ""
    mine = f"AND {_READER.format(key='place_id = p.id')}" if "readers" in lists else ""
    return f"AND {_WITHIN.format(mine=mine)}"


def document_frequencies(connection: Connection, query: Iterable[str]) -> dict[str, int]:
    """In how many chunks each term stands; terms that stand nowhere are left out."""
    statement = text("SELECT term, doc FROM chunk_vocabulary WHERE term IN :terms").bindparams(
        bindparam("terms", expanding=True)
    )
    return {row[0]: int(row[1]) for row in connection.execute(statement, {"terms": list(set(query))})}
