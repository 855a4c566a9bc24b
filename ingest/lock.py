"""Who may ingest at the same time in one home. The kernel drops a lock with its process."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rag.errors import MachineError
from rag.home import make_home

__all__ = ["alone", "ingest_lock"]

_SHARED = "shared.lock"


@contextmanager
def ingest_lock(home: Path, source: str) -> Iterator[IO[str]]:
    """Hold the lock of a source ("": of what is ingested by path). Raises MachineError, naming the process,
    when another ingestion of it runs. The value is for ``alone``.
    """
    make_home(home)
    folder = home / "locks"
    folder.mkdir(exist_ok=True)
    mark = hashlib.sha256(source.encode("utf-8")).hexdigest()[:16] if source else "paths"
    with (folder / f"{mark}.lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            what = f"of {source} " if source else ""
            raise MachineError(
                f"Another ingestion {what}(process {holder}) is writing to {home}.",
                "Wait until it has finished, or stop it.",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        with (folder / _SHARED).open("a+", encoding="ascii") as shared:
            fcntl.flock(shared, fcntl.LOCK_SH)
            try:
                yield shared
            finally:
                file.truncate(0)


def alone(held: IO[str]) -> bool:
    """Whether no other ingestion runs in this home; from now on others wait until this one has ended."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(held, fcntl.LOCK_SH)
        return False
    return True
