"""The one database: documents, chunks, vectors and lexical rows, written in one transaction per document.

SQLite in WAL mode: readers never wait for the writer and see either the old document or the new one.
``synchronous=NORMAL`` keeps the database whole through a crash of the process or the machine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Connection,
    Engine,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import DatabaseError, OperationalError

from rag.database import open_engine, translated
from rag.errors import IndexStateError, NotFoundError
from rag.index import lexical
from rag.settings import Settings
from rag.tables import chunk, document, document_group, setting
from rag.types import Chunk, Document, DocumentRef, Element, User

__all__ = ["DocumentState", "Store"]

_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class DocumentState:
    """What ingestion compares to know whether a source has changed."""

    document_id: str
    sha256: str
    size: int
    modified: float | None
    pipeline: str


def _groups(user: User) -> list[str] | None:
    return None if user.groups is None else list(user.groups)


def _chunk(row: Any) -> Chunk:  # noqa: ANN401 - SQLAlchemy rows are untyped
    return Chunk(
        document_id=row.document_id,
        position=row.position,
        text=row.text,
        start=row.start,
        end=row.end,
        sentences=tuple((a, b) for a, b in row.sentences),
        page=row.page,
        heading=tuple(row.heading),
        header=row.header,
        tokens=row.tokens,
        id=row.id,
    )


class Store:
    """Reads and writes the database. Safe to use from several threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, settings: Settings) -> Store:
        """Open the database of ``settings.home``, creating and migrating it as needed."""
        try:
            settings.home.mkdir(parents=True, exist_ok=True)
            engine = open_engine(settings.database_url)
        except (OperationalError, DatabaseError, OSError) as error:
            raise translated(error, settings.home) from error
        return cls(engine)

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except DatabaseError as error:
            raise translated(error, self._engine.url.database) from error

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(write=True) as connection, connection.begin():
                yield connection
                connection.execute(
                    text(
                        "INSERT INTO setting (name, value) VALUES ('generation', '1') "
                        "ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
                    )
                )
        except DatabaseError as error:
            raise translated(error, self._engine.url.database) from error

    # ---------------------------------------------------------------- writing

    def replace_document(
        self,
        new: Document,
        chunks: Sequence[Chunk],
        vectors: NDArray[np.float16],
        sentence_vectors: Sequence[NDArray[np.float16]],
        pipeline: str,
    ) -> None:
        """Put a document in the place of the one with the same source, if any; all in one transaction.

        ``vectors`` is [chunks, d]; ``sentence_vectors[i]`` is [sentences of chunk i, d], all of unit length.
        """
        if not len(chunks) == len(vectors) == len(sentence_vectors):
            raise ValueError(
                f"{len(chunks)} chunks, {len(vectors)} vectors, {len(sentence_vectors)} sentence vectors"
            )
        with self._write() as connection:
            self._check_dimension(connection, vectors)
            self._delete(connection, [new.source])
            row = {
                f.name: getattr(new, f.name)
                for f in dataclasses.fields(new)
                if f.name not in ("elements", "groups")
            }
            row |= {"elements": [dataclasses.astuple(e) for e in new.elements], "pipeline": pipeline}
            connection.execute(insert(document), row)
            if new.groups:
                connection.execute(
                    insert(document_group),
                    [{"document_id": new.id, "name": g} for g in sorted(set(new.groups))],
                )
            rows = []
            for piece, vector, inner in zip(chunks, vectors, sentence_vectors, strict=True):
                values = {f.name: getattr(piece, f.name) for f in dataclasses.fields(piece) if f.name != "id"}
                values |= {
                    "document_id": new.id,
                    "vector": np.ascontiguousarray(vector, np.float16).tobytes(),
                    "sentence_vectors": np.ascontiguousarray(inner, np.float16).tobytes(),
                }
                key = connection.execute(insert(chunk), values).inserted_primary_key
                assert key is not None
                rows.append((int(key[0]), " ".join((new.title, *piece.heading, piece.header)), piece.text))
            lexical.add(connection, rows)

    def _check_dimension(self, connection: Connection, vectors: NDArray[np.float16]) -> None:
        if not len(vectors):
            return
        dimension = str(vectors.shape[1])
        stored = connection.execute(select(setting.c.value).where(setting.c.name == "dimension")).scalar()
        if stored is None:
            connection.execute(insert(setting), {"name": "dimension", "value": dimension})
        elif stored != dimension:
            raise IndexStateError(
                f"The database holds vectors of {stored} dimensions, the embedder makes {dimension}.",
                "Set embedder.model back, or ingest into another home (CITEWELL_HOME).",
            )

    def _delete(self, connection: Connection, sources: Collection[str]) -> int:
        removed = 0
        for source in sources:
            key = connection.execute(select(document.c.id).where(document.c.source == source)).scalar()
            if key is None:
                continue
            lexical.remove(connection, key)
            connection.execute(delete(document).where(document.c.id == key))
            removed += 1
        return removed

    def remove_documents(self, sources: Collection[str]) -> int:
        """Remove documents by source, all in one transaction; returns how many were there."""
        with self._write() as connection:
            return self._delete(connection, sources)

    def touch(self, source: str, size: int, modified: float | None) -> None:
        """Record that unchanged content has a new time stamp."""
        with self._write() as connection:
            connection.execute(
                update(document).where(document.c.source == source).values(size=size, modified=modified)
            )

    # ---------------------------------------------------------------- reading

    def states(self) -> dict[str, DocumentState]:
        """By source: what is known of each document."""
        columns = (
            document.c.id,
            document.c.sha256,
            document.c.size,
            document.c.modified,
            document.c.pipeline,
        )
        with self._read() as connection:
            return {
                row[0]: DocumentState(*row[1:])
                for row in connection.execute(select(document.c.source, *columns))
            }

    def originals(self) -> set[str]:
        """sha256 of each original that a document refers to."""
        with self._read() as connection:
            return set(connection.execute(select(document.c.sha256)).scalars())

    def generation(self) -> int:
        """A number that grows with every change."""
        with self._read() as connection:
            value = connection.execute(select(setting.c.value).where(setting.c.name == "generation")).scalar()
        return int(value or 0)

    def identity(self) -> str:
        """A random name of this very database, made when it was created."""
        with self._read() as connection:
            return str(
                connection.execute(select(setting.c.value).where(setting.c.name == "identity")).scalar_one()
            )

    def counts(self) -> dict[str, int]:
        """How many documents and chunks there are."""
        with self._read() as connection:
            return {
                "documents": connection.execute(select(func.count()).select_from(document)).scalar_one(),
                "chunks": connection.execute(select(func.count()).select_from(chunk)).scalar_one(),
            }

    def chunk_languages(self) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
        """Ids of all chunks, ascending, and the languages of their documents, [n] each."""
        query = select(chunk.c.id, document.c.language).join_from(chunk, document).order_by(chunk.c.id)
        with self._read() as connection:
            rows = connection.execute(query).all()
        return np.array([row.id for row in rows], np.int64), np.array([row.language for row in rows], np.str_)

    def readable_ids(self, user: User) -> NDArray[np.int64] | None:
        """Ids of the chunks that the user may read, ascending; None when that is all of them."""
        groups = _groups(user)
        if groups is None:
            return None
        with self._read() as connection:
            if not connection.execute(select(document_group.c.name).limit(1)).first():
                return None
            ids = select(chunk.c.id).where(_readable(groups, chunk.c.document_id)).order_by(chunk.c.id)
            return np.fromiter(connection.execute(ids).scalars(), np.int64)

    def vectors(self, ids: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float16]]]:
        """The chunks' vectors in batches of ``(ids [b], vectors [b, d])``; ids that are gone are left out."""
        for begin in range(0, len(ids), _BATCH):
            wanted = [int(i) for i in ids[begin : begin + _BATCH]]
            with self._read() as connection:
                rows = connection.execute(
                    select(chunk.c.id, chunk.c.vector).where(chunk.c.id.in_(wanted))
                ).all()
            if rows:
                found = np.array([row.id for row in rows], np.int64)
                yield (
                    found,
                    np.frombuffer(b"".join(row.vector for row in rows), np.float16).reshape(len(rows), -1),
                )

    def chunks(self, ids: Collection[int], user: User) -> dict[int, tuple[Chunk, DocumentRef]]:
        """Chunks by id with their documents. What was deleted or is not for this user is left out."""
        columns = [c for c in chunk.c if c.name not in ("vector", "sentence_vectors")]
        about = (document.c.source, document.c.title, document.c.language, document.c.modified)
        query = (
            select(*columns, *about).join_from(chunk, document).where(chunk.c.id.in_([int(i) for i in ids]))
        )
        groups = _groups(user)
        if groups is not None:
            query = query.where(_readable(groups, document.c.id))
        with self._read() as connection:
            return {
                row.id: (
                    _chunk(row),
                    DocumentRef(row.document_id, row.source, row.title, row.language, row.modified),
                )
                for row in connection.execute(query)
            }

    def hit_vectors(self, ids: Collection[int]) -> dict[int, tuple[NDArray[np.float16], NDArray[np.float16]]]:
        """By chunk id: the chunk's vector [d] and its sentences' vectors [sentences, d]; ids that are gone
        are left out.
        """
        query = select(chunk.c.id, chunk.c.vector, chunk.c.sentence_vectors).where(
            chunk.c.id.in_([int(i) for i in ids])
        )
        with self._read() as connection:
            return {
                row.id: (
                    np.frombuffer(row.vector, np.float16),
                    np.frombuffer(row.sentence_vectors, np.float16).reshape(-1, len(row.vector) // 2),
                )
                for row in connection.execute(query)
            }

    def lexical(self, query: Sequence[str], k: int, user: User) -> list[tuple[int, float]]:
        """See rag.index.lexical.search."""
        with self._read() as connection:
            return lexical.search(connection, query, k, _groups(user))

    def document_frequencies(self, query: Collection[str]) -> dict[str, int]:
        """See rag.index.lexical.document_frequencies."""
        with self._read() as connection:
            return lexical.document_frequencies(connection, query)

    def document(self, key: str, user: User) -> Document:
        """A whole document. Raises NotFoundError when it is not there or not for this user."""
        query = select(document).where(document.c.id == key)
        groups = _groups(user)
        if groups is not None:
            query = query.where(_readable(groups, document.c.id))
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
            if row is None:
                raise NotFoundError(
                    f"There is no document {key}.", "Search again: it may have been removed or replaced."
                )
            names = connection.execute(
                select(document_group.c.name)
                .where(document_group.c.document_id == key)
                .order_by(document_group.c.name)
            ).scalars()
            elements = tuple(
                Element(kind, start, end, page, tuple(heading), header)
                for kind, start, end, page, heading, header in row["elements"]
            )
            values = {name: row[name] for name in row if name not in ("elements", "pipeline")}
            return Document(elements=elements, groups=tuple(names), **values)

    def excerpt(self, key: str, start: int, end: int, user: User) -> str | None:
        """``text[start:end]`` of a document; None when it is not there or not for this user."""
        query = select(func.substr(document.c.text, start + 1, end - start)).where(document.c.id == key)
        groups = _groups(user)
        if groups is not None:
            query = query.where(_readable(groups, document.c.id))
        with self._read() as connection:
            return connection.execute(query).scalar()

    def check(self) -> str:
        """SQLite's own integrity check: "ok", or what is wrong. Reads the whole file."""
        with self._read() as connection:
            return str(connection.execute(text("PRAGMA quick_check(1)")).scalar())


def _readable(groups: Sequence[str], key: Any) -> Any:  # noqa: ANN401 - SQL expressions
    """SQL condition: the document is public, or one of the groups may read it."""
    of = select(document_group.c.name).where(document_group.c.document_id == key)
    return or_(~of.exists(), of.where(document_group.c.name.in_(groups)).exists())
