"""Jobs as those see them who ask for them: a sync, an upload, a refinement; queued, watched, cancelled.

A worker (ingest/jobs_worker.py) does them. One job of a source at a time: whoever asks for a second one is
given the first.
"""

from __future__ import annotations

import functools
import itertools
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from dbos import DBOSClient, EnqueueOptions, WorkflowStatus

from ingest.jobs_queue import JOB, connect, names, translated
from ingest.jobs_record import JobState, Record, forget_records, read_records, write_record
from ingest.jobs_slot import living
from rag.errors import NotFoundError
from rag.settings import Settings
from rag.store import Store

__all__ = ["ACTIVE", "NOW", "Job", "JobKind", "Jobs"]

JobKind = Literal["sync", "upload", "refine"]
ACTIVE: frozenset[JobState] = frozenset({"queued", "running", "waiting"})
NOW = "now"  # topic of the message that ends a job's waiting
REFINEMENT = "all documents"
LISTED = 1000
PATIENCE_S = 10.0
TICK_S = 0.2
GREEN_S = 3.0  # what waits for less is about to be taken by a worker that is free
_WAITING = ("ENQUEUED", "DELAYED")
_ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


@dataclass(frozen=True, slots=True)
class Job:
    """One job with what it tells of itself. ``person``: somebody asked for it; else a schedule did."""

    id: str
    kind: JobKind
    source: str
    person: bool
    created: float
    record: Record

    @property
    def active(self) -> bool:
        """Whether it is still to end."""
        return self.record.state in ACTIVE


class Jobs:
    """The queue of one home. Safe to use from several threads and processes."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._names = names(store)
        self._opening = threading.Lock()

    @functools.cached_property
    def _opened(self) -> DBOSClient:
        return connect(self._settings, self._store)

    @property
    def _client(self) -> DBOSClient:
        with self._opening:
            return self._opened

    def close(self) -> None:
        """Give the connections back."""
        with self._opening:
            if "_opened" in self.__dict__:
                self.__dict__.pop("_opened").destroy()

    # ---------------------------------------------------------------- asking

    def sync(
        self,
        source: str,
        *,
        person: bool = True,
        confirm_removals: bool = False,
        retry: bool = False,
        key: str = "",
    ) -> Job:
        """Ask for a sync of a source; returns its job that waits or runs, if there is one.

        With ``person`` a job that waits for a better time begins now. A ``key`` makes asking idempotent:
        there is never a second job of that key. Raises StoreError.
        """
        # with other options it is another job: they must not be swallowed
        options = f"{'c' if confirm_removals else ''}{'r' if retry else ''}"
        found = self._ask("sync", source, person, confirm_removals, retry, f"{source}/{options}", key)
        return self.get(found)

    def upload(self, source: str) -> Job:
        """Ask for what was just uploaded to be ingested: by a job that has not begun to list the source yet.

        Raises StoreError.
        """
        deadline = time.monotonic() + PATIENCE_S
        # while one job runs, another may wait: it brings all that is uploaded meanwhile
        for turn in itertools.cycle(("", "+")):
            found = self.get(self._ask("upload", source, True, False, False, f"{source}/{turn}"))
            if found.record.state in ("queued", "waiting") or time.monotonic() > deadline:
                return found
            time.sleep(TICK_S)
        raise AssertionError

    def refine(self) -> Job:
        """Ask for the work that improves what is ingested. Raises StoreError."""
        return self.get(self._ask("refine", REFINEMENT, False, False, False, ""))

    def _ask(
        self,
        kind: JobKind,
        source: str,
        person: bool,
        confirm_removals: bool,
        retry: bool,
        twin: str,
        key: str = "",
    ) -> str:
        new = key or secrets.token_hex(6)
        options: EnqueueOptions = {
            "workflow_name": JOB,
            "queue_name": self._names.jobs,
            "workflow_id": new,
            "deduplication_id": f"{kind}/{twin}",
            "duplication_policy": "return-existing",
        }
        with translated(self._settings):
            handle = self._client.enqueue(options, kind, source, person, confirm_removals, retry)  # type: ignore[var-annotated]
            found: str = handle.get_workflow_id()
            if person and found != new:
                self._client.send(found, True, topic=NOW)
        return found

    # ---------------------------------------------------------------- watching

    def get(self, key: str) -> Job:
        """Raises NotFoundError, StoreError."""
        with translated(self._settings):
            # without the application, an id would be looked up in whatever else uses that database
            found = self._client.list_workflows(
                workflow_ids=[key], name=JOB, application_name=self._names.application
            )
        if not found:
            raise NotFoundError(f"There is no job {key}.", "`citewell jobs` lists them.")
        return self._jobs(found)[0]

    def recent(self, *, limit: int = 50, source: str | None = None, active: bool = False) -> Sequence[Job]:
        """The newest first, all or those of a source. Raises StoreError."""
        status = ["ENQUEUED", "DELAYED", "PENDING"] if active else None
        with translated(self._settings):
            # the queue cannot look into a job
            most = limit if source is None else LISTED
            found = self._client.list_workflows(name=JOB, status=status, limit=most, sort_desc=True)
        jobs = self._jobs(found)
        return [job for job in jobs if source is None or job.source == source][:limit]

    def counts(self) -> dict[JobState, int]:
        """How many of the listed jobs are in each state. Raises StoreError."""
        states: tuple[JobState, ...] = get_args(JobState)
        counted = dict.fromkeys(states, 0)
        for job in self.recent(limit=LISTED):
            counted[job.record.state] += 1
        return counted

    def better_waits(self, priority: int) -> bool:
        """Does something wait for a free worker that comes before this priority? Raises StoreError."""
        with translated(self._settings):
            waiting = self._client.list_workflows(
                queue_name=self._names.attempts, status="ENQUEUED", load_input=False, load_output=False
            )
        green = 1000 * (time.time() - GREEN_S)
        return any((one.priority or 0) < priority and (one.created_at or 0) < green for one in waiting)

    def left_by(self, executors: Sequence[str]) -> bool:
        """Is anything under way in the hands of these workers? Raises StoreError."""
        with translated(self._settings):
            found = self._client.list_workflows(
                status="PENDING", executor_id=list(executors), limit=1, load_input=False, load_output=False
            )
        return bool(found)

    def _jobs(self, found: Sequence[WorkflowStatus]) -> list[Job]:
        records = read_records(self._store, [one.workflow_id for one in found])
        alone = not self._settings.jobs.database_url and not living(self._settings.home)
        jobs = []
        for one in found:
            kind, source, person = (one.input or {"args": ("sync", "", True)})["args"][:3]
            record = _agreed(one, records.get(one.workflow_id, Record()), alone)
            created = (one.created_at or 0) / 1000
            jobs.append(Job(one.workflow_id, kind, source, person, created, record))
        return jobs

    # ---------------------------------------------------------------- ending

    def cancel(self, key: str) -> Job:
        """End a job: at once if it waits, else between two files. One that has ended stays as it is.

        Raises NotFoundError, StoreError.
        """
        job = self.get(key)
        if not job.active:
            return job
        with translated(self._settings):
            self._client.cancel_workflow(key, cancel_children=True)
        if job.record.state != "running":
            ended = Record(state="cancelled", started=job.record.started, finished=time.time())
            write_record(self._store, key, job.source, ended)
        return self.get(key)

    def cancel_all(self, source: str) -> None:
        """End every job of a source. Raises StoreError."""
        for job in self.recent(limit=LISTED, source=source, active=True):
            self.cancel(job.id)

    def forget(self, before: float) -> None:
        """Remove jobs that ended before that time, in seconds since the epoch. Raises StoreError."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(before))
        with translated(self._settings):
            old = self._client.list_workflows(
                name=JOB, status=list(_ENDED), completed_before=moment, load_input=False, load_output=False
            )
            ids = [one.workflow_id for one in old]
            if ids:
                self._client.delete_workflows(ids, delete_children=True)
        if ids:
            forget_records(self._store, ids)


def _agreed(status: WorkflowStatus, record: Record, alone: bool) -> Record:
    """What the queue knows for sure goes before what the job has written."""
    if status.status == "CANCELLED":
        return replace(record, state="cancelled", note="", rate=None, left=None)
    if status.status in _ENDED and record.state in ACTIVE:
        error = f"it ended unexpectedly: {status.error or status.status.lower()}"
        return replace(record, state="failed", error=error, rate=None, left=None)
    if status.status in _ENDED:
        return record
    if alone:
        return replace(record, state="waiting", note="no worker is running", rate=None, left=None)
    return replace(record, state="queued") if status.status in _WAITING else record
