"""What a job tells of itself while it runs and when it has ended, kept in the one database.

That it runs at all is the queue's affair; this is for whoever watches.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select, update

from ingest.report import IngestReport, Phase
from rag.errors import StoreError
from rag.store import Store
from rag.tables import job

__all__ = ["JobState", "Record", "Tracker", "forget_records", "read_records", "report_of", "write_record"]

log = logging.getLogger(__name__)

JobState = Literal["queued", "running", "waiting", "done", "failed", "cancelled"]
EVERY_S = 1.0
WINDOW_S = 30.0  # rate and time left are those of the last half minute
FAILURES = 100  # so many files that could not be read are named


@dataclass(frozen=True, slots=True)
class Record:
    """``done`` of ``total`` documents and ``size`` of ``bytes`` bytes are through (of a refinement passages,
    and no bytes), ``rate`` bytes (or passages) a second, ``left`` seconds to go. ``note`` says why it waits.

    ``crashes`` counts ends of the worker in a row that did not get beyond ``furthest`` documents.
    """

    state: JobState = "queued"
    note: str = ""
    attempt: int = 0
    crashes: int = 0
    furthest: int = 0
    started: float | None = None
    finished: float | None = None
    phase: str = ""
    done: int = 0
    total: int = 0
    size: int = 0
    bytes: int = 0
    current: str = ""
    rate: float | None = None
    left: float | None = None
    error: str = ""
    remedy: str = ""
    report: Mapping[str, Any] | None = None


_FIELDS = frozenset(field.name for field in dataclasses.fields(Record))


def read_records(store: Store, ids: Collection[str]) -> dict[str, Record]:
    """By id, of those jobs that have begun."""
    with store.read() as connection:
        rows = connection.execute(select(job).where(job.c.id.in_(list(ids)))).all()
    return {row.id: Record(**{k: v for k, v in row.progress.items() if k in _FIELDS}) for row in rows}


def write_record(store: Store, key: str, source: str, record: Record) -> None:
    """Put a record in the stead of the one before. Raises StoreError, DiskFullError."""
    values = {"source": source, "progress": dataclasses.asdict(record), "updated": time.time()}
    with store.write(silent=True) as connection:
        _put(connection, key, values)


def _put(connection: Connection, key: str, values: Mapping[str, object]) -> None:
    if not connection.execute(update(job).where(job.c.id == key).values(values)).rowcount:
        connection.execute(insert(job), {"id": key, **values})


def forget_records(store: Store, ids: Collection[str]) -> None:
    """Remove records of jobs that are not listed any more."""
    with store.write(silent=True) as connection:
        connection.execute(delete(job).where(job.c.id.in_(list(ids))))


def report_of(report: IngestReport) -> dict[str, Any]:
    """A report as a record keeps it: failures counted in ``failed``, the first of them in ``failures``."""
    told = report.to_dict()
    failures = told.pop("failed")
    return told | {"failed": len(failures), "failures": failures[:FAILURES]}


class Tracker:
    """Progress of the pipeline, written now and then. Safe to call from several threads."""

    def __init__(self, store: Store, key: str, source: str, record: Record) -> None:
        self._store = store
        self._key = key
        self._source = source
        self._lock = threading.Lock()
        self._written = 0.0
        self._samples: deque[tuple[float, int]] = deque()
        self.record = record

    def __call__(self, phase: Phase, done: int, total: int, name: str, size: int) -> None:
        """See ingest.report.Progress."""
        now = time.monotonic()
        with self._lock:
            known = self.record
            changed = dataclasses.replace(known, phase=phase, done=done, total=total, current=name)
            if phase == "scan":
                self._samples.clear()
                self.record = dataclasses.replace(changed, size=0, bytes=size)
            else:
                self.record = dataclasses.replace(changed, size=max(size, known.size))
            if phase != "scan" and now - self._written < EVERY_S:
                return
            self._written = now
            self._estimate(now)
            # progress that cannot be written must not end what progresses
            try:
                write_record(self._store, self._key, self._source, self.record)
            except StoreError as error:
                log.debug("Progress of job %s: %s", self._key, error.message)

    def _estimate(self, now: float) -> None:
        record = self.record
        by_bytes = record.bytes > 0
        done, total = (record.size, record.bytes) if by_bytes else (record.done, record.total)
        samples = self._samples
        samples.append((now, done))
        while samples[0][0] < now - WINDOW_S:
            samples.popleft()
        seconds, gained = now - samples[0][0], done - samples[0][1]
        if not seconds or gained <= 0:
            return
        rate = gained / seconds
        left = max(0, total - done) / rate
        self.record = dataclasses.replace(record, rate=round(rate, 1), left=round(left, 1))

    def end(self, state: JobState, **values: Any) -> None:  # noqa: ANN401 - fields of Record
        """Write how it ended, or why it waits. Raises StoreError."""
        with self._lock:
            cleared = {"rate": None, "left": None, "current": ""}
            finished = None if state in ("queued", "waiting") else time.time()
            self.record = dataclasses.replace(
                self.record, **{**cleared, "state": state, "finished": finished, **values}
            )
            write_record(self._store, self._key, self._source, self.record)
