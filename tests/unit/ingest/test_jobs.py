"""Asking for jobs, watching and ending them; no worker runs here."""

from __future__ import annotations

import dataclasses
import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest.jobs import Job, Jobs
from ingest.jobs_record import Record, read_records, write_record
from ingest.jobs_slot import slot
from rag.errors import NotFoundError, StoreError
from rag.store import Store
from tests.fakes.work import settings_of


@pytest.fixture
def settings(tmp_path):
    return settings_of(tmp_path / "home")


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
def worked(settings):
    """As if a worker lived."""
    with slot(settings.home):
        yield


def test_a_second_request_is_given_the_first_job(jobs, worked):
    first = jobs.sync("hr")
    assert (first.kind, first.source, first.person, first.active) == ("sync", "hr", True, True)
    assert first.record == Record(state="queued")
    assert abs(first.created - time.time()) < 60
    assert jobs.sync("hr").id == first.id
    assert jobs.sync("hr", person=False).id == first.id
    assert jobs.sync("制度").id != first.id
    # what was asked for otherwise is not swallowed
    assert len({jobs.sync("hr", confirm_removals=True).id, jobs.sync("hr", retry=True).id, first.id}) == 3


def test_many_ask_at_once(jobs):
    with ThreadPoolExecutor(8) as pool:
        found = {job.id for job in pool.map(lambda _: jobs.sync("hr"), range(24))}
    assert len(found) == 1
    assert len(jobs.recent()) == 1


def test_a_key_is_good_for_one_job(jobs):
    first = jobs.sync("hr", person=False, key="abc")
    assert first.id == "abc"
    jobs.cancel("abc")
    assert jobs.sync("hr", person=False, key="abc").record.state == "cancelled"
    assert len(jobs.recent()) == 1


def test_without_a_worker_a_job_waits_and_says_so(jobs):
    record = jobs.sync("hr").record
    assert (record.state, record.note) == ("waiting", "no worker is running")


def test_an_upload_is_not_given_a_job_that_has_listed_already(jobs, store, worked):
    first = jobs.upload("uploads")
    assert jobs.upload("uploads").id == first.id, "it has not begun"
    write_record(store, first.id, "uploads", Record(state="running"))
    store_status(jobs, first.id, "PENDING")
    second = jobs.upload("uploads")
    assert second.id != first.id
    assert jobs.upload("uploads").id == second.id
    # it waits to be tried again, and will list anew
    write_record(store, first.id, "uploads", Record(state="waiting"))
    assert jobs.upload("uploads").id == first.id


def store_status(jobs: Jobs, key: str, status: str) -> None:
    """Stand in for a worker, which moves the queue's own row."""
    held = "deduplication_id" if status in ("ENQUEUED", "PENDING") else "NULL"
    with jobs._client._sys_db.engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE workflow_status SET status = ?, deduplication_id = {held} WHERE workflow_uuid = ?",
            (status, key),
        )


@pytest.mark.parametrize(
    ("status", "written", "state"),
    [
        ("ENQUEUED", Record(state="running"), "queued"),
        ("PENDING", None, "queued"),
        ("PENDING", Record(state="running", done=3), "running"),
        ("PENDING", Record(state="waiting", note="quiet hours"), "waiting"),
        ("SUCCESS", Record(state="done"), "done"),
        ("SUCCESS", Record(state="failed", error="no"), "failed"),
        ("CANCELLED", Record(state="running"), "cancelled"),
        ("ERROR", Record(state="running"), "failed"),
        ("MAX_RECOVERY_ATTEMPTS_EXCEEDED", Record(state="waiting"), "failed"),
    ],
)
def test_what_the_queue_knows_goes_before_what_the_job_has_written(
    jobs, store, worked, status, written, state
):
    key = jobs.sync("hr").id
    if written is not None:
        write_record(store, key, "hr", written)
    store_status(jobs, key, status)
    found = jobs.get(key).record
    assert found.state == state
    assert not (state == "failed" and not found.error)


def test_a_job_whose_worker_was_killed_does_not_seem_to_run(jobs, store):
    key = jobs.sync("hr").id
    write_record(store, key, "hr", Record(state="running", done=3, total=9, left=5.0))
    store_status(jobs, key, "PENDING")
    found = jobs.get(key).record
    assert (found.state, found.note, found.done, found.left) == ("waiting", "no worker is running", 3, None)


def test_lists_and_counts(jobs, store, worked):
    made = [jobs.sync(name).id for name in ("a", "b", "c")]
    store_status(jobs, made[0], "SUCCESS")
    write_record(store, made[0], "a", Record(state="done"))
    again = jobs.sync("a").id
    assert [job.id for job in jobs.recent()] == [again, *reversed(made)]
    assert [job.id for job in jobs.recent(limit=2)] == [again, made[2]]
    assert [job.id for job in jobs.recent(source="a")] == [again, made[0]]
    assert [job.id for job in jobs.recent(source="a", active=True)] == [again]
    assert jobs.counts() == {
        "queued": 3, "running": 0, "waiting": 0, "done": 1, "failed": 0, "cancelled": 0,
    }  # fmt: skip


def test_cancelled_at_once_while_it_waits(jobs, store):
    key = jobs.sync("hr").id
    cancelled = jobs.cancel(key)
    assert (cancelled.record.state, cancelled.active) == ("cancelled", False)
    assert read_records(store, [key])[key].finished is not None
    assert jobs.cancel(key) == cancelled
    assert jobs.sync("hr").id != key


def test_all_of_a_source_are_cancelled(jobs):
    mine = [jobs.sync("hr").id, jobs.sync("hr", retry=True).id]
    other = jobs.sync("it").id
    jobs.cancel_all("hr")
    assert [jobs.get(key).record.state for key in mine] == ["cancelled", "cancelled"]
    assert jobs.get(other).active


def test_an_unknown_job(jobs):
    for act in (jobs.get, jobs.cancel):
        with pytest.raises(NotFoundError, match="There is no job nope"):
            act("nope")


def test_old_jobs_are_forgotten_with_their_records(jobs, store):
    old, new = jobs.sync("a").id, jobs.sync("b").id
    jobs.cancel(old)
    jobs.forget(time.time() - 3600)
    assert len(jobs.recent()) == 2
    jobs.forget(time.time() + 3600)
    assert [job.id for job in jobs.recent()] == [new]
    assert read_records(store, [old, new]) == {}


def test_what_waits_and_is_more_urgent(jobs, monkeypatch):
    assert not jobs.better_waits(9)
    monkeypatch.setattr("ingest.jobs.GREEN_S", -1.0)
    options = {"workflow_name": "attempt", "queue_name": jobs._names.attempts, "priority": 2}
    jobs._client.enqueue(options)
    assert jobs.better_waits(3)
    assert not jobs.better_waits(2)
    monkeypatch.setattr("ingest.jobs.GREEN_S", 60.0)
    assert not jobs.better_waits(3), "a worker that is free may be about to take it"


def test_two_homes_do_not_see_each_others_jobs_in_one_queue(jobs, store, tmp_path):
    mine = jobs.sync("hr")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "jobs.db").symlink_to(tmp_path / "home" / "jobs.db")
    settings = settings_of(tmp_path / "other")
    stranger = Store.open(settings)
    others = Jobs(settings, stranger)
    assert stranger.identity() != store.identity()
    assert others.recent() == []
    with pytest.raises(NotFoundError):
        others.get(mine.id)
    theirs = others.sync("hr")
    assert theirs.id != mine.id
    assert [job.id for job in jobs.recent()] == [mine.id]
    others.close()
    stranger.close()


def test_a_queue_that_cannot_be_opened(settings, store, tmp_path):
    (tmp_path / "home" / "jobs.db").write_bytes(
        b"this is no database, but long enough to look like a file" * 20
    )
    with pytest.raises(
        StoreError, match=r"queue of jobs in .*jobs\.db failed: file is not a database"
    ) as raised:
        Jobs(settings, store).recent()
    assert raised.value.remedy


def test_a_postgres_that_is_not_there_is_told_without_its_password(settings, store):
    far = settings.jobs.model_copy(update={"database_url": "postgresql://u:geheim@127.0.0.1:9/x"})
    with pytest.raises(StoreError, match=r"jobs\.database_url failed") as raised:
        Jobs(settings.model_copy(update={"jobs": far}), store).recent()
    assert "geheim" not in raised.value.message


def test_dbos_logs_through_ours_and_only_what_needs_attention(jobs, caplog):
    caplog.set_level(logging.DEBUG)
    jobs.sync("hr")
    assert [record for record in caplog.records if record.name == "dbos"] == []


def test_jobs_are_values(jobs):
    job = jobs.sync("hr")
    assert isinstance(job, Job)
    with pytest.raises(dataclasses.FrozenInstanceError):
        job.id = "x"
    jobs.close()
    jobs.close()
