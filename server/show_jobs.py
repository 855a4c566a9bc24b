"""Sources and jobs for a reader at a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from server.schema_jobs import JobOut, RefinedOut, ReportOut, SourceOut

__all__ = ["job_table", "show_job", "show_jobs", "show_source", "show_sources", "watch"]

# an icon and a word: colour alone tells some readers nothing
MARKS = {
    "queued": ("…", "default"),
    "running": ("▶", "cyan"),
    "waiting": ("⏸", "yellow"),
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("∅", "dim"),
}
ACTIVE = ("queued", "running", "waiting")
LOOK_S = 1.0
BAR = 16


def _flat(text: str, most: int = 40) -> str:
    """Names may hold anything, also line ends."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def span(seconds: float) -> str:
    """A duration in two units at most."""
    whole = round(seconds)
    for size, unit, smaller, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{whole} s"


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.1f}"


def _state(job: JobOut) -> Text:
    icon, colour = MARKS[job.state]
    return Text(f"{icon} {job.state}", style=colour)


def _progress(job: JobOut) -> RenderableType:
    if not job.total:
        return Text("")
    done, total = (job.bytes_done, job.bytes_total) if job.bytes_total else (job.done, job.total)
    counted = Text(f" {job.done:,}/{job.total:,}")
    if job.state not in ACTIVE:
        return counted
    grid = Table.grid()
    grid.add_row(ProgressBar(total=max(total, 1), completed=done, width=BAR), counted)
    return grid


def _told(job: JobOut) -> Text:
    """The most important thing about a job in one line."""
    if job.error:
        return Text(job.error, style="red" if job.state == "failed" else "yellow")
    if job.state == "running":
        left = f"{span(job.seconds_left)} left, " if job.seconds_left is not None else ""
        return Text(f"{left}{_flat(job.current)}".removesuffix(", "))
    if isinstance(job.report, ReportOut):
        named = ("added", "updated", "removed", "withheld", "failed")
        parts = [f"{getattr(job.report, name)} {name}" for name in named if getattr(job.report, name)]
        return Text(", ".join(parts) or "nothing new")
    if isinstance(job.report, RefinedOut):
        return Text(f"{job.report.passages + job.report.sentences} passages")
    return Text(job.note)


def job_table(jobs: Sequence[JobOut]) -> RenderableType:
    """Jobs as a table, those first that were given first."""
    if not jobs:
        return Text("There are no jobs. `citewell source sync NAME` starts one.")
    table = Table("id", "what", "state", "progress", "", box=None, pad_edge=False)
    for job in jobs:
        what = Text(f"{job.kind} {job.source}")
        table.add_row(job.id, what, _state(job), _progress(job), _told(job))
    return table


def show_jobs(out: Console, jobs: Sequence[JobOut]) -> None:
    """Print a table of jobs."""
    out.print(job_table(jobs))


def _rows(out: Console, rows: Sequence[tuple[str, str]]) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value:
            grid.add_row(Text(name, style="dim"), Text(value))
    out.print(grid)


def show_job(out: Console, job: JobOut) -> None:
    """Print all about one job."""
    icon, colour = MARKS[job.state]
    out.print(Text(f"{icon} {job.kind} {job.source}: {job.state}", style=f"bold {colour}"))
    size = f"{_megabytes(job.bytes_done)} of {_megabytes(job.bytes_total)} MB" if job.bytes_total else ""
    rate = "" if job.rate is None else f"{_megabytes(job.rate)} MB" if job.bytes_total else f"{job.rate:,.0f}"
    ended = job.finished and job.started and span((job.finished - job.started).total_seconds())
    rows = [
        ("id", job.id),
        ("asked for by", job.requested_by),
        ("created", f"{job.created.astimezone():%Y-%m-%d %H:%M:%S}"),
        ("started", f"{job.started.astimezone():%Y-%m-%d %H:%M:%S}" if job.started else ""),
        ("took", ended or ""),
        ("attempt", str(job.attempt) if job.attempt > 1 else ""),
        ("note", job.note if job.state in ACTIVE else ""),
        ("phase", job.phase if job.state == "running" else ""),
        (job.unit, f"{job.done:,} of {job.total:,}" if job.total else ""),
        ("bytes", size),
        ("a second", rate),
        ("left", "" if job.seconds_left is None else span(job.seconds_left)),
        ("in work", _flat(job.current, 80)),
        ("error", job.error),
        ("what to do", job.remedy),
    ]
    _rows(out, rows)
    if job.report is None:
        return
    figures = job.report.model_dump(exclude={"failures", "cancelled"})
    _rows(out, [(name, str(value)) for name, value in figures.items() if value])
    if isinstance(job.report, ReportOut):
        for failure in job.report.failures:
            out.print(Text(f"  {_flat(failure.source, 200)}: {failure.error}", style="yellow"))


def show_sources(out: Console, sources: Sequence[SourceOut]) -> None:
    """Print a table of sources."""
    if not sources:
        out.print("There are no sources. `citewell source add NAME LOCATION` adds one.")
        return
    table = Table(
        "name", "kind", "location", "readers", "schedule", "files", "failed", box=None, pad_edge=False
    )
    for one in sources:
        readers = ", ".join(one.groups) or "everyone"
        table.add_row(
            Text(one.name), one.kind, Text(one.location, overflow="fold"), Text(readers), one.schedule,
            f"{one.files:,}", f"{one.failed:,}" if one.failed else "",
        )  # fmt: skip
    out.print(table)


def show_source(out: Console, one: SourceOut) -> None:
    """Print all about one source."""
    out.print(Text(one.name, style="bold"))
    where = {"settings": "the settings file", "added": "added by command or API", "uploads": "uploads"}
    rows = [
        ("kind", one.kind),
        ("location", one.location),
        ("collection", one.collection),
        ("readers", ", ".join(one.groups) or "everyone"),
        *((f"rule {rule.pattern}", ", ".join(rule.groups) or "everyone") for rule in one.rules),
        ("include", " ".join(one.include)),
        ("exclude", " ".join(one.exclude)),
        ("schedule", one.schedule),
        *((f"option {name}", str(value)) for name, value in one.options.items()),
        ("comes from", where[one.origin]),
        ("files", f"{one.files:,}"),
        ("could not be read", f"{one.failed:,}" if one.failed else ""),
    ]
    _rows(out, rows)


def watch(out: Console, look: Callable[[], Sequence[JobOut]]) -> list[JobOut]:
    """Show jobs until all have ended, then return them: a table that changes, or a line for each change
    where the output goes to a file.
    """
    if not out.is_terminal:
        return _lines(out, look)
    jobs = list(look())
    with Live(Group(job_table(jobs)), console=out, auto_refresh=False) as live:
        while any(job.state in ACTIVE for job in jobs):
            time.sleep(LOOK_S)
            jobs = list(look())
            live.update(job_table(jobs), refresh=True)
    return jobs


def _lines(out: Console, look: Callable[[], Sequence[JobOut]]) -> list[JobOut]:
    told: dict[str, str] = {}
    while True:
        jobs = list(look())
        for job in jobs:
            more = job.note if job.state in ACTIVE else _told(job).plain
            line = f"{job.kind} {job.source} {job.id}: {job.state} {more}".rstrip()
            if told.get(job.id) != line:
                told[job.id] = line
                out.print(Text(line))
        if not any(job.state in ACTIVE for job in jobs):
            return jobs
        time.sleep(LOOK_S)
