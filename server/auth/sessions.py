"""Sessions of people who signed in, and tickets that are good for one use."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert, select, update

from rag.server_settings import AuthSettings
from rag.store import Store
from rag.tables_people import person, session, ticket
from server.auth.secret import hashed, new_secret

__all__ = ["COOKIE", "Sessions", "Tickets"]

COOKIE = "citewell_session"
HOUR_S = 3600.0
SLIDE_SHARE = 0.05  # of the idle time has to pass before the end is moved: not every request writes


class Sessions:
    """Begins, finds and ends sessions."""

    def __init__(self, store: Store, settings: AuthSettings) -> None:
        self._store = store
        self._idle_s = settings.session_idle_h * HOUR_S
        self._max_s = settings.session_max_h * HOUR_S

    def begin(self, person_id: str) -> str:
        """A new session's secret, which goes into the cookie. Those that have expired are cleared away."""
        secret, now = new_secret(), time.time()
        with self._store.write(silent=True) as connection:
            connection.execute(delete(session).where(session.c.expires < now))
            connection.execute(
                insert(session).values(
                    hash=hashed(secret),
                    person_id=person_id,
                    created=now,
                    expires=now + min(self._idle_s, self._max_s),
                )
            )
        return secret

    def person_id(self, secret: str) -> str | None:
        """Whose session it is, None when it has ended or that person is disabled. Moves its end."""
        now = time.time()
        query = select(session).join(person).where(session.c.hash == hashed(secret), ~person.c.disabled)
        with self._store.read() as connection:
            row = connection.execute(query).first()
        if row is None or row.expires <= now or row.created + self._max_s <= now:
            return None
        expires = min(now + self._idle_s, row.created + self._max_s)
        if expires - row.expires > SLIDE_SHARE * self._idle_s:
            with self._store.write(silent=True) as connection:
                connection.execute(update(session).where(session.c.hash == row.hash).values(expires=expires))
        return str(row.person_id)

    def end(self, secret: str) -> None:
        """End it, if there is one."""
        with self._store.write(silent=True) as connection:
            connection.execute(delete(session).where(session.c.hash == hashed(secret)))


class Tickets:
    """Gives out secrets that are good for one use within a time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def issue(
        self,
        kind: str,
        valid_s: float,
        *,
        person_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> str:
        """A new ticket's secret."""
        secret, now = new_secret(), time.time()
        with self._store.write(silent=True) as connection:
            connection.execute(delete(ticket).where(ticket.c.expires < now))
            connection.execute(
                insert(ticket).values(
                    hash=hashed(secret),
                    kind=kind,
                    person_id=person_id,
                    data=dict(data or {}),
                    expires=now + valid_s,
                )
            )
        return secret

    def keep(self, kind: str, secret: str, data: Mapping[str, Any]) -> None:
        """Keep something with a ticket, for whoever redeems it."""
        mine = (ticket.c.hash == hashed(secret), ticket.c.kind == kind)
        with self._store.write(silent=True) as connection:
            connection.execute(update(ticket).where(*mine).values(data=dict(data)))

    def redeem(self, kind: str, secret: str) -> tuple[str | None, dict[str, Any]] | None:
        """Whom it is for and what was kept with it; None when there is none (any more)."""
        mine = (ticket.c.hash == hashed(secret), ticket.c.kind == kind)
        with self._store.write(silent=True) as connection:
            row = connection.execute(select(ticket).where(*mine)).first()
            connection.execute(delete(ticket).where(*mine))
        if row is None or row.expires <= time.time():
            return None
        return row.person_id, dict(row.data)
