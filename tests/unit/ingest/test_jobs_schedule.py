"""Syncs that are due by the schedules of their sources."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ingest.jobs import Jobs
from ingest.jobs_schedule import Schedules
from ingest.registry import Registry
from rag.settings import SourceSettings
from rag.store import Store
from tests.fakes.work import settings_of

NOON = datetime(2026, 11, 24, 12)
HOURLY = "0 * * * *"


@pytest.fixture
def settings(tmp_path):
    bad = SourceSettings(location="/srv/bad", schedule="never ever")
    given = settings_of(tmp_path / "home")
    return given.model_copy(update={"sources": {"bad": bad}})


@pytest.fixture
def store(settings):
    store = Store.open(settings)
    yield store
    store.close()


@pytest.fixture
def jobs(settings, store):
    jobs = Jobs(settings, store)
    yield jobs
    jobs.close()


@pytest.fixture
def registry(settings, store):
    return Registry(settings, store)


@pytest.fixture
def schedules(store, registry, jobs):
    return Schedules(store, registry, jobs)


def after(**span):
    return NOON + timedelta(**span)


def finish(jobs):
    for job in jobs.recent(active=True):
        jobs.cancel(job.id)


def test_a_new_schedule_begins_with_its_next_moment(registry, schedules, jobs):
    registry.add("a", SourceSettings(location="/srv/a", schedule=HOURLY))
    registry.add("b", SourceSettings(location="/srv/b"))
    assert schedules.start_due(NOON) == []
    assert schedules.start_due(after(minutes=59)) == []
    assert schedules.start_due(after(minutes=60)) == ["a"]
    assert schedules.start_due(after(minutes=61)) == []
    (job,) = jobs.recent()
    assert (job.source, job.person, job.kind) == ("a", False, "sync")


def test_what_was_missed_is_made_up_for_once(registry, schedules, jobs, store):
    registry.add("a", SourceSettings(location="/srv/a", schedule=HOURLY))
    schedules.start_due(NOON)
    assert Schedules(store, registry, jobs).start_due(after(days=9, minutes=5)) == ["a"]
    finish(jobs)
    assert schedules.start_due(after(days=9, minutes=6)) == []
    assert len(jobs.recent()) == 1


def test_several_workers_start_one_job(registry, jobs, settings, store):
    registry.add("a", SourceSettings(location="/srv/a", schedule=HOURLY))
    workers = [Schedules(store, registry, Jobs(settings, store)) for _ in range(3)]
    workers[0].start_due(NOON)
    known = [worker._since() for worker in workers]
    for worker, since in zip(workers, known, strict=True):
        # each has looked before any of them has acted
        worker._since = lambda since=since: since
    assert [worker.start_due(after(hours=1)) for worker in workers] == [["a"]] * 3
    finish(jobs)
    assert [worker.start_due(after(hours=1)) for worker in workers] == [["a"]] * 3
    assert len(jobs.recent()) == 1
    for worker in workers:
        worker._jobs.close()


def test_each_moment_has_a_job_of_its_own(registry, schedules, jobs):
    registry.add("a", SourceSettings(location="/srv/a", schedule=HOURLY))
    for hour in range(4):
        schedules.start_due(after(hours=hour))
        finish(jobs)
    assert len(jobs.recent()) == 3


def test_a_sync_that_still_runs_is_not_doubled(registry, schedules, jobs):
    registry.add("a", SourceSettings(location="/srv/a", schedule=HOURLY))
    schedules.start_due(NOON)
    running = jobs.sync("a")
    assert schedules.start_due(after(hours=1)) == ["a"]
    assert [job.id for job in jobs.recent()] == [running.id]


def test_sources_that_change_meanwhile(registry, schedules, jobs):
    registry.add("a", SourceSettings(location="/srv/a", schedule=HOURLY))
    schedules.start_due(NOON)
    registry.change("a", SourceSettings(location="/srv/a", schedule="30 * * * *"))
    assert schedules.start_due(after(hours=1)) == [], "half past was missed by the old schedule, not by this"
    assert schedules.start_due(after(hours=1, minutes=31)) == ["a"]
    registry.change("a", SourceSettings(location="/srv/a"))
    assert schedules.start_due(after(hours=3)) == []
    registry.change("a", SourceSettings(location="/srv/a", schedule=HOURLY))
    assert schedules.start_due(after(hours=4)) == []
    registry.remove("a")
    assert schedules.start_due(after(hours=9)) == []


def test_a_schedule_that_is_none_is_told_once(schedules, caplog):
    for _ in range(3):
        assert schedules.start_due(NOON) == []
    told = [record.getMessage() for record in caplog.records if record.name == "ingest.jobs_schedule"]
    assert told == ["source bad: its schedule 'never ever' is not a cron expression"]
