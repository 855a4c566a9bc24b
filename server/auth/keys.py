"""API keys: for programs, in the name of a person."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from rag.errors import AccountError, NotFoundError
from rag.store import Store
from rag.tables_people import api_key, person
from server.auth.principal import Scope
from server.auth.secret import hashed, new_secret

__all__ = ["PREFIX", "Key", "Keys"]

PREFIX = "cw_"  # secret scanners find what has a prefix
USED_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key; its text is not. Times are seconds since the epoch."""

    id: str
    person_id: str
    owner: str
    name: str
    scopes: tuple[Scope, ...]
    created: float
    expires: float | None
    used: float | None


class Keys:
    """Makes, finds and revokes keys."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self, person_id: str, name: str, scopes: Iterable[Scope], expires: float | None = None
    ) -> tuple[Key, str]:
        """A new key and its text, which is told this once. Raises AccountError."""
        wanted = [scope for scope in Scope if scope in set(scopes)]
        if not wanted:
            raise AccountError("A key needs a scope.", f"Choose among {', '.join(Scope)}.")
        shown = name.strip()
        if not 0 < len(shown) <= 128 or not shown.isprintable():
            raise AccountError("A key needs a name.", "Say in 128 characters at most what it is for.")
        if expires is not None and expires <= time.time():
            raise AccountError("That date is past.", "Choose a later one.")
        key, text = secrets.token_hex(6), new_secret(PREFIX)
        with self._store.write(silent=True) as connection:
            connection.execute(
                insert(api_key).values(
                    id=key,
                    person_id=person_id,
                    name=shown,
                    hash=hashed(text),
                    scopes=wanted,
                    created=time.time(),
                    expires=expires,
                )
            )
        return self.get(key), text

    def all(self, person_id: str | None = None) -> list[Key]:
        """Everybody's keys, or a person's, the newest first."""
        query = select(api_key, person.c.name.label("owner")).join(person).order_by(api_key.c.created.desc())
        if person_id is not None:
            query = query.where(api_key.c.person_id == person_id)
        with self._store.read() as connection:
            return [
                Key(
                    row.id,
                    row.person_id,
                    row.owner,
                    row.name,
                    tuple(Scope(scope) for scope in row.scopes),
                    row.created,
                    row.expires,
                    row.used,
                )
                for row in connection.execute(query)
            ]

    def get(self, key: str) -> Key:
        """By id. Raises NotFoundError."""
        for known in self.all():
            if known.id == key:
                return known
        raise NotFoundError(f"There is no key {key[:40]}.", "`citewell key list` shows all of them.")

    def revoke(self, key: str) -> None:
        """It is good no longer. Raises NotFoundError."""
        with self._store.write(silent=True) as connection:
            gone = connection.execute(delete(api_key).where(api_key.c.id == key)).rowcount
        if not gone:
            raise NotFoundError(f"There is no key {key[:40]}.", "`citewell key list` shows all of them.")

    def holder(self, text: str) -> tuple[str, frozenset[Scope]] | None:
        """Whose key this text is, and its scopes; None when there is none, it has expired, or its owner is
        disabled.
        """
        now = time.time()
        query = select(api_key).join(person).where(api_key.c.hash == hashed(text), ~person.c.disabled)
        with self._store.read() as connection:
            row = connection.execute(query).first()
        if row is None or (row.expires is not None and row.expires <= now):
            return None
        if row.used is None or now - row.used > USED_EVERY_S:
            with self._store.write(silent=True) as connection:
                connection.execute(update(api_key).where(api_key.c.id == row.id).values(used=now))
        return row.person_id, frozenset(Scope(scope) for scope in row.scopes)
