"""One try of a job: a sync or a refinement that can be stopped, that steps back for answers, and that ends
in a word on how it went.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from ingest.give_way import Considerate, give_way
from ingest.jobs import Job, Jobs
from ingest.jobs_record import Record, Tracker, read_records, report_of
from ingest.jobs_times import QuietHours
from ingest.lock import ingest_lock
from ingest.pipeline import sync
from ingest.refine import refine
from ingest.registry import Registry
from ingest.report import Phase
from rag.errors import (
    CitewellError,
    DiskFullError,
    EmbedderUnavailableError,
    IngestError,
    MachineError,
    MissingPackageError,
    SchemaError,
    SourceNotFoundError,
    SourceUnavailableError,
    StoreError,
)
from rag.models.embedder import GPU_BATCH
from rag.models.protocols import EmbedderProtocol
from rag.settings import Settings, SourceSettings
from rag.store import Store

__all__ = ["Attempts", "Load", "Outcome", "Stopped", "priority"]

log = logging.getLogger(__name__)

Load = Callable[[str], EmbedderProtocol]
# How a try ended. To be gone on with: "again" after a while, "busy" when another ingestion of the source has
# ended, "later" when the quiet hours or a more urgent job let it
Outcome = Literal["done", "failed", "again", "busy", "later", "cancelled"]
LOOK_S = 0.5
CRASHES = 5
# These may pass; of a source that is not there too, since drives come and go
PASSING = (
    SourceUnavailableError,
    SourceNotFoundError,
    StoreError,
    MachineError,
    EmbedderUnavailableError,
)
LASTING = (DiskFullError, SchemaError, MissingPackageError)


def priority(kind: str, person: bool) -> int:
    """Smaller goes first; what is more urgent makes the rest stand back."""
    return {"upload": 1, "sync": 2 if person else 3, "refine": 9}[kind]


class Stopped(BaseException):
    """The worker ends: whatever is under way is left as it stands, to be gone on with.

    Not an Exception, so that neither the pipeline nor the queue takes it for a result.
    """


class _Interrupted(Exception):
    """Raised within a try to end it early."""

    def __init__(self, outcome: Outcome, note: str) -> None:
        super().__init__(note)
        self.outcome = outcome
        self.note = note


@dataclass(frozen=True, slots=True)
class _Task:
    """What a try is to do."""

    job: Job
    number: int
    last: bool
    person: bool
    confirm_removals: bool
    retry: bool


class Attempts:
    """Does tries, in as many threads as are called. ``stop`` is set when the worker is to end."""

    def __init__(
        self, settings: Settings, store: Store, jobs: Jobs, load: Load, stop: threading.Event
    ) -> None:
        self._settings = settings
        self._store = store
        self._jobs = jobs
        self._load = load
        self._stop = stop
        self._registry = Registry(settings, store)
        self._quiet = QuietHours(settings.jobs.quiet_hours)

    def run(self, key: str, number: int, person: bool, confirm_removals: bool, retry: bool) -> Outcome:
        """Try a job for the ``number``-th time. Raises Stopped."""
        job = self._jobs.get(key)
        task = _Task(job, number, number >= self._settings.jobs.attempts, person, confirm_removals, retry)
        tracker = Tracker(self._store, key, job.source, self._begun(task))
        if tracker.record.crashes >= CRASHES:
            where = f" while it worked on {tracker.record.current}" if tracker.record.current else ""
            tracker.end(
                "failed",
                error=f"the worker ended {tracker.record.crashes} times{where}",
                remedy="Exclude that file or look at the worker's log (memory?), then sync again.",
            )
            return "failed"
        tracker.end("running", note="", finished=None)
        try:
            return self._done(task, tracker)
        except _Interrupted as early:
            if early.outcome == "cancelled":
                tracker.end("cancelled")
            else:
                tracker.end("waiting", note=early.note)
            return early.outcome
        except Stopped:
            tracker.end("queued", note="the worker was stopped")
            raise
        except CitewellError as error:
            return self._failed(task, tracker, error)
        except Exception as error:
            log.exception("Job %s failed", key)
            unexpected = CitewellError(
                f"unexpected error: {type(error).__name__}: {error}", "The worker's log says where."
            )
            return self._failed(task, tracker, unexpected)

    def _begun(self, task: _Task) -> Record:
        """The record to go on with. One that still says "running" was left so by a worker that crashed."""
        known = read_records(self._store, [task.job.id]).get(task.job.id, Record())
        crashes = 0
        if known.state == "running":
            # a refinement counts anew each time
            before = 0 if task.job.kind == "refine" else known.furthest
            crashes = 1 if known.done > before else known.crashes + 1
        furthest = max(known.furthest, known.done)
        started = known.started or time.time()
        return replace(
            known,
            attempt=task.number,
            crashes=crashes,
            furthest=furthest,
            started=started,
            error="",
            remedy="",
        )

    def _done(self, task: _Task, tracker: Tracker) -> Outcome:
        watch = _Watch(self._settings, self._jobs, task, self._quiet, self._stop)

        def progress(phase: Phase, done: int, total: int, name: str, size: int) -> None:
            tracker(phase, done, total, name, size)
            watch.check()

        def load(name: str) -> EmbedderProtocol:
            return Considerate(
                self._load(name), self._settings.embedder.batch_tokens or GPU_BATCH, watch.step
            )

        if task.job.kind == "refine":
            refined = refine(
                settings=self._settings, store=self._store, load=load, progress=progress, cancelled=watch
            )
            watch.check()
            tracker.end("done", report={"passages": refined.passages, "sentences": refined.sentences})
            return "done"
        space = self._store.space()
        report = sync(
            task.job.source,
            self._config(task),
            settings=self._settings,
            store=self._store,
            # while the documents move to another embedder, new ones are added to the old ones
            embedder=load(space.model if space else self._settings.embedder.model),
            confirm_removals=task.confirm_removals,
            retry=task.retry,
            progress=progress,
            cancelled=watch,
        )
        if report.cancelled:
            watch.check()
        tracker.end("done", report=report_of(report))
        return "done"

    def _config(self, task: _Task) -> SourceSettings:
        source = task.job.source
        try:
            config = self._registry.get(source).config
        except SourceNotFoundError as error:
            # unlike a drive that is away it does not come back
            raise IngestError(error.message, error.remedy) from error
        try:
            with ingest_lock(self._settings.home, source):
                return config
        except MachineError as error:
            raise _Interrupted("busy", error.message) from error

    def _failed(self, task: _Task, tracker: Tracker, error: CitewellError) -> Outcome:
        passing = isinstance(error, PASSING) and not isinstance(error, LASTING)
        if passing and not task.last:
            tracker.end("waiting", note="it is tried again", error=error.message, remedy=error.remedy)
            return "again"
        tracker.end("failed", error=error.message, remedy=error.remedy)
        return "failed"


class _Watch:
    """Whether a try should end before it is through; looked up now and then, however often it is asked."""

    def __init__(
        self, settings: Settings, jobs: Jobs, task: _Task, quiet: QuietHours, stop: threading.Event
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._task = task
        self._quiet = quiet
        self._stop = stop
        self._looked = 0.0
        self._early: _Interrupted | None = None

    def __call__(self) -> bool:
        """For ``cancelled``."""
        if self._stop.is_set():
            return True
        now = time.monotonic()
        if self._early is None and now - self._looked > LOOK_S:
            self._looked = now
            self._early = self._look()
        return self._early is not None

    def check(self) -> None:
        """End the try if it should. Raises Stopped, _Interrupted."""
        if self():
            if self._early is not None:
                raise self._early
            raise Stopped

    def step(self) -> None:
        """Between two batches: end the try if it should, and let answers go first."""
        self.check()
        give_way(self._settings.home, self._settings.jobs.give_way_s)

    def _look(self) -> _Interrupted | None:
        task = self._task
        try:
            if not self._jobs.get(task.job.id).active:
                return _Interrupted("cancelled", "")
            if self._jobs.better_waits(priority(task.job.kind, task.person)):
                return _Interrupted("later", "something more urgent goes first")
        except StoreError as error:
            log.debug("The queue does not tell: %s", error.message)
        if not task.person and self._quiet.left(datetime.now()):
            return _Interrupted("later", "quiet hours")
        return None
