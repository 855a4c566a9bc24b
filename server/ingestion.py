"""What a running server knows of ingestion: sources, jobs, the store; opened by the first request for it."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass

from fastapi import Request

from ingest.jobs import Jobs
from ingest.registry import Registry
from rag.settings import Settings
from rag.store import Store

__all__ = ["Desk", "Ingestion", "desk"]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where routes find what they need."""

    settings: Settings
    store: Store
    registry: Registry
    jobs: Jobs


class Ingestion:
    """Opens the desk once. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()

    @functools.cached_property
    def _opened(self) -> Desk:
        store = Store.open(self._settings)
        return Desk(self._settings, store, Registry(self._settings, store), Jobs(self._settings, store))

    def open(self) -> Desk:
        """The desk. Raises StoreError."""
        with self._lock:
            return self._opened

    def close(self) -> None:
        """Give the connections back, if there are any."""
        with self._lock:
            if "_opened" in self.__dict__:
                opened: Desk = self.__dict__.pop("_opened")
                opened.jobs.close()
                opened.store.close()


def desk(request: Request) -> Desk:
    """Dependency, of routes that run in a thread: what there is to ingest and what is done about it."""
    ingestion = request.app.state.ingestion
    assert isinstance(ingestion, Ingestion)
    return ingestion.open()
