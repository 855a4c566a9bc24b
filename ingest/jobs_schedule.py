"""Starts the syncs that are due by their sources' schedules, once each however many workers there are."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from hashlib import sha256

from sqlalchemy import insert, select, update

from ingest.jobs import Jobs
from ingest.jobs_times import check_cron, due
from ingest.registry import Registry
from rag.errors import IngestError
from rag.store import Store
from rag.tables import setting

__all__ = ["Schedules"]

log = logging.getLogger(__name__)

NAME = "schedules"
# By source: its schedule, and the last moment of it that was acted on, in ISO 8601 and local time
Since = dict[str, list[str]]


class Schedules:
    """Compares what is due with what was started. Sources are looked up each time, so that one which was
    added, changed or removed meanwhile counts at once.

    DBOS has schedules too; they run in UTC where no time zone is named, and make up for every missed run.
    """

    def __init__(self, store: Store, registry: Registry, jobs: Jobs) -> None:
        self._store = store
        self._registry = registry
        self._jobs = jobs
        self._complained: set[str] = set()

    def start_due(self, now: datetime | None = None) -> list[str]:
        """Ask for the syncs that are due; their sources. What was missed is made up for once.

        Every worker does so: the key of a job is made of source and moment, so only one of them has success.
        """
        now = now or datetime.now()
        known, seen, started = self._since(), Since(), []
        for name, source in self._registry.all().items():
            schedule = source.config.schedule
            if not schedule or not self._valid(name, schedule):
                continue
            before = known.get(name)
            # one that is new does not make up for the past
            last = before[1] if before and before[0] == schedule else now.isoformat()
            moment = due(schedule, datetime.fromisoformat(last), now)
            if moment is not None:
                last = moment.isoformat()
                key = sha256(f"{name}\n{schedule}\n{last}".encode()).hexdigest()[:12]
                self._jobs.sync(name, person=False, key=key)
                started.append(name)
            seen[name] = [schedule, last]
        if seen != known:
            self._remember(seen)
        return started

    def _valid(self, name: str, schedule: str) -> bool:
        try:
            check_cron(name, schedule)
        except IngestError as error:
            if error.message not in self._complained:
                self._complained.add(error.message)
                log.error("%s", error.message)
            return False
        return True

    def _since(self) -> Since:
        with self._store.read() as connection:
            value = connection.execute(select(setting.c.value).where(setting.c.name == NAME)).scalar()
        return dict(json.loads(value)) if value else {}

    def _remember(self, seen: Since) -> None:
        value = json.dumps(seen, ensure_ascii=False)
        with self._store.write(silent=True) as connection:
            mine = update(setting).where(setting.c.name == NAME)
            if not connection.execute(mine.values(value=value)).rowcount:
                connection.execute(insert(setting), {"name": NAME, "value": value})
