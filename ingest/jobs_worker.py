"""The worker: takes jobs from the queue, starts those that are due, and takes over what a dead worker left.

A job is a workflow of DBOS that holds no slot: it waits for quiet hours to end, has a try made, waits and has
another one made. A try is a workflow in a queue of its own, of which a worker runs jobs.concurrency at once,
the most urgent first. Both survive the worker: DBOS knows who ran them and gives them back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

from dbos import DBOS, SetEnqueueOptions
from dbos import error as dbos_error

from ingest.jobs import NOW, Jobs
from ingest.jobs_attempt import Attempts, Load, Outcome, Stopped, priority
from ingest.jobs_queue import ATTEMPT, JOB, POLL_S, config, names, translated
from ingest.jobs_record import Record, read_records, write_record
from ingest.jobs_schedule import Schedules
from ingest.jobs_slot import executor, orphaned, slot
from ingest.jobs_times import QuietHours
from ingest.refine import unrefined
from ingest.registry import Registry
from rag.errors import CitewellError, StoreError
from rag.settings import Settings
from rag.store import Store

__all__ = ["Worker"]

log = logging.getLogger(__name__)

# A workflow meets these when it was cancelled, or given to another worker because this one seemed dead
_LOST = (
    dbos_error.DBOSAwaitedWorkflowCancelledError,
    dbos_error.DBOSWorkflowCancelledError,
    dbos_error.DBOSWorkflowConflictIDError,
)

LOOK_S = 2.0  # how soon a schedule that was changed, or a worker that died, is noticed
TIDY_S = 3600.0
KEEP_S = 30 * 86400.0  # finished jobs are listed so long
GRACE_S = 20.0  # a try stops between two batches
BACKOFF_MOST_S = 3600.0
BUSY_S, BUSY_MOST_S = 5.0, 60.0
DAY_S = 86400.0


class Worker:
    """Does the jobs of one home until it is told to stop. One in a process: DBOS allows no second."""

    def __init__(self, settings: Settings, store: Store, load: Load) -> None:
        """``load`` gives the embedder of a model's name. Raises SettingsError for wrong quiet hours."""
        self._settings = settings
        self._store = store
        self._names = names(store)
        self._jobs = Jobs(settings, store)
        self._schedules = Schedules(store, Registry(settings, store), self._jobs)
        self._stop = threading.Event()
        self._quiet = QuietHours(settings.jobs.quiet_hours)
        self._attempts = Attempts(settings, store, self._jobs, load, self._stop)
        self._running = threading.Condition()
        self._count = 0

    def stop(self) -> None:
        """Make ``run`` return: what runs stops between two batches and is gone on with by the next worker."""
        self._stop.set()

    def run(self) -> None:
        """Work until ``stop``. Threads of DBOS that wait for other jobs outlive this: end the process then.

        Raises StoreError when the queue's database cannot be opened.
        """
        with slot(self._settings.home) as number:
            DBOS(config=config(self._settings, self._store, executor(number)))
            self._define()
            try:
                with translated(self._settings):
                    self._launch()
                log.info("Worker %s takes jobs of %s", executor(number), self._settings.home)
                self._keep()
                with self._running:
                    self._running.wait_for(lambda: not self._count, GRACE_S)
            finally:
                DBOS.destroy(destroy_registry=True)
                self._jobs.close()

    def _launch(self) -> None:
        DBOS.launch()
        DBOS.register_queue(self._names.jobs, polling_interval_sec=POLL_S, on_conflict="always_update")
        DBOS.register_queue(
            self._names.attempts,
            worker_concurrency=self._settings.jobs.concurrency,
            polling_interval_sec=POLL_S,
            on_conflict="always_update",
        )

    # ---------------------------------------------------------------- the workflows

    def _define(self) -> None:
        @DBOS.workflow(name=ATTEMPT, max_recovery_attempts=None)
        def attempt(key: str, number: int, person: bool, confirm_removals: bool, retry: bool) -> Outcome:
            with self._running:
                self._count += 1
            try:
                outcome = self._attempts.run(key, number, person, confirm_removals, retry)
            except StoreError as error:
                # not even the job's record could be written
                log.warning("Job %s: %s", key, error.message)
                outcome = "again" if number < self._settings.jobs.attempts else "failed"
            finally:
                with self._running:
                    self._count -= 1
                    self._running.notify_all()
            if outcome == "cancelled":
                raise Stopped  # the queue knows; it would complain about a second result
            return outcome

        @DBOS.workflow(name=JOB, max_recovery_attempts=None)
        def job(kind: str, source: str, person: bool, confirm_removals: bool, retry: bool) -> Outcome:
            key = DBOS.workflow_id
            assert key is not None

            def tried(number: int, hurry: bool) -> Outcome:
                with SetEnqueueOptions(priority=priority(kind, hurry)):
                    handle = DBOS.enqueue_workflow(
                        self._names.attempts, attempt, key, number, hurry, confirm_removals, retry
                    )
                return handle.get_result(polling_interval_sec=POLL_S)

            try:
                return self._through(key, kind, source, person, tried)
            except _LOST as cancelled:
                raise Stopped from cancelled

    def _through(
        self, key: str, kind: str, source: str, person: bool, tried: Callable[[int, bool], Outcome]
    ) -> Outcome:
        """Have tries made until one is the last. Within a workflow: each step is remembered by the queue."""
        number, busy = 1, 0
        while True:
            while not person and (left := DBOS.run_step(None, self._held, key, source)):
                person = bool(DBOS.recv(NOW, timeout_seconds=min(left, DAY_S)))
            outcome = tried(number, person)
            if outcome == "again":
                DBOS.recv(NOW, timeout_seconds=self._backoff(number))
                number += 1
            elif outcome == "busy":
                DBOS.recv(NOW, timeout_seconds=min(BUSY_S * 2**busy, BUSY_MOST_S))
                busy = min(busy + 1, 10)
            elif outcome != "later":
                break
        if outcome == "done" and kind != "refine":
            DBOS.run_step(None, self._refine)
        return outcome

    def _backoff(self, number: int) -> float:
        return min(self._settings.jobs.backoff_s * 2.0 ** min(number - 1, 20), BACKOFF_MOST_S)

    def _held(self, key: str, source: str) -> float:
        """Seconds for which a job that nobody asked for is held back by quiet hours; its record says so."""
        left = self._quiet.left(datetime.now())
        if left:
            known = read_records(self._store, [key]).get(key, Record())
            held = Record(state="waiting", note="quiet hours", attempt=known.attempt, started=known.started)
            write_record(self._store, key, source, held)
        return left

    def _refine(self) -> None:
        """Ask for a refinement if there is something to refine."""
        self._guarded(lambda: unrefined(self._store, self._settings) and self._jobs.refine())

    # ---------------------------------------------------------------- beside the workflows

    def _keep(self) -> None:
        """Look after schedules and dead workers until stopped."""
        tidied = 0.0
        self._refine()  # what was ingested while no worker ran
        while not self._stop.is_set():
            self._guarded(self._schedules.start_due)
            self._guarded(self._take_over)
            if time.monotonic() - tidied > TIDY_S or not tidied:
                tidied = time.monotonic()
                self._guarded(lambda: self._jobs.forget(time.time() - KEEP_S))
            self._stop.wait(LOOK_S)

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except CitewellError as error:
            log.warning("%s %s", error.message, error.remedy)
        except Exception:
            log.exception("The worker goes on after an unexpected error")

    def _take_over(self) -> None:
        """Put what dead workers of this machine had begun back into the queue."""
        with orphaned(self._settings.home) as names:
            if names and self._jobs.left_by(names):
                # private, and the only way to tell DBOS without its conductor that an executor is dead
                DBOS._recover_pending_workflows(names)
