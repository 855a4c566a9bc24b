"""`citewell worker`: the process that syncs sources, beside the one that answers."""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys

from ingest.jobs_worker import Worker
from rag.models.lazy import LazyEmbedder
from rag.settings import load_settings
from rag.store import Store
from server.logs import configure_logging

__all__ = ["worker"]

NICE = 10  # beside answers it gets a tenth of a busy core


def worker() -> None:
    """Do jobs until Ctrl-C: syncs that were asked for or are due, uploads, and the work behind the answers.

    A job that is stopped, also by force, is gone on with by the next worker. Several workers may run; on one
    machine one is enough (jobs.concurrency says how many jobs it does at once).
    """
    settings = load_settings()
    configure_logging(settings.log)
    os.nice(NICE)
    store = Store.open(settings)
    # two: while the documents move to another embedder, the new one and the old one
    load = functools.lru_cache(maxsize=2)(lambda model: LazyEmbedder(settings, model))
    working = Worker(settings, store, load)

    def stop(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second one ends it at once
        working.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    working.run()
    store.close()
    logging.shutdown()
    sys.stdout.flush()
    # threads of DBOS wait for jobs that others do, and cannot be told to stop
    os._exit(0)
