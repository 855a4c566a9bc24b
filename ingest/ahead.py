"""Work ahead of and behind the thread that embeds: reading before it, writing after it.

Both hold little: a queue that is full makes the faster side wait.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

from ingest.read import Outcome, Read, Reader
from ingest.source import SourceFile

__all__ = ["Ahead", "Behind", "Finished"]

T = TypeVar("T")
DEPTH = 32  # outcomes that wait to be embedded, or batches that wait to be written
TICK_S = 0.1  # how soon a thread that waits for room notices that nobody will make any


@dataclass(frozen=True, slots=True)
class Finished:
    """All outcomes of a file have been given; ``stored`` is false while its own text is still to be."""

    file: SourceFile
    stored: bool


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class Ahead:
    """Iterates over the outcomes of all files, read by ``threads`` threads; after those of one file comes its
    Finished. With one thread the files keep their order. Raises what a thread raised.
    """

    def __init__(self, reader: Reader, files: Sequence[SourceFile], threads: int) -> None:
        self._reader = reader
        self._files = iter(files)
        self._taking = threading.Lock()
        self._ready: queue.Queue[Outcome | Finished | _Failed | None] = queue.Queue(DEPTH)
        self._stopped = threading.Event()
        self._through = False
        count = max(1, min(threads, len(files)))
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if not self._through:
            self._reader.stop()  # a thread that waits for its parser wakes up
        for thread in self._threads:
            thread.join()
        self._reader.close()

    def __iter__(self) -> Iterator[Outcome | Finished]:
        working = len(self._threads)
        while working:
            item = self._ready.get()
            if item is None:
                working -= 1
            elif isinstance(item, _Failed):
                raise item.error
            else:
                yield item
        self._through = True

    def _work(self) -> None:
        try:
            while (file := self._next()) is not None:
                stored = True
                for outcome in self._reader.read(file):
                    stored = stored and not (isinstance(outcome, Read) and outcome.file is not None)
                    self._give(outcome)
                self._give(Finished(file, stored))
        except BaseException as error:
            self._give(_Failed(error))
        finally:
            self._give(None)

    def _next(self) -> SourceFile | None:
        with self._taking:
            return None if self._stopped.is_set() else next(self._files, None)

    def _give(self, item: Outcome | Finished | _Failed | None) -> None:
        while not self._stopped.is_set():
            try:
                return self._ready.put(item, timeout=TICK_S)
            except queue.Full:
                continue


class Behind(Generic[T]):
    """Does ``work`` for each thing given to it, in order, in a thread of its own. At the end of a ``with``
    statement all is done; what the work raised is raised by the next ``give`` or there.
    """

    def __init__(self, work: Callable[[T], None]) -> None:
        self._do = work
        self._waiting: queue.Queue[T | None] = queue.Queue(DEPTH)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(None)
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def give(self, thing: T) -> None:
        """Hand over, waiting while there is no room."""
        if self._error is not None:
            raise self._error
        self._waiting.put(thing)

    def wait(self) -> None:
        """Return once everything given so far is done. Raises what the work raised."""
        self._waiting.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while True:
            thing = self._waiting.get()
            try:
                # after an error the rest is only taken away, so that nobody waits for room
                if thing is not None and self._error is None:
                    self._do(thing)
            except BaseException as error:
                self._error = error
            finally:
                self._waiting.task_done()
            if thing is None:
                return
