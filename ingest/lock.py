"""One ingestion at a time in one home. The kernel drops the lock with the process, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import MachineError

__all__ = ["ingest_lock"]


@contextmanager
def ingest_lock(home: Path) -> Iterator[None]:
    """Hold the home's lock. Raises MachineError, naming the process, when another ingestion holds it."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "ingest.lock"
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise MachineError(
                f"Another ingestion (process {holder}) is writing to {home}.",
                "Wait until it has finished, or stop it.",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
