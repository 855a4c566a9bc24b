"""The record of answers: who was told what, resting on which quotes, with which verdicts and at what cost.

Rows are only ever added; a trigger in the database refuses changes. They leave after the time that
``audit.retention_days`` gives, and erasing a person empties what is theirs but keeps the row for counting.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from fastapi import Request
from sqlalchemy import ColumnElement, delete, insert, select, update

from rag.conversations import Conversations
from rag.settings import Settings
from rag.store import Store
from rag.tables_people import audit as table
from rag.types import Answer, Event, Finished
from server.auth.principal import Principal

__all__ = ["Audit", "Recorded", "auditing", "settings_hash"]

DAY_S = 86_400.0
PURGE_EVERY_S = 3600.0
BATCH = 500


@dataclass(frozen=True, slots=True)
class Recorded:
    """One answer. ``sentences`` hold text, verdict, score and quotes, each with the SHA-256 of its words and
    where in which document they stood. ``settings`` is a hash of all that shapes an answer; ``ms`` the time
    that its steps took. Empty ``person_id``: erased.
    """

    id: int
    at: float
    person_id: str
    name: str
    channel: str
    question: str
    sentences: list[dict[str, Any]]
    verdict: str
    language: str
    model: str
    revision: str
    settings: str
    usage: dict[str, int]
    ms: float


def settings_hash(settings: Settings) -> str:
    """SHA-256 of the settings that answers depend on: two answers with the same are comparable."""
    sections = ("retrieve", "topics", "answer", "check")
    shaping = "\n".join(getattr(settings, name).model_dump_json() for name in sections)
    models = f"{settings.embedder.model}\n{settings.generator.model}\n{settings.generator.enabled}"
    return hashlib.sha256(f"{shaping}\n{models}".encode()).hexdigest()


def _sentences(answer: Answer) -> list[dict[str, Any]]:
    quotes = {
        one.n: {
            "n": one.n,
            "document": one.document_id,
            "start": one.start,
            "end": one.end,
            "sha256": hashlib.sha256(one.quote.encode()).hexdigest(),
        }
        for one in answer.citations
    }
    return [
        {
            "text": claim.text,
            "verdict": str(claim.verdict),
            "score": claim.score,
            "quotes": [quotes[n] for n in claim.citations if n in quotes],
        }
        for claim in answer.claims
    ]


class Audit:
    """Writes and reads the record. ``settings`` may be exchanged while the server runs.

    Safe to use from several threads.
    """

    def __init__(self, settings: Settings, open_store: Callable[[], Store]) -> None:
        self.settings = settings
        self._open_store = open_store
        self._purged = 0.0
        self._lock = threading.Lock()

    async def record_answer(self, principal: Principal, answer: Answer, channel: str) -> None:
        """Record an answer that is about to be given; ``channel`` is how (api, chat, slack, ...).

        Raises StoreError: what cannot be recorded must not be given.
        """
        if self.settings.audit.enabled:
            await asyncio.to_thread(self._record, principal, answer, channel)

    def _record(self, principal: Principal, answer: Answer, channel: str) -> None:
        row = {
            "at": time.time(),
            "person_id": principal.id,
            "name": principal.name,
            "channel": channel,
            "question": answer.question,
            "sentences": _sentences(answer),
            "verdict": str(answer.verdict),
            "language": answer.language,
            "model": answer.model.name if answer.model else "",
            "revision": answer.model.revision if answer.model else "",
            "settings": settings_hash(self.settings),
            "usage": dict(answer.usage),
            "ms": answer.timings_ms.get("total", 0.0),
        }
        store = self._open_store()
        with store.write(silent=True) as connection:
            connection.execute(insert(table).values(row))
        self._purge(store)

    def _purge(self, store: Store) -> None:
        """Remove, now and then, what is older than the settings keep."""
        days, now = self.settings.audit.retention_days, time.time()
        with self._lock:
            if not days or now - self._purged < PURGE_EVERY_S:
                return
            self._purged = now
        with store.write(silent=True) as connection:
            connection.execute(delete(table).where(table.c.at < now - days * DAY_S))

    async def recorded(
        self, events: AsyncIterator[Event], principal: Principal, channel: str
    ) -> AsyncGenerator[Event, None]:
        """The events of a streamed answer, which is recorded before its end is told."""
        async with aclosing(cast("AsyncGenerator[Event, None]", events)) as opened:
            async for event in opened:
                if isinstance(event, Finished):
                    await self.record_answer(principal, event.answer, channel)
                yield event

    def rows(
        self,
        *,
        person_id: str | None = None,
        since: float | None = None,
        until: float | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> Iterator[Recorded]:
        """The newest first: of one person, from one time to another (seconds since the epoch), and with an
        id less than ``before``.
        """
        while limit is None or limit > 0:
            count = BATCH if limit is None else min(limit, BATCH)
            query = select(table).order_by(table.c.id.desc()).limit(count)
            query = query.where(*_conditions(person_id, since, until, before))
            with self._open_store().read() as connection:
                found = [Recorded(**row._mapping) for row in connection.execute(query)]
            yield from found
            if len(found) < count:
                return
            before = found[-1].id
            limit = None if limit is None else limit - count

    def erase(self, person_id: str) -> int:
        """Take a person's name, questions and answers out of the record, and delete his conversations; how
        many rows of the record that were.
        """
        store, erased = self._open_store(), 0
        Conversations(store).forget(person_id)
        with store.write(silent=True) as connection:
            mine = select(table.c.id, table.c.sentences).where(table.c.person_id == person_id)
            for row in connection.execute(mine).all():
                sentences = [{**one, "text": ""} for one in row.sentences]
                connection.execute(
                    update(table)
                    .where(table.c.id == row.id)
                    .values(person_id="", name="", question="", sentences=sentences)
                )
                erased += 1
        return erased


def _conditions(
    person_id: str | None, since: float | None, until: float | None, before: int | None
) -> list[ColumnElement[bool]]:
    conditions = []
    if person_id is not None:
        conditions.append(table.c.person_id == person_id)
    if since is not None:
        conditions.append(table.c.at >= since)
    if until is not None:
        conditions.append(table.c.at < until)
    if before is not None:
        conditions.append(table.c.id < before)
    return conditions


def auditing(request: Request) -> Audit:
    """Dependency: the record of this server."""
    found = request.app.state.audit
    assert isinstance(found, Audit)
    return found
