"""The documents of a store as a reader finds them in a list: each by the newest of the places that he may
read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, FromClause, and_, case, func, or_, select

from rag.errors import NotFoundError
from rag.store import Store, places_open_to
from rag.tables import document, place
from rag.types import DocumentRef, User
from rag.versions import versions_of

__all__ = ["Collection", "Library", "Listed", "ReadState"]

ReadState = Literal["ok", "failed"]
_UNREAD = "file-"  # id of a file that could not be read: it has no document


@dataclass(frozen=True, slots=True)
class Listed:
    """A document, or a file that could not be read (``error``; ``id`` is then that of the file). ``source``
    is the name of its source, ``uri`` its place there, ``parent`` the archive or mail that holds it.
    ``modified`` in seconds since the epoch, ``size`` in bytes. ``place`` orders a list, the newest last.
    """

    id: str
    place: int
    title: str
    source: str
    uri: str
    parent: str
    collection: str
    language: str
    mime: str
    sha256: str
    size: int | None
    modified: float | None
    edition: str
    error: str
    superseded_by: DocumentRef | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection with how many documents of it the reader may read."""

    name: str
    documents: int


class Library:
    """Reads what there is to read. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(
        self,
        user: User,
        *,
        q: str = "",
        source: str | None = None,
        state: ReadState | None = None,
        limit: int = 50,
        before: int | None = None,
    ) -> tuple[Listed, ...]:
        """What the user may read, of his collections if he names some, the last added first; ``q`` is sought
        in titles and uris. ``before`` is the place of the last one that is known already.
        """

        def wanted(at: FromClause) -> ColumnElement[bool]:
            read = at.c.document_id.is_not(None)
            states = {"ok": and_(read, at.c.error == ""), "failed": at.c.error != ""}
            chosen = states[state] if state else or_(read, at.c.error != "")
            of = [] if source is None else [at.c.source == source]
            return and_(chosen, *of, *places_open_to(user, at))

        newer = place.alias("newer")
        again = and_(newer.c.document_id == place.c.document_id, newer.c.id > place.c.id, wanted(newer))
        query = _rows().where(wanted(place), ~select(newer.c.id).where(again).exists())
        if q:
            own = and_(document.c.titled, document.c.title.icontains(q, autoescape=True))
            named = (column.icontains(q, autoescape=True) for column in (place.c.title, place.c.uri))
            query = query.where(or_(own, *named))
        if before is not None:
            query = query.where(place.c.id < before)
        return self._listed(query.order_by(place.c.id.desc()).limit(limit), user)

    def get(self, key: str, user: User) -> Listed:
        """One of these. Raises NotFoundError when it is not there or not for this user."""
        return self.places(key, user)[0]

    def places(self, key: str, user: User) -> tuple[Listed, ...]:
        """Every place of a document that the user may read, the newest first. Raises NotFoundError."""
        number = key.removeprefix(_UNREAD)
        if key != number and number.isascii() and number.isdecimal() and len(number) < 19:
            mine = and_(place.c.id == int(number), place.c.error != "", place.c.document_id.is_(None))
        else:
            mine = place.c.document_id == key
        query = _rows().where(mine, *places_open_to(user)).order_by(place.c.id.desc())
        found = self._listed(query, user)
        if not found:
            raise NotFoundError(
                f"There is no document {key}.", "Search again: it may have been removed or replaced."
            )
        return found

    def collections(self, user: User) -> tuple[Collection, ...]:
        """Those with documents that the user may read, in the order of names."""
        count = func.count(func.distinct(place.c.document_id))
        query = select(place.c.collection, count).where(place.c.document_id.is_not(None))
        query = query.where(*places_open_to(user)).group_by(place.c.collection).order_by(place.c.collection)
        with self._store.read() as connection:
            return tuple(Collection(name, number) for name, number in connection.execute(query))

    def _listed(self, query: Any, user: User) -> tuple[Listed, ...]:  # noqa: ANN401 - a Select
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        versions = versions_of({row.document_id for row in rows if row.document_id}, self._store, user)
        return tuple(_one(row, versions.get(row.document_id)) for row in rows)


def _rows() -> Any:  # noqa: ANN401 - a Select
    """Places with their documents, if they have one."""
    title = case((document.c.titled, document.c.title), else_=place.c.title).label("shown")
    columns = (document.c.language, document.c.mime, document.c.sha256.label("original"))
    stated = case((document.c.edition != "", document.c.edition), else_=place.c.edition).label("stated")
    return select(place, title, *columns, stated).join_from(
        place, document, place.c.document_id == document.c.id, isouter=True
    )


def _one(row: Any, version: DocumentRef | None) -> Listed:  # noqa: ANN401 - SQLAlchemy rows are untyped
    return Listed(
        id=row.document_id or f"{_UNREAD}{row.id}",
        place=row.id,
        title=row.shown,
        source=row.source,
        uri=row.uri,
        parent=row.parent,
        collection=row.collection,
        language=row.language or "",
        mime=row.mime or "",
        sha256=row.original or "",
        size=row.size,
        modified=row.modified,
        edition=row.stated,
        error=row.error,
        superseded_by=version.superseded_by if version else None,
    )
