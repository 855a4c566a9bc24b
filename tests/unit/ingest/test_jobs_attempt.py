"""One try of a job: how it ends, and what it says of that."""

from __future__ import annotations

import threading

import pytest

from ingest import jobs_attempt
from ingest.jobs import Jobs
from ingest.jobs_attempt import CRASHES, Attempts, Stopped, priority
from ingest.jobs_record import Record, read_records, write_record
from ingest.lock import ingest_lock
from ingest.registry import Registry
from ingest.report import IngestReport
from rag.errors import (
    DiskFullError,
    IndexStateError,
    MachineError,
    MissingPackageError,
    SettingsError,
    SourceNotFoundError,
    SourceUnavailableError,
    StoreError,
)
from rag.settings import SourceSettings
from rag.store import Store
from tests.fakes.embedder import HashingEmbedder
from tests.fakes.work import settings_of


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(8):
        text = "\n\n".join(f"Paragraph {n} of file {number}. 员工应当每年休年假{n}天。" for n in range(4))
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4 no more than that")
    return folder


class World:
    """One home with a source, and tries in it."""

    def __init__(self, home, docs, **jobs):
        self.settings = settings_of(home, **jobs)
        self.store = Store.open(self.settings)
        self.jobs = Jobs(self.settings, self.store)
        self.registry = Registry(self.settings, self.store)
        self.registry.add("docs", SourceSettings(location=str(docs)))
        self.stop = threading.Event()
        self.embedder = HashingEmbedder()
        self.loaded = []
        self.attempts = Attempts(self.settings, self.store, self.jobs, self.load, self.stop)
        self.key = self.jobs.sync("docs").id

    def load(self, model):
        self.loaded.append(model)
        return self.embedder

    def run(self, number=1, person=True, confirm=False, retry=False):
        return self.attempts.run(self.key, number, person, confirm, retry)

    @property
    def record(self):
        return read_records(self.store, [self.key])[self.key]

    def close(self):
        self.jobs.close()
        self.store.close()


@pytest.fixture
def world(tmp_path, docs):
    world = World(tmp_path / "home", docs)
    yield world
    world.close()


@pytest.fixture
def failing(monkeypatch):
    def run(error):
        def sync(*_, **__):
            raise error

        monkeypatch.setattr(jobs_attempt, "sync", sync)

    return run


@pytest.fixture
def quick(monkeypatch):
    """A sync that only looks whether it should go on; what it was given."""
    given = []

    def sync(name, config, **options):
        given.append((name, config.location, options["confirm_removals"], options["retry"]))
        options["progress"]("scan", 0, 0, "", 0)
        return IngestReport(
            added=0, updated=0, unchanged=9, removed=0, withheld=0, failed=(), chunks=0, seconds=0.1
        )

    monkeypatch.setattr(jobs_attempt, "sync", sync)
    return given


def test_done(world):
    assert world.run() == "done"
    record = world.record
    assert (record.state, record.attempt, record.crashes, record.done, record.total) == ("done", 1, 0, 9, 9)
    assert record.size == record.bytes > 0
    assert record.started <= record.finished
    report = record.report
    assert (report["added"], report["failed"], report["unchanged"]) == (8, 1, 0)
    assert report["failures"][0]["source"].endswith("bad.pdf")
    assert world.store.counts()["documents"] == 8
    # again: nothing is parsed, and what could not be read is not tried
    assert world.run(2) == "done"
    assert (world.record.report["added"], world.record.report["unchanged"]) == (0, 8)


def test_what_may_pass_is_tried_again_and_the_last_time_fails(world, failing):
    for error in (SourceUnavailableError, SourceNotFoundError, StoreError, MachineError):
        failing(error("the site is away", "Wait."))
        assert world.run(1) == "again"
        assert (world.record.state, world.record.error, world.record.remedy) == (
            "waiting", "the site is away", "Wait.",
        )  # fmt: skip
        assert world.record.finished is None
        assert world.run(world.settings.jobs.attempts) == "failed"
        assert (world.record.state, world.record.error) == ("failed", "the site is away")


@pytest.mark.parametrize("error", [SettingsError, DiskFullError, MissingPackageError, IndexStateError])
def test_what_will_not_pass_fails_at_once(world, failing, error):
    failing(error("an option is wrong", "Correct it."))
    assert world.run() == "failed"
    assert (world.record.state, world.record.error, world.record.remedy) == (
        "failed", "an option is wrong", "Correct it.",
    )  # fmt: skip


def test_the_unexpected_is_logged_and_fails(world, failing, caplog):
    failing(ZeroDivisionError("by zero"))
    assert world.run() == "failed"
    assert world.record.error == "unexpected error: ZeroDivisionError: by zero"
    assert "ZeroDivisionError" in caplog.text


def test_a_source_that_is_gone_fails_at_once(world):
    world.registry.remove("docs")
    assert world.run() == "failed"
    assert world.record.error == "There is no source docs."


def test_a_folder_that_is_gone_may_come_back(world, docs, tmp_path):
    docs.rename(tmp_path / "elsewhere")
    assert world.run() == "again"
    (tmp_path / "elsewhere").rename(docs)
    assert world.run(2) == "done"
    assert (world.record.error, world.record.attempt) == ("", 2)


def test_another_ingestion_of_the_source_is_waited_for(world, quick):
    with ingest_lock(world.settings.home, "docs"):
        assert world.run(world.settings.jobs.attempts) == "busy"
    assert world.record.state == "waiting"
    assert "Another ingestion of docs" in world.record.note
    assert world.run() == "done"


def test_the_worker_ends_in_the_middle(world, monkeypatch):
    taken = []

    def stop_at_the_third(texts):
        taken.append(texts)
        if len(taken) == 3:
            world.stop.set()
        return HashingEmbedder.embed_passages(world.embedder, texts)

    monkeypatch.setattr(world.embedder, "embed_passages", stop_at_the_third)
    with pytest.raises(Stopped):
        world.run()
    assert (world.record.state, world.record.note) == ("queued", "the worker was stopped")
    assert len(taken) == 3, "the batch under way was the last"
    world.stop.clear()
    assert world.run() == "done"
    assert world.record.crashes == 0
    assert world.store.counts()["documents"] == 8


def test_cancelled_in_the_middle(world, monkeypatch):
    monkeypatch.setattr(jobs_attempt, "LOOK_S", 0.0)
    taken = []

    def cancel_at_the_third(texts):
        taken.append(texts)
        if len(taken) == 3:
            world.jobs.cancel(world.key)
        return HashingEmbedder.embed_passages(world.embedder, texts)

    monkeypatch.setattr(world.embedder, "embed_passages", cancel_at_the_third)
    assert world.run() == "cancelled"
    assert world.record.state == "cancelled"
    assert len(taken) == 3


def test_what_is_more_urgent_goes_first(world, quick, monkeypatch):
    asked = []
    monkeypatch.setattr(world.jobs, "better_waits", lambda mine: asked.append(mine) or True)
    assert world.run(person=False) == "later"
    assert (world.record.state, world.record.note) == ("waiting", "something more urgent goes first")
    assert asked == [3]
    assert (
        priority("upload", True)
        < priority("sync", True)
        < priority("sync", False)
        < priority("refine", False)
    )


def test_quiet_hours_are_for_what_nobody_asked_for(tmp_path, docs, quick):
    world = World(tmp_path / "home", docs, quiet_hours="00:00-24:00")
    assert world.run(person=False) == "later"
    assert (world.record.state, world.record.note) == ("waiting", "quiet hours")
    assert world.run(person=True) == "done"
    world.close()


def test_a_crash_loop_ends_in_a_failed_job_that_names_the_file(world, quick):
    running = Record("running", done=4, total=9, furthest=2, current="7.txt")
    write_record(world.store, world.key, "docs", running)
    seen = []
    for _ in range(CRASHES):
        outcome = world.run()
        seen.append((outcome, world.record.crashes))
        if outcome == "done":
            # as a worker that was killed leaves it, at the same file each time
            values = {"state": "running", "done": 4, "current": "7.txt", "crashes": world.record.crashes}
            record = Record(**{**{"furthest": 4, "total": 9}, **values})
            write_record(world.store, world.key, "docs", record)
    assert seen == [("done", 1), ("done", 2), ("done", 3), ("done", 4), ("failed", 5)]
    assert world.record.error == "the worker ended 5 times while it worked on 7.txt"
    assert world.record.remedy


def test_a_job_that_gets_on_may_crash_as_often_as_it_likes(world, quick):
    for done in range(1, 3 * CRASHES):
        record = Record("running", done=done, total=99, furthest=done - 1, crashes=CRASHES - 1)
        write_record(world.store, world.key, "docs", record)
        assert world.run() == "done"
        assert world.record.crashes == 1


def test_documents_are_embedded_by_what_the_others_were(world, monkeypatch):
    world.run()
    assert world.loaded == ["hashing"]
    embedder = world.settings.embedder.model_copy(update={"model": "another"})
    changed = world.settings.model_copy(update={"embedder": embedder})
    attempts = Attempts(changed, world.store, world.jobs, world.load, world.stop)
    assert attempts.run(world.key, 1, True, False, True) == "done"
    assert world.loaded == ["hashing", "hashing"]


def test_options_reach_the_sync(world, quick, docs):
    world.run(confirm=True, retry=True)
    world.run()
    assert quick == [("docs", str(docs), True, True), ("docs", str(docs), False, False)]


def test_a_refinement(world):
    world.run()
    world.key = world.jobs.refine().id
    assert world.run(person=False) == "done"
    assert world.record.phase == "refine"
    assert world.record.report["sentences"] == world.store.counts()["chunks"]


def test_ingestion_steps_back_while_answers_are_given(world, monkeypatch):
    waited = []
    monkeypatch.setattr(jobs_attempt, "give_way", lambda home, most: waited.append((home, most)))
    world.run()
    assert waited
    assert set(waited) == {(world.settings.home, world.settings.jobs.give_way_s)}
