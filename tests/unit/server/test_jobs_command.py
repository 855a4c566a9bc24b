"""`citewell jobs`: what a reader at a terminal sees of the worker's jobs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from ingest.jobs import Job, Jobs
from ingest.jobs_record import Record, write_record
from ingest.jobs_slot import slot
from rag.settings import Settings
from rag.store import Store
from server.cli import app
from server.schema_jobs import JobOut, ReportOut, job_out
from server.show_jobs import show_job, show_jobs, span, watch

Run = Callable[..., Any]
REPORT = ReportOut(
    added=3, updated=0, unchanged=9, removed=0, withheld=2, failed=1,
    failures=[{"source": "/docs/x\n[bold].pdf", "error": "is damaged"}], chunks=40, seconds=1.5,
    cancelled=False,
)  # fmt: skip


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("server.commands.jobs.configure_logging", lambda *_, **__: None)
    monkeypatch.setattr("server.show_jobs.LOOK_S", 0.01)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, ["jobs", *arguments])


@pytest.fixture
def jobs(settings: Settings) -> Iterator[Jobs]:
    store = Store.open(settings)
    jobs = Jobs(settings, store)
    with slot(settings.home):
        yield jobs
    jobs.close()
    store.close()


def job(**values: Any) -> JobOut:
    base = job_out(Job("8d0e403127d4", "sync", "制度", True, 1.5, Record()))
    return base.model_copy(update=values)


def printed(show: Callable[[Console], object], **options: Any) -> str:
    out = Console(file=io.StringIO(), width=160, highlight=False, markup=False, emoji=False, **options)
    show(out)
    return str(out.file.getvalue())  # type: ignore[attr-defined]


def test_none_yet(run: Run) -> None:
    assert "There are no jobs" in run().stdout
    assert json.loads(run("--json").stdout) == {"jobs": []}
    assert "No job is under way" in run("watch").output


def test_listed_shown_and_cancelled(run: Run, jobs: Jobs) -> None:
    first, second = jobs.sync("制度").id, jobs.sync("b").id
    assert [one["id"] for one in json.loads(run("--json").stdout)["jobs"]] == [second, first]
    assert [one["id"] for one in json.loads(run("--json", "--source", "制度").stdout)["jobs"]] == [first]
    listed = run().stdout
    assert first in listed
    assert "sync 制度" in listed
    assert "… queued" in listed
    assert json.loads(run("show", first, "--json").stdout)["source"] == "制度"
    assert "… sync 制度: queued" in run("show", first).stdout
    assert "sync 制度: cancelled" in run("cancel", first).stdout
    assert json.loads(run("cancel", first, "--json").stdout)["state"] == "cancelled"
    assert [one["id"] for one in json.loads(run("--json", "--active").stdout)["jobs"]] == [second]


@pytest.mark.parametrize("command", ["show", "cancel", "watch"])
def test_an_unknown_job(run: Run, command: str) -> None:
    refused = run(command, "nope")
    assert refused.exit_code == 2
    assert "There is no job nope" in refused.output


def test_watched_to_its_end(run: Run, jobs: Jobs) -> None:
    key = jobs.sync("制度").id
    with jobs._client._sys_db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE workflow_status SET status = 'ERROR'")
    write_record(jobs._store, key, "制度", Record("failed", error="the site is away", remedy="Wait."))
    watched = run("watch", key)
    assert watched.exit_code == 2
    assert "failed the site is away" in watched.output
    told = run("watch", key, "--json")
    assert json.loads(told.stdout)["jobs"][0]["error"] == "the site is away"


def test_a_line_for_each_change_where_the_output_is_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.show_jobs.LOOK_S", 0.0)
    states = iter(
        [
            job(),
            job(state="running", done=1, total=3),
            job(state="running", done=2, total=3),
            job(state="waiting", note="quiet hours"),
            job(state="done", report=REPORT),
        ]
    )
    ended: list[JobOut] = []
    told = printed(lambda out: ended.extend(watch(out, lambda: [next(states)])))
    assert [line.partition("8d0e403127d4: ")[2] for line in told.splitlines()] == [
        "queued", "running", "waiting quiet hours", "done 3 added, 2 withheld, 1 failed",
    ]  # fmt: skip
    assert ended[0].state == "done"


def test_a_table_that_changes_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.show_jobs.LOOK_S", 0.0)
    running = job(
        state="running", done=1, total=3, bytes_done=50, bytes_total=100, seconds_left=75.2, current="a.md"
    )
    states = iter([job(), running, job(state="done", done=3, total=3, report=REPORT)])
    told = printed(lambda out: watch(out, lambda: [next(states)]), force_terminal=True)
    assert "1 min 15 s left, a.md" in told
    assert "1/3" in told
    assert "✓ done" in told


def test_all_about_a_job() -> None:
    started = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
    told = printed(
        lambda out: show_job(
            out,
            job(
                state="done", attempt=3, started=started, finished=started.replace(hour=4, minute=31),
                done=12, total=12, bytes_done=5_000_000, bytes_total=5_000_000, report=REPORT,
            ),
        )
    )  # fmt: skip
    for words in ("✓ sync 制度: done", "2 h 1 min", "12 of 12", "5.0 of 5.0 MB", "withheld", "is damaged"):
        assert words in told
    assert "/docs/x?[bold].pdf" in told
    failed = printed(lambda out: show_job(out, job(state="failed", error="the site is away", remedy="Wait.")))
    assert "the site is away" in failed
    assert "Wait." in failed


def test_odd_names_do_not_break_the_table() -> None:
    odd = job(state="running", source="[red]x", current="a\n[b]" + "文" * 60, total=3, seconds_left=None)
    told = printed(lambda out: show_jobs(out, [odd]))
    assert "sync [red]x" in told
    assert "a?[b]" in told
    assert "…" in told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (75, "1 min 15 s"), (3600, "1 h"), (90061, "1 d 1 h")],
)
def test_spans(seconds: float, told: str) -> None:
    assert span(seconds) == told
