"""What a job tells of itself."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from ingest import jobs_record
from ingest.jobs_record import Record, Tracker, forget_records, read_records, report_of, write_record
from ingest.report import IngestReport
from ingest.source import Failure
from rag.errors import StoreError
from rag.store import Store
from rag.tables import job
from tests.fakes.work import settings_of


@pytest.fixture
def store(tmp_path):
    store = Store.open(settings_of(tmp_path / "home"))
    yield store
    store.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(jobs_record, "time", clock)
    return clock


def test_records_come_back_as_they_were(store):
    full = Record(
        "failed", "n", 2, 1, 7, 1.5, 2.5, "embed", 3, 9, 30, 90, "年假.docx", 1.5, 4.0, "e", "r", {"added": 1}
    )
    write_record(store, "a", "hr", Record())
    write_record(store, "a", "hr", full)
    write_record(store, "b", "hr", Record("running"))
    assert read_records(store, ["a", "b", "c"]) == {"a": full, "b": Record("running")}
    forget_records(store, ["a"])
    assert set(read_records(store, ["a", "b"])) == {"b"}


def test_progress_is_none_of_what_answers_depend_on(store):
    before = store.generation()
    write_record(store, "a", "hr", Record())
    assert store.generation() == before


def test_fields_of_another_version_are_left_out(store):
    write_record(store, "a", "hr", Record("done"))
    with store.write(silent=True) as connection:
        progress = dict(connection.execute(select(job.c.progress)).scalar_one())
        connection.execute(job.update().values(progress=progress | {"mood": "good"}))
    assert read_records(store, ["a"])["a"] == Record("done")


def test_progress_is_written_now_and_then_with_rate_and_time_left(store, clock):
    tracker = Tracker(store, "a", "hr", Record("running"))

    def seen():
        return read_records(store, ["a"])["a"]

    tracker("scan", 0, 100, "", 1_000_000)
    assert (seen().total, seen().bytes, seen().rate, seen().left) == (100, 1_000_000, None, None)
    clock.now += 0.5
    tracker("parse", 1, 100, "a.pdf", 1000)
    assert seen().done == 0, "too soon"
    clock.now += 1.5
    tracker("store", 20, 100, "b.pdf", 200_000)
    assert (seen().phase, seen().done, seen().size, seen().current) == ("store", 20, 200_000, "b.pdf")
    assert (seen().rate, seen().left) == (100_000, 8.0)
    # the last half minute counts, not what was fast before
    for _ in range(40):
        clock.now += 1
        tracker("store", 30, 100, "c.pdf", tracker.record.size + 1000)
    assert seen().rate == 1000
    assert seen().left == 760


def test_bytes_never_go_back(store, clock):
    tracker = Tracker(store, "a", "hr", Record("running"))
    tracker("scan", 0, 2, "", 100)
    tracker("store", 1, 2, "a", 90)
    tracker("parse", 1, 2, "b", 40)
    assert tracker.record.size == 90


def test_a_refinement_is_estimated_by_passages(store, clock):
    tracker = Tracker(store, "a", "all", Record("running"))
    tracker("refine", 0, 1000, "e5", 0)
    clock.now += 2
    tracker("refine", 100, 1000, "e5", 0)
    assert (tracker.record.rate, tracker.record.left, tracker.record.bytes) == (50, 18, 0)


def test_the_end_clears_what_only_counts_on_the_way(store, clock):
    tracker = Tracker(store, "a", "hr", Record("running", started=900.0))
    tracker("scan", 0, 2, "", 100)
    clock.now += 2
    tracker("store", 1, 2, "b", 50)
    tracker.end("waiting", note="it is tried again", error="away")
    waiting = read_records(store, ["a"])["a"]
    assert (waiting.state, waiting.note, waiting.error, waiting.finished) == (
        "waiting",
        "it is tried again",
        "away",
        None,
    )
    assert (waiting.rate, waiting.left, waiting.current, waiting.done) == (None, None, "", 1)
    tracker.end("done", note="", error="")
    assert read_records(store, ["a"])["a"].finished == 1002.0


def test_progress_that_cannot_be_written_does_not_end_the_work(store, clock, monkeypatch):
    tracker = Tracker(store, "a", "hr", Record("running"))

    def busy(*_):
        raise StoreError("busy")

    monkeypatch.setattr(jobs_record, "write_record", busy)
    tracker("scan", 0, 2, "", 100)
    with pytest.raises(StoreError):
        tracker.end("done")


def test_a_report_names_the_first_failures_and_counts_all():
    failures = tuple(Failure(f"/docs/{n}.pdf", "damaged") for n in range(250))
    told = report_of(
        IngestReport(
            added=1, updated=2, unchanged=3, removed=4, withheld=5, failed=failures, chunks=6, seconds=7.5
        )
    )
    assert told["failed"] == 250
    assert told["failures"][0] == {"source": "/docs/0.pdf", "error": "damaged"} | {
        key: value for key, value in told["failures"][0].items() if key not in ("source", "error")
    }
    assert len(told["failures"]) == 100
    assert (told["added"], told["withheld"], told["seconds"], told["cancelled"]) == (1, 5, 7.5, False)
    json.dumps(told)
