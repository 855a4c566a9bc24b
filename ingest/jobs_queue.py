"""The durable queue: how DBOS is set up, the same for those who ask for jobs and those who do them.

DBOS keeps what was asked for, what runs and what came of it in a database of its own, SQLite or Postgres; a
worker that was killed is given its jobs back. Used is what is under the MIT licence and runs on this machine:
no conductor, no cloud, no telemetry. https://docs.dbos.dev/python/reference/queues
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, error
from sqlalchemy.exc import SQLAlchemyError

from rag.errors import StoreError
from rag.home import make_home
from rag.settings import Settings
from rag.store import Store

__all__ = ["ATTEMPT", "JOB", "Names", "config", "connect", "names", "translated"]

JOB = "job"  # the workflow that waits, has a try made, and waits again
ATTEMPT = "attempt"  # the workflow that is one try
# Grows when a job that an older version began could not be gone on with
VERSION = "1"
POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Names:
    """What the jobs of one database of documents are called: several of them may share one Postgres, where
    queues and versions belong to an application, and "the same job" means the same within a queue.

    In ``jobs`` as many run at once as there are, in ``attempts`` as many as jobs.concurrency.
    """

    application: str
    version: str
    jobs: str
    attempts: str


def names(store: Store) -> Names:
    """Names for the jobs of this database."""
    identity = store.identity()
    return Names(f"citewell-{identity}", f"{VERSION}-{identity}", f"jobs-{identity}", f"attempts-{identity}")


def _url(settings: Settings) -> str:
    """The queue's database, made if it is not there. Raises StoreError."""
    url = settings.jobs.database_url or f"sqlite:///{settings.home / 'jobs.db'}"
    # its lines are ours: through our logging, and only what needs attention
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.propagate = True
    logger.setLevel(logging.WARNING)
    with translated(settings):
        if not settings.jobs.database_url:
            make_home(settings.home)
            with closing(sqlite3.connect(settings.home / "jobs.db", timeout=30)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
        DBOS.migrate(url)
    return url


def config(settings: Settings, store: Store, executor: str) -> DBOSConfig:
    """Settings of a worker called ``executor``. Raises StoreError."""
    own = names(store)
    return DBOSConfig(
        name=own.application,
        system_database_url=_url(settings),
        application_version=own.version,
        executor_id=executor,
        log_level="WARNING",
        serializer=DBOSPortableJSONSerializer(),  # the default one would unpickle what it finds
        notification_listener_polling_interval_sec=POLL_S,
    )


def connect(settings: Settings, store: Store) -> DBOSClient:
    """For whoever asks for jobs. Raises StoreError."""
    url = _url(settings)
    with translated(settings):
        return DBOSClient(
            system_database_url=url,
            application_name=names(store).application,
            serializer=DBOSPortableJSONSerializer(),
            retry_connection_errors=False,
        )


@contextmanager
def translated(settings: Settings) -> Iterator[None]:
    """The queue's errors in our words: StoreError."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, error.DBOSException) as failed:
        cause = str(getattr(failed, "orig", failed)).strip().splitlines()
        where = "jobs.database_url" if settings.jobs.database_url else str(settings.home / "jobs.db")
        raise StoreError(
            f"The queue of jobs in {where} failed: {cause[0] if cause else type(failed).__name__}.",
            "See that its database can be reached and written, then try again.",
        ) from failed
