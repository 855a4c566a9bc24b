"""What Slack has sent, kept until it is done: each event is worked on by one server at a time, and counts
once.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update

from rag.store import Store
from rag.tables_slack import slack_event

__all__ = ["Claimed", "Inbox", "Kind", "Lost", "Received"]

Kind = Literal["question", "command", "reaction", "person", "digest"]
DAY_S = 86_400.0


class Lost(Exception):
    """Another server works on the event by now: this one was too slow to go on holding it."""


@dataclass(frozen=True, slots=True)
class Received:
    """An event to be worked on. ``place`` is the same for events about the same message; those of one
    ``thread`` (if it has one) are worked on in their order.
    """

    id: str
    kind: Kind
    payload: Mapping[str, Any]
    person: str = ""
    place: str = ""
    thread: str = ""


@dataclass(slots=True)
class Claimed:
    """An event that is held. ``notes`` is what earlier attempts left."""

    id: str
    kind: Kind
    payload: dict[str, Any]
    person: str
    attempts: int
    created: float
    notes: dict[str, Any] = field(default_factory=dict)


class Inbox:
    """The events of one home, as the server ``holder`` works on them. Safe to use from several threads and
    processes; every method raises StoreError.
    """

    def __init__(self, store: Store, holder: str, lease_s: float, keep_days: float = 7) -> None:
        self._store = store
        self._holder = holder
        self._lease_s = lease_s
        self._keep_s = keep_days * DAY_S
        self._purged = 0.0

    def put(self, received: Received) -> bool:
        """Keep an event; False when it, or another one about the same message, was kept before."""
        place = received.place or received.id
        known = or_(slack_event.c.id == received.id, slack_event.c.place == place)
        with self._store.write(silent=True) as connection:
            if connection.execute(select(slack_event.c.id).where(known)).first() is not None:
                return False
            values: dict[str, Any] = {
                "id": received.id,
                "place": place,
                "thread": received.thread,
                "kind": received.kind,
            }
            values |= {"person": received.person, "payload": dict(received.payload), "notes": {}}
            values |= {"state": "new", "attempts": 0, "holder": "", "until": 0.0, "created": time.time()}
            connection.execute(insert(slack_event), values)
            return True

    def claim(self, besides: Collection[str] = ()) -> Claimed | None:
        """The oldest event that nobody holds and that no older one of its thread has to come before; it is
        held from now on. ``besides`` are those that are worked on here already: their leases may have been
        renewed too late.
        """
        now, other = time.time(), slack_event.alias()
        before = and_(
            slack_event.c.thread != "",
            other.c.thread == slack_event.c.thread,
            other.c.state == "new",
            _older(other.c, slack_event.c),
        )
        free = select(slack_event).where(
            slack_event.c.state == "new",
            slack_event.c.until <= now,
            slack_event.c.id.not_in(tuple(besides)),
            ~select(other.c.id).where(before).exists(),
        )
        with self._store.write(silent=True) as connection:
            row = connection.execute(free.order_by(slack_event.c.created, slack_event.c.id).limit(1)).first()
            if row is None:
                return None
            held = {
                "holder": self._holder,
                "until": now + self._lease_s,
                "attempts": row.attempts + 1,
            }
            connection.execute(update(slack_event).where(slack_event.c.id == row.id).values(**held))
        return Claimed(
            row.id, row.kind, dict(row.payload), row.person, row.attempts + 1, row.created, dict(row.notes)
        )

    def renew(self) -> None:
        """Go on holding what this server holds."""
        with self._store.write(silent=True) as connection:
            mine = and_(slack_event.c.holder == self._holder, slack_event.c.state == "new")
            connection.execute(update(slack_event).where(mine).values(until=time.time() + self._lease_s))

    def note(self, claimed: Claimed, **notes: object) -> None:
        """Leave something to whoever may have to go on with it. Raises Lost."""
        claimed.notes |= notes
        if not self._change(claimed, notes=claimed.notes):
            raise Lost

    def done(self, claimed: Claimed, state: Literal["done", "failed"] = "done") -> None:
        """It is finished: only that it was there is remembered, for a while."""
        self._change(claimed, state=state, payload={}, holder="")
        self._purge()

    def again(self, claimed: Claimed, wait_s: float, *, counts: bool = True) -> None:
        """Give it back, to be tried again after a while; ``counts`` False: that was no attempt."""
        attempts = claimed.attempts if counts else claimed.attempts - 1
        self._change(claimed, holder="", until=time.time() + wait_s, attempts=attempts)

    def _change(self, claimed: Claimed, **values: object) -> bool:
        mine = and_(slack_event.c.id == claimed.id, slack_event.c.holder == self._holder)
        with self._store.write(silent=True) as connection:
            return bool(connection.execute(update(slack_event).where(mine).values(**values)).rowcount)

    def ahead(self, key: str) -> int:
        """How many questions wait, or are worked on, before this one; 0 when it is done."""
        mine = select(slack_event).where(slack_event.c.id == key, slack_event.c.state == "new").subquery()
        count = (
            select(func.count())
            .select_from(slack_event)
            .join(mine, _older(slack_event.c, mine.c))
            .where(slack_event.c.state == "new", slack_event.c.kind.in_(("question", "command")))
        )
        with self._store.read() as connection:
            return int(connection.execute(count).scalar_one())

    def asked(self, person: str, since: float, before: Claimed) -> int:
        """How many questions that person has asked from a time on, up to this one."""
        query = (
            select(func.count())
            .select_from(slack_event)
            .where(
                slack_event.c.person == person,
                slack_event.c.created > since,
                slack_event.c.created <= before.created,
                slack_event.c.kind.in_(("question", "command")),
            )
        )
        with self._store.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _purge(self) -> None:
        """Forget, now and then, what Slack will not send again."""
        now = time.time()
        if now - self._purged < 3600:
            return
        self._purged = now
        old = and_(slack_event.c.state != "new", slack_event.c.created < now - self._keep_s)
        with self._store.write(silent=True) as connection:
            connection.execute(delete(slack_event).where(old))


def _older(one: Any, other: Any) -> ColumnElement[bool]:  # noqa: ANN401 - columns of tables and subqueries
    return or_(one.created < other.created, and_(one.created == other.created, one.id < other.id))
