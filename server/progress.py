"""What a long command is at, several things at once: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from rag.models.protocols import Progress as ProgressProtocol

__all__ = ["StepEnded", "Steps"]

MB = 1_000_000
LINE_EVERY_S = 10.0


class StepEnded(Exception):
    """Raised in a thread that still works for a step that was given up: it ends there."""


def _amount(done: int, total: int) -> str:
    if not total:
        return ""
    return f"{done / MB:,.0f}/{total / MB:,.0f} MB" if total >= MB else f"{done}/{total}"


class Steps:
    """Shows steps that may overlap; safe to use from several threads."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._running = 0
        self._bars: Progress | None = None

    def say(self, text: str, style: str = "default") -> None:
        """Print a line above the bars."""
        self._console.print(Text(text, style=style))

    @contextmanager
    def step(self, name: str) -> Iterator[ProgressProtocol]:
        """Show that ``name`` is at work, how far it is, and at the end how long it took."""
        begun = time.monotonic()
        ended = threading.Event()
        with self._shown(name) as shown:

            def progress(stage: str, done: int, total: int) -> None:
                if ended.is_set():
                    raise StepEnded(name)
                shown(stage, done, total)

            try:
                yield progress
            except Exception:
                self.say(f"✗ {name}", "red")
                raise
            finally:
                ended.set()
        self.say(f"✓ {name} ({time.monotonic() - begun:.0f} s)", "green")

    @contextmanager
    def _shown(self, name: str) -> Iterator[ProgressProtocol]:
        if not self._console.is_terminal:
            self.say(f"… {name}")
            yield self._lines(name)
            return
        task, bars = self._begin(name)
        try:
            yield self._bar(name, task, bars)
        finally:
            self._end(task)

    def _lines(self, name: str) -> ProgressProtocol:
        """Now and then a line: a log that is silent for minutes looks stuck."""
        last = time.monotonic()

        def show(stage: str, done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last >= LINE_EVERY_S:
                last = time.monotonic()
                self.say(f"  {name}: {stage} {_amount(done, total)}".rstrip())

        return show

    def _begin(self, name: str) -> tuple[TaskID, Progress]:
        with self._lock:
            if self._bars is None:
                self._bars = Progress(
                    SpinnerColumn(),
                    TextColumn("{task.description}", markup=False),
                    BarColumn(bar_width=20),
                    TextColumn("{task.fields[amount]}", markup=False),
                    TimeElapsedColumn(),
                    console=self._console,
                    transient=True,
                )
                self._bars.start()
            self._running += 1
            return self._bars.add_task(name, total=None, amount=""), self._bars

    def _bar(self, name: str, task: TaskID, bars: Progress) -> ProgressProtocol:
        def show(stage: str, done: int, total: int) -> None:
            bars.update(
                task,
                description=f"{name}: {stage}",
                completed=done if total else 0,
                total=total or None,
                amount=_amount(done, total),
            )

        return show

    def _end(self, task: TaskID) -> None:
        with self._lock:
            assert self._bars is not None
            self._bars.remove_task(task)
            self._running -= 1
            if not self._running:
                self._bars.stop()
                self._bars = None
