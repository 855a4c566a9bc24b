"""An ingestion on a terminal: a bar while it works, a table at the end."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from ingest.report import IngestReport, Phase, Progress, silent

__all__ = ["print_report", "shown"]

_UNITS = ("B", "kB", "MB", "GB")


@contextlib.contextmanager
def shown(console: Console) -> Iterator[Progress]:
    """A bar on a terminal: bytes of the sources, then passages whose sentences are embedded; nothing where
    the output goes to a file.
    """
    if not console.is_terminal:
        yield silent
        return
    bar = Bar(
        TextColumn("{task.description}", table_column=None),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        yield _Shown(bar)


class _Shown:
    """Bytes move the bar and give rate and time left; files are counted beside the name. Refining is a bar of
    its own, in passages.
    """

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("listing files", total=None, rate="")
        self._refining = False

    def __call__(self, phase: Phase, done: int, total: int, name: str, size: int) -> None:
        if phase == "refine":
            if not self._refining:
                self._refining = True
                self._bar.remove_task(self._task)
                self._task = self._bar.add_task("sentences", total=total, rate="")
            self._bar.update(self._task, completed=done, total=total, rate=f"{done}/{total} passages")
            return
        if phase == "scan":
            self._bar.update(self._task, total=max(size, 1))
            return
        # names may hold anything, also line ends and rich's own markup
        flat = "".join(c if c.isprintable() else "?" for c in name)
        short = flat if len(flat) <= 32 else f"{flat[:31]}…"
        description = f"{done}/{total} {short.replace('[', '(')}"
        speed = next((task.speed for task in self._bar.tasks if task.id == self._task), None)
        self._bar.update(self._task, completed=size, description=description, rate=_rate(speed))


def _rate(speed: float | None) -> str:
    if not speed:
        return ""
    power = min(int(math.log10(max(speed, 1)) // 3), len(_UNITS) - 1)
    return f"{speed / 1000**power:.1f} {_UNITS[power]}/s"


def print_report(report: IngestReport, console: Console) -> None:
    """What was done, what could not be read and why, and what to do about removals that were withheld."""
    table = Table("added", "updated", "unchanged", "removed", "failed", "chunks", "seconds")
    counts = (report.added, report.updated, report.unchanged, report.removed, len(report.failed))
    table.add_row(*map(str, counts), str(report.chunks), f"{report.seconds:.1f}")
    console.print(table)
    if report.failed:
        failures = Table("could not be read", "why")
        for failure in report.failed:
            name = "".join(c if c.isprintable() else "?" for c in failure.source)
            failures.add_row(Text(name, overflow="fold"), Text(failure.error))
        console.print(failures)
    if report.withheld:
        console.print(
            Text(
                f"{report.withheld} documents whose files are gone were kept, because so many at once may be "
                "an accident. If it is none, run the command again with --confirm-removals.",
                style="yellow",
            )
        )
    if report.cancelled:
        console.print(Text("Stopped before it was through; run it again to go on.", style="yellow"))
