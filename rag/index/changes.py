"""What the index reads of the database: rows of vectors, who may read them, and what changed since.

Triggers note each document whose chunks, vectors, places or readers change (rag.tables.change), with the
generation that it changes in; so that following a change costs no more than the change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from rag.index.access import Access
from rag.tables import change, chunk, document, place, reader, setting, vector

__all__ = ["Read", "changed_since", "document_number", "generation", "read", "sample", "sizes", "wholes"]

_BATCH, _DOCUMENTS = 10_000, 500
_NONE: Access = frozenset()
_GENERATION = select(setting.c.value).where(setting.c.name == "generation")


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Rows as they are in the database. ``documents`` are numbers, see document_number; ``accesses`` tells
    who may read each document.
    """

    ids: NDArray[np.int64]  # [n], ascending
    documents: NDArray[np.int64]  # [n]
    languages: NDArray[np.str_]  # [n]
    accesses: dict[int, Access]
    vectors: NDArray[np.float16]  # [n, d]

    def of(self, language: str) -> Read:
        """The rows of one language."""
        mine = self.languages == language
        return Read(
            self.ids[mine], self.documents[mine], self.languages[mine], self.accesses, self.vectors[mine]
        )

    def besides(self, ids: NDArray[np.int64]) -> Read:
        """Those of other chunks."""
        other = ~np.isin(self.ids, ids)
        return Read(
            self.ids[other], self.documents[other], self.languages[other], self.accesses, self.vectors[other]
        )


def document_number(key: str) -> int:
    """A number for a document's id: 8 bytes a row instead of a string."""
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8"), digest_size=8).digest(), "little", signed=True)


def changed_since(connection: Connection, generation: int) -> list[str]:
    """Ids of the documents that were changed, added or removed after that generation."""
    query = select(change.c.document_id).where(change.c.generation > generation)
    return list(connection.execute(query).scalars())


def generation(connection: Connection) -> int:
    """A number that grows with every change that an answer may depend on."""
    return int(connection.execute(_GENERATION).scalar() or 0)


def sizes(connection: Connection, space_id: int) -> dict[str, int]:
    """How many vectors of a space there are, by language."""
    query = (
        select(document.c.language, func.count())
        .select_from(vector)
        .join(chunk, chunk.c.id == vector.c.chunk_id)
        .join(document, document.c.id == chunk.c.document_id)
        .where(vector.c.space_id == space_id)
        .group_by(document.c.language)
    )
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def read(connection: Connection, space_id: int, keys: Sequence[str] | None = None) -> Iterator[Read]:
    """The rows of some documents, or all (None), in batches."""
    if keys is None:
        yield from _batches(connection, space_id, None)
        return
    for begin in range(0, len(keys), _DOCUMENTS):
        yield from _batches(connection, space_id, keys[begin : begin + _DOCUMENTS])


def sample(connection: Connection, space_id: int, language: str, count: int) -> NDArray[np.float16]:
    """Vectors of about ``count`` chunks of a language, spread evenly over all of them [n, d]."""
    query = (
        select(chunk.c.id)
        .join(document, document.c.id == chunk.c.document_id)
        .where(document.c.language == language)
        .order_by(chunk.c.id)
    )
    ids = connection.execute(query).scalars().all()
    chosen = ids[:: max(1, len(ids) // count)]
    found: list[bytes] = []
    for begin in range(0, len(chosen), _BATCH):
        some = vector.c.chunk_id.in_(chosen[begin : begin + _BATCH])
        found += connection.execute(
            select(vector.c.whole).where(vector.c.space_id == space_id, some)
        ).scalars()
    return np.frombuffer(b"".join(found), np.float16).reshape(len(found), -1)


def wholes(connection: Connection, space_id: int, ids: Sequence[int]) -> dict[int, NDArray[np.float16]]:
    """The vectors of some chunks by id [d]; those that are gone are left out."""
    query = select(vector.c.chunk_id, vector.c.whole).where(
        vector.c.space_id == space_id, vector.c.chunk_id.in_(ids)
    )
    return {row.chunk_id: np.frombuffer(row.whole, np.float16) for row in connection.execute(query)}


def _batches(connection: Connection, space_id: int, keys: Sequence[str] | None) -> Iterator[Read]:
    known = select(document.c.id, document.c.language)
    if keys is not None:
        known = known.where(document.c.id.in_(keys))
    languages = {row.id: row.language for row in connection.execute(known)}
    accesses = _accesses(connection, keys)
    query = (
        select(vector.c.chunk_id, chunk.c.document_id, vector.c.whole)
        .join_from(vector, chunk, chunk.c.id == vector.c.chunk_id)
        .where(vector.c.space_id == space_id)
        .order_by(vector.c.chunk_id)
        .limit(_BATCH)
    )
    if keys is not None:
        query = query.where(chunk.c.document_id.in_(keys))
    last = 0
    while rows := connection.execute(query.where(vector.c.chunk_id > last)).all():
        numbers = {key: document_number(key) for key in {row.document_id for row in rows}}
        yield Read(
            ids=np.array([row.chunk_id for row in rows], np.int64),
            documents=np.array([numbers[row.document_id] for row in rows], np.int64),
            languages=np.array([languages[row.document_id] for row in rows], np.str_),
            accesses={numbers[key]: accesses.get(key, _NONE) for key in numbers},
            vectors=np.frombuffer(b"".join(row.whole for row in rows), np.float16).reshape(len(rows), -1),
        )
        last = rows[-1].chunk_id


def _accesses(connection: Connection, keys: Sequence[str] | None) -> dict[str, Access]:
    """Who may read each document, and where."""
    query = (
        select(place.c.id, place.c.document_id, place.c.collection, reader.c.name)
        .outerjoin_from(place, reader, reader.c.place_id == place.c.id)
        .where(place.c.document_id.is_not(None))
    )
    if keys is not None:
        query = query.where(place.c.document_id.in_(keys))
    readers: dict[tuple[str, int, str], set[str]] = {}
    for row in connection.execute(query):
        names = readers.setdefault((row.document_id, row.id, row.collection), set())
        if row.name is not None:
            names.add(row.name)
    places: dict[str, set[tuple[str, frozenset[str]]]] = {}
    for (key, _, collection), names in readers.items():
        places.setdefault(key, set()).add((collection, frozenset(names)))
    return {key: frozenset(found) for key, found in places.items()}
