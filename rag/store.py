"""The one database as answers read it: documents, who may read them, chunks, vectors and lexical rows.

SQLite in WAL mode: readers never wait for the writer and see either the old document or the new one.
``synchronous=NORMAL`` keeps the database whole through a crash of the process or the machine. What writes
documents is ingest.index.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Engine, FromClause, Select, bindparam, func, select, text
from sqlalchemy.exc import DatabaseError, OperationalError

from rag.database import open_engine, translated
from rag.errors import NotFoundError
from rag.home import make_home
from rag.index import lexical
from rag.index.access import reader_names
from rag.index.changes import generation
from rag.settings import Settings
from rag.tables import chunk, document, kin, place, reader, setting, space, vector
from rag.types import Chunk, Document, DocumentRef, Element, Space, User

__all__ = ["PIECE", "Store", "chunk_of", "places_open_to"]

Half = NDArray[np.float16]


def _readable(user: User, key: ColumnElement[str]) -> list[ColumnElement[bool]]:
    """SQL conditions: the user may read the document, in one of its places."""
    names = reader_names(user)
    if user.collections is not None:
        return [select(place.c.id).where(place.c.document_id == key, *places_open_to(user)).exists()]
    if names is None:
        return []
    return [select(reader.c.name).where(reader.c.document_id == key, reader.c.name.in_(names)).exists()]


def places_open_to(user: User, at: FromClause = place) -> list[ColumnElement[bool]]:
    """SQL conditions: the user may read what lies in the place, a row of ``at``."""
    collections = None if user.collections is None else list(user.collections)
    return _open_to(collections, reader_names(user), at)


def _open_to(collections: Any, names: Any, at: FromClause) -> list[ColumnElement[bool]]:  # noqa: ANN401
    """The same for lists, or for parameters of lists; None: it does not matter."""
    found: list[ColumnElement[bool]] = []
    if collections is not None:
        found.append(at.c.collection.in_(collections))
    if names is not None:
        mine = select(reader.c.name).where(reader.c.place_id == at.c.id, reader.c.name.in_(names))
        found.append(mine.exists())
    return found


# The columns of a Chunk, in the order of its fields: rows are read by position, by name takes thrice as long
PIECE: tuple[ColumnElement[Any], ...] = (
    *(chunk.c.document_id, chunk.c.position, chunk.c.text, chunk.c.start, chunk.c.end, chunk.c.sentences),
    *(chunk.c.page, chunk.c.heading, chunk.c.header, chunk.c.tokens, chunk.c.id),
)


def chunk_of(row: Sequence[Any]) -> Chunk:
    """A row that begins with the columns PIECE as a Chunk."""
    key, position, body, start, end, spans, page, heading, header, tokens, number = row[: len(PIECE)]
    sentences = tuple(map(tuple, spans))
    return Chunk(key, position, body, start, end, sentences, page, tuple(heading), header, tokens, number)


class Store:
    """Reads the database. Safe to use from several threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._frequencies = lexical.Frequencies()

    @classmethod
    def open(cls, settings: Settings) -> Store:
        """Open the database of ``settings.home``, creating and migrating it as needed."""
        try:
            make_home(settings.home)
            engine = open_engine(settings.database_url)
        except (OperationalError, DatabaseError, OSError) as error:
            raise translated(error, settings.home) from error
        return cls(engine)

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose reads see one state. Raises StoreError."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except DatabaseError as error:
            raise translated(error, self._engine.url.database) from error

    @contextmanager
    def write(self, *, silent: bool = False) -> Iterator[Connection]:
        """One transaction, kept whole or not at all; ``silent`` for what no answer depends on. Raises
        StoreError, DiskFullError.
        """
        try:
            with self._engine.connect().execution_options(write=True) as connection, connection.begin():
                yield connection
                if not silent:
                    connection.execute(
                        text(
                            "INSERT INTO setting (name, value) VALUES ('generation', '1') "
                            "ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
                        )
                    )
        except DatabaseError as error:
            raise translated(error, self._engine.url.database) from error

    # ---------------------------------------------------------------- state

    def generation(self) -> int:
        """A number that grows with every change that an answer may depend on."""
        with self.read() as connection:
            return generation(connection)

    def identity(self) -> str:
        """A random name of this very database, made when it was created."""
        with self.read() as connection:
            return str(
                connection.execute(select(setting.c.value).where(setting.c.name == "identity")).scalar_one()
            )

    def space(self) -> Space | None:
        """The vector space that answers; None before anything was ingested."""
        with self.read() as connection:
            row = connection.execute(select(space).where(space.c.active)).first()
        return None if row is None else Space(row.id, row.fingerprint, row.dimension)

    def space_id(self, fingerprint: str) -> int | None:
        """The space of this embedder, active or not; None when there is none."""
        with self.read() as connection:
            return connection.execute(select(space.c.id).where(space.c.fingerprint == fingerprint)).scalar()

    def originals(self) -> set[str]:
        """sha256 of each original that a document refers to."""
        with self.read() as connection:
            return set(connection.execute(select(document.c.sha256)).scalars())

    def document_ids(self) -> list[str]:
        """Ids of all documents."""
        with self.read() as connection:
            return list(connection.execute(select(document.c.id).order_by(document.c.id)).scalars())

    def counts(self, user: User | None = None) -> dict[str, int]:
        """How many documents and chunks there are, of those that the user may read (None: of all)."""
        documents = select(func.count()).select_from(document)
        chunks = select(func.count()).select_from(chunk)
        if user is not None:
            documents = documents.where(*_readable(user, document.c.id))
            chunks = chunks.where(*_readable(user, chunk.c.document_id))
        with self.read() as connection:
            return {
                "documents": connection.execute(documents).scalar_one(),
                "chunks": connection.execute(chunks).scalar_one(),
            }

    def check(self) -> str:
        """SQLite's own integrity check: "ok", or what is wrong. Reads the whole file."""
        with self.read() as connection:
            return str(connection.execute(text("PRAGMA quick_check(1)")).scalar())

    # ---------------------------------------------------------------- searching

    def hit_vectors(self, ids: Collection[int], space_id: int) -> dict[int, tuple[Half, Half | None]]:
        """By chunk id: the chunk's vector [d] and its sentences' vectors [sentences, d], None where these are
        not embedded yet; ids that are gone are left out.
        """
        query = select(vector.c.chunk_id, vector.c.whole, vector.c.sentences).where(
            vector.c.space_id == space_id, vector.c.chunk_id.in_([int(i) for i in ids])
        )
        found: dict[int, tuple[Half, Half | None]] = {}
        with self.read() as connection:
            for row in connection.execute(query):
                whole = np.frombuffer(row.whole, np.float16)
                inner = (
                    None
                    if row.sentences is None
                    else np.frombuffer(row.sentences, np.float16).reshape(-1, len(whole))
                )
                found[row.chunk_id] = whole, inner
        return found

    def lexical(
        self, query: Sequence[str], k: int, readable: lexical.Readable | None = None
    ) -> list[tuple[int, float]]:
        """See rag.index.lexical.search."""
        with self.read() as connection:
            return lexical.search(connection, query, k, readable)

    def frequencies(self, query: Collection[str]) -> tuple[int, dict[str, int]]:
        """See rag.index.lexical.Frequencies.of."""
        with self.read() as connection:
            return self._frequencies.of(connection, query)

    # ---------------------------------------------------------------- what a reader sees

    def chunks(self, ids: Collection[int], user: User) -> dict[int, tuple[Chunk, DocumentRef]]:
        """Chunks by id with their documents. What was deleted or is not for this user is left out."""
        with self.read() as connection:
            rows = connection.execute(_CHUNKS, {"ids": [int(i) for i in ids]}).all()
            found = [chunk_of(row) for row in rows]
            known = _references(connection, {piece.document_id for piece in found}, user)
        return {piece.id: (piece, known[piece.document_id]) for piece in found if piece.document_id in known}

    def references(self, keys: Collection[str], user: User) -> dict[str, DocumentRef]:
        """Documents by id as the user sees them; those that are gone or not for him are left out."""
        with self.read() as connection:
            return _references(connection, keys, user)

    def kin(self, keys: Collection[str], user: User) -> dict[str, list[DocumentRef]]:
        """By document id: its near-duplicates that the user may read."""
        query = select(kin.c.document_id, kin.c.other_id).where(kin.c.document_id.in_(list(keys)))
        with self.read() as connection:
            pairs = connection.execute(query).all()
            known = _references(connection, {pair.other_id for pair in pairs}, user)
        found: dict[str, list[DocumentRef]] = {}
        for key, other in pairs:
            if other in known:
                found.setdefault(key, []).append(known[other])
        return found

    def document(self, key: str, user: User) -> Document:
        """A whole document. Raises NotFoundError when it is not there or not for this user."""
        query = select(document).where(document.c.id == key, *_readable(user, document.c.id))
        with self.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFoundError(
                f"There is no document {key}.", "Search again: it may have been removed or replaced."
            )
        elements = tuple(
            Element(kind, start, end, page, tuple(heading), header)
            for kind, start, end, page, heading, header in row.elements
        )
        return Document(
            id=row.id,
            title=row.title,
            titled=row.titled,
            text=row.text,
            elements=elements,
            language=row.language,
            mime=row.mime,
            sha256=row.sha256,
            size=row.size,
        )

    def excerpt(self, key: str, start: int, end: int, user: User) -> str | None:
        """``text[start:end]`` of a document; None when it is not there or not for this user."""
        query = select(func.substr(document.c.text, start + 1, end - start)).where(
            document.c.id == key, *_readable(user, document.c.id)
        )
        with self.read() as connection:
            return connection.execute(query).scalar()


# Statements of every search are made once: making one takes half as long as running it
_CHUNKS = select(*PIECE).where(chunk.c.id.in_(bindparam("ids", expanding=True)))


@functools.cache
def _reference_query(by_collection: bool, by_name: bool) -> Select[Any]:
    open_to = _open_to(
        bindparam("collections", expanding=True) if by_collection else None,
        bindparam("names", expanding=True) if by_name else None,
        place,
    )
    return (
        select(
            document.c.id,
            document.c.title,
            document.c.titled,
            document.c.language,
            document.c.edition,
            place.c.uri,
            place.c.title.label("named"),
            place.c.modified,
            place.c.edition.label("stated"),
        )
        .join_from(document, place, place.c.document_id == document.c.id)
        .with_hint(document, "INDEXED BY document_reference", "sqlite")
        .where(document.c.id.in_(bindparam("keys", expanding=True)), *open_to)
        .order_by(place.c.modified.desc().nulls_last(), place.c.uri)
    )


def _references(connection: Connection, keys: Collection[str], user: User) -> dict[str, DocumentRef]:
    """Each document as the user sees it: by the newest of those places that he may read, and by no other."""
    given: dict[str, list[str]] = {"keys": list(keys)}
    if user.collections is not None:
        given["collections"] = list(user.collections)
    names = reader_names(user)
    if names is not None:
        given["names"] = list(names)
    query = _reference_query("collections" in given, "names" in given)
    found: dict[str, DocumentRef] = {}
    for key, title, titled, language, edition, uri, named, at, stated in connection.execute(
        query, given
    ).all():
        if key not in found:
            found[key] = DocumentRef(key, uri, title if titled else named, language, at, edition or stated)
    return found
