"""Which workers live on this machine, and under which names.

The queue gives a job back to the worker that had begun it, by the worker's name. So a worker takes the
lowest number that no living one has: the one that is started after a crash is the one that crashed. The
kernel drops the lock on a number with its process.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from rag.home import make_home

__all__ = ["executor", "living", "orphaned", "slot"]


def executor(number: int) -> str:
    """The name under which a worker of this machine runs jobs."""
    return f"{socket.gethostname()}-{number}"


def _file(home: Path, number: int) -> Path:
    return home / "workers" / f"{number}.lock"


@contextmanager
def _held(path: Path, mode: int) -> Iterator[int | None]:
    """A descriptor of the file with its lock, None when somebody else has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def slot(home: Path) -> Iterator[int]:
    """Take the lowest free number while the block runs."""
    make_home(home)
    _file(home, 0).parent.mkdir(exist_ok=True)
    number = 0
    while True:
        with _held(_file(home, number), fcntl.LOCK_EX) as descriptor:
            if descriptor is not None:
                os.truncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode("ascii"))
                yield number
                return
        number += 1


def _known(home: Path) -> list[int]:
    return sorted(int(path.stem) for path in (home / "workers").glob("*.lock") if path.stem.isdecimal())


def living(home: Path) -> list[int]:
    """Process ids of the workers of this home on this machine."""
    found = []
    for number in _known(home):
        with _held(_file(home, number), fcntl.LOCK_SH) as descriptor:
            if descriptor is None:
                with suppress(ValueError, OSError):
                    found.append(int(_file(home, number).read_text("ascii")))
    return found


@contextmanager
def orphaned(home: Path) -> Iterator[list[str]]:
    """Names of workers that have ended; nobody takes them while the block runs."""
    with ExitStack() as stack:
        free = []
        for number in _known(home):
            if stack.enter_context(_held(_file(home, number), fcntl.LOCK_EX)) is not None:
                free.append(executor(number))
        yield free
