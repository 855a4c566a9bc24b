"""Step: documents, chunks and vectors -> the one database; each document is put, moved or removed in one
transaction.

Every method leaves documents, places, readers, chunks, vectors and lexical rows in step. A document lives as
long as one place holds it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, delete, func, insert, select, update

from ingest.embed import Embedded
from ingest.kin import Signature, forget, link
from rag.errors import IndexStateError
from rag.index import lexical
from rag.store import Store
from rag.tables import EVERYONE, chunk, document, place, reader, space, vector
from rag.types import Chunk, Document, Place, Space, User

__all__ = ["Ledger", "PlaceState", "Prepared"]


@dataclass(frozen=True, slots=True)
class PlaceState:
    """What ingestion compares to know whether a file has changed."""

    document_id: str | None
    sha256: str
    size: int | None
    modified: float | None
    etag: str
    pipeline: str
    parent: str
    title: str
    collection: str
    groups: tuple[str, ...]
    error: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document with all that is stored beside it, ready to be put."""

    document: Document
    chunks: Sequence[Chunk]
    embedded: Embedded
    signature: Signature


class Ledger:
    """Writes the documents of a store. Safe to use from several threads and processes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # ---------------------------------------------------------------- reading

    def states(self, source: str) -> dict[str, PlaceState]:
        """By uri: what is known of each file of a source."""
        with self._store.read() as connection:
            groups: dict[int, list[str]] = {}
            mine = select(reader.c.place_id, reader.c.name).join_from(reader, place)
            for key, name in connection.execute(mine.where(place.c.source == source)):
                groups.setdefault(key, []).append(name)
            rows = connection.execute(select(place).where(place.c.source == source)).all()
        return {
            row.uri: PlaceState(
                row.document_id,
                row.sha256,
                row.size,
                row.modified,
                row.etag,
                row.pipeline,
                row.parent,
                row.title,
                row.collection,
                tuple(sorted(name for name in groups.get(row.id, []) if name != EVERYONE)),
                row.error,
            )
            for row in rows
        }

    def find(self, sha256: str, pipeline: str) -> str | None:
        """Id of the document with this content, if it was made by this pipeline and holds no other files (a
        mail with attachments does: these must be read again for another place).
        """
        holder, held = place.alias(), place.alias()
        holds = (
            select(held.c.id)
            .join(holder, (held.c.source == holder.c.source) & (held.c.parent == holder.c.uri))
            .where(holder.c.document_id == document.c.id)
        )
        query = select(document.c.id).where(
            document.c.sha256 == sha256, document.c.pipeline == pipeline, ~holds.exists()
        )
        with self._store.read() as connection:
            return connection.execute(query.limit(1)).scalar()

    def misnamed(self) -> list[tuple[Document, str]]:
        """Documents whose embedded title is not the one that their places now give them, with that title.

        What has no title of its own is called as its places are, if they agree, else not at all.
        """
        names = func.count(func.distinct(place.c.title))
        query = (
            select(
                document.c.id, document.c.title, names.label("names"), func.min(place.c.title).label("name")
            )
            .join_from(document, place, place.c.document_id == document.c.id)
            .where(~document.c.titled)
            .group_by(document.c.id)
        )
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        named = [(row, row.name if row.names == 1 else "") for row in rows]
        return [(self._store.document(row.id, User()), name) for row, name in named if row.title != name]

    # ---------------------------------------------------------------- writing

    def put(self, prepared: Prepared, places: Sequence[Place], pipeline: str, space_: Space) -> None:
        """Store a document that lies in ``places``, in the stead of what lay there before and of what an
        older pipeline made of the same bytes; all in one transaction.

        Raises IndexStateError when the vectors are not of the space, StoreError, DiskFullError.
        """
        new, chunks = prepared.document, prepared.chunks
        whole, inner = prepared.embedded.vectors, prepared.embedded.sentences
        if len(chunks) != len(whole) or (inner is not None and len(inner) != len(chunks)):
            raise ValueError(f"{len(chunks)} chunks, {len(whole)} vectors")
        if len(whole) and whole.shape[1] != space_.dimension:
            raise IndexStateError(
                f"The database holds vectors of {space_.dimension} dimensions, "
                f"the embedder makes {whole.shape[1]}.",
                "Set embedder.model back; `citewell embed` changes it for all documents.",
            )
        with self._store.write() as connection:
            kept = select(place).where(place.c.document_id == new.id)
            others = [row.id for row in connection.execute(kept)]
            connection.execute(
                update(place).where(place.c.id.in_(others)).values(document_id=None, pipeline=pipeline)
            )
            connection.execute(update(reader).where(reader.c.place_id.in_(others)).values(document_id=None))
            self._drop(connection, [new.id])
            row = {f.name: getattr(new, f.name) for f in dataclasses.fields(new) if f.name != "elements"}
            row |= {
                "elements": [dataclasses.astuple(element) for element in new.elements],
                "pipeline": pipeline,
                "edition": prepared.signature.edition,
                "signature": prepared.signature.digest,
            }
            connection.execute(insert(document), row)
            connection.execute(
                update(place).where(place.c.id.in_(others)).values(document_id=new.id, pipeline=pipeline)
            )
            connection.execute(update(reader).where(reader.c.place_id.in_(others)).values(document_id=new.id))
            for each in places:
                self._settle(connection, each, new.id, new.sha256, pipeline)
            self._add_chunks(connection, prepared, space_)
            link(connection, new, prepared.signature)

    def _add_chunks(self, connection: Connection, prepared: Prepared, space_: Space) -> None:
        new, inner = prepared.document, prepared.embedded.sentences
        rows, vectors = [], []
        for number, (piece, whole) in enumerate(zip(prepared.chunks, prepared.embedded.vectors, strict=True)):
            values = {f.name: getattr(piece, f.name) for f in dataclasses.fields(piece) if f.name != "id"}
            key = connection.execute(insert(chunk), values | {"document_id": new.id}).inserted_primary_key
            assert key is not None
            rows.append((int(key[0]), " ".join((new.title, *piece.heading, piece.header)), piece.text))
            vectors.append(
                {
                    "chunk_id": int(key[0]),
                    "space_id": space_.id,
                    "whole": np.ascontiguousarray(whole, np.float16).tobytes(),
                    "sentences": None
                    if inner is None
                    else np.ascontiguousarray(inner[number], np.float16).tobytes(),
                }
            )
        if vectors:
            connection.execute(insert(vector), vectors)
        lexical.add(connection, rows)

    def attach(self, place_: Place, document_id: str, pipeline: str) -> bool:
        """Let a place hold a document that is stored already; false when that is gone by now."""
        with self._store.write() as connection:
            row = connection.execute(select(document.c.sha256).where(document.c.id == document_id)).first()
            if row is None:
                return False
            self._settle(connection, place_, document_id, row.sha256, pipeline)
            return True

    def contain(self, place_: Place, sha256: str, pipeline: str) -> None:
        """Record a file that holds others and has no text of its own."""
        with self._store.write() as connection:
            self._settle(connection, place_, None, sha256, pipeline)

    def fail(self, place_: Place, sha256: str, pipeline: str, error: str) -> None:
        """Record that a file cannot be read, so that it is left alone until it changes; what was read of it
        before stays.
        """
        with self._store.write(silent=True) as connection:
            key = self._place(connection, place_)
            if key is None:
                self._settle(connection, place_, None, sha256, pipeline, error)
            else:
                values = self._values(place_) | {"sha256": sha256, "pipeline": pipeline, "error": error}
                connection.execute(update(place).where(place.c.id == key).values(values))

    def touch(self, place_: Place) -> None:
        """Record new marks, names or readers of a file whose content is as it was."""
        with self._store.write() as connection:
            key = self._place(connection, place_)
            if key is None:
                return
            connection.execute(update(place).where(place.c.id == key).values(self._values(place_)))
            held = connection.execute(select(place.c.document_id).where(place.c.id == key)).scalar()
            self._admit(connection, key, held, place_.groups)

    def admit(self, source: str, readers: Mapping[str, Sequence[str]]) -> None:
        """Give places other readers, by uri, all in one transaction."""
        with self._store.write() as connection:
            for uri, groups in readers.items():
                query = select(place.c.id, place.c.document_id)
                row = connection.execute(query.where(place.c.source == source, place.c.uri == uri)).first()
                if row is not None:
                    self._admit(connection, row.id, row.document_id, groups)

    def remove(self, source: str, uris: Collection[str]) -> int:
        """Remove places, with documents that no other place holds, all in one transaction; returns how many
        places there were.
        """
        removed = 0
        with self._store.write() as connection:
            for uri in uris:
                query = select(place.c.id, place.c.document_id)
                row = connection.execute(query.where(place.c.source == source, place.c.uri == uri)).first()
                if row is None:
                    continue
                connection.execute(delete(place).where(place.c.id == row.id))
                self._drop_orphan(connection, row.document_id)
                removed += 1
        return removed

    # ---------------------------------------------------------------- spaces

    def active_space(self, fingerprint: str, dimension: int) -> Space:
        """The space that answers; made for this embedder when there is none yet."""
        found = self._store.space()
        if found is not None:
            return found
        with self._store.write() as connection:
            # another process may have come first
            row = connection.execute(select(space).where(space.c.active)).first()
            if row is not None:
                return Space(row.id, row.fingerprint, row.dimension)
            values = {"fingerprint": fingerprint, "dimension": dimension, "active": True}
            key = connection.execute(insert(space), values).inserted_primary_key
            assert key is not None
            return Space(int(key[0]), fingerprint, dimension)

    # ---------------------------------------------------------------- within a transaction

    def _values(self, place_: Place) -> dict[str, object]:
        return {
            "parent": place_.parent,
            "collection": place_.collection,
            "title": place_.title,
            "size": place_.size,
            "modified": place_.modified,
            "etag": place_.etag,
            "edition": place_.edition,
        }

    def _place(self, connection: Connection, place_: Place) -> int | None:
        query = select(place.c.id).where(place.c.source == place_.source, place.c.uri == place_.uri)
        return connection.execute(query).scalar()

    def _settle(
        self,
        connection: Connection,
        place_: Place,
        document_id: str | None,
        sha256: str,
        pipeline: str,
        error: str = "",
    ) -> None:
        """Let the place hold this document and no other."""
        values = {**self._values(place_), "sha256": sha256, "pipeline": pipeline, "error": error}
        values["document_id"] = document_id
        query = select(place.c.id, place.c.document_id)
        row = connection.execute(
            query.where(place.c.source == place_.source, place.c.uri == place_.uri)
        ).first()
        if row is None:
            made = connection.execute(
                insert(place), {"source": place_.source, "uri": place_.uri, **values}
            ).inserted_primary_key
            assert made is not None
            self._admit(connection, int(made[0]), document_id, place_.groups)
            return
        connection.execute(update(place).where(place.c.id == row.id).values(values))
        self._admit(connection, row.id, document_id, place_.groups)
        if row.document_id != document_id:
            self._drop_orphan(connection, row.document_id)

    def _admit(
        self, connection: Connection, key: int, document_id: str | None, groups: Sequence[str]
    ) -> None:
        connection.execute(delete(reader).where(reader.c.place_id == key))
        names = sorted(set(groups)) or [EVERYONE]
        rows = [{"place_id": key, "name": name, "document_id": document_id} for name in names]
        connection.execute(insert(reader), rows)

    def _drop_orphan(self, connection: Connection, document_id: str | None) -> None:
        if document_id is None:
            return
        held = select(place.c.id).where(place.c.document_id == document_id).limit(1)
        if connection.execute(held).first() is None:
            self._drop(connection, [document_id])

    def _drop(self, connection: Connection, keys: Sequence[str]) -> None:
        for key in keys:
            forget(connection, key)
            lexical.remove(connection, key)
            connection.execute(delete(document).where(document.c.id == key))
