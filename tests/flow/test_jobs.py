"""Real workers: killed with -9, stopped, two at once; every job ends, once, with everything in place."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import insert, select

from ingest.jobs import Jobs
from ingest.pipeline import sync
from ingest.registry import Registry
from rag.settings import SourceSettings
from rag.store import Store
from rag.tables import chunk, document, setting, vector
from tests.fakes.embedder import HashingEmbedder
from tests.fakes.work import settings_of

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 40.0
FILES = 24
MANY = 100  # documents are stored some thirty at a time
T = TypeVar("T")


def write(folder: Path, files: int = FILES) -> None:
    folder.mkdir()
    for number in range(files):
        paragraphs = [
            f"Paragraph {n} of {number} in {folder.name}: " + f"年假{n} days " * 12 for n in range(4)
        ]
        (folder / f"{number:03}.txt").write_text("\n\n".join(paragraphs), encoding="utf-8")


def content(store: Store) -> list[tuple[object, ...]]:
    """All passages of all documents, with their vectors."""
    query = (
        select(document.c.id, document.c.text, chunk.c.position, chunk.c.text, vector.c.whole)
        .join_from(document, chunk, chunk.c.document_id == document.c.id)
        .join(vector, vector.c.chunk_id == chunk.c.id)
        .order_by(document.c.id, chunk.c.position)
    )
    with store.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def undisturbed(tmp_path: Path) -> list[tuple[object, ...]]:
    """The same documents, ingested in one go."""
    settings = settings_of(tmp_path / "calm")
    store = Store.open(settings)
    config = SourceSettings(location=str(tmp_path / "docs"))
    sync("docs", config, settings=settings, store=store, embedder=HashingEmbedder())
    found = content(store)
    store.close()
    return found


class Home:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path.parent / "worker.log"
        self.settings = settings_of(path)
        self.store = Store.open(self.settings)
        self.registry = Registry(self.settings, self.store)
        self.jobs = Jobs(self.settings, self.store)

    @contextmanager
    def worker(self, *given: str) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "tests.fakes.work", str(self.path), *given]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def until(self, condition: Callable[[], T]) -> T:
        """What the condition gives when it holds."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            if found := condition():
                return found
            time.sleep(0.05)
        jobs = [(job.kind, job.source, job.record) for job in self.jobs.recent()]
        pytest.fail(f"not within {DEADLINE_S} s: {jobs}\n{self.log.read_text('utf-8', 'replace')}")

    def ended(self, key: str) -> bool:
        return not self.jobs.get(key).active

    def state(self, key: str) -> str:
        return self.jobs.get(key).record.state


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    home.jobs.close()
    home.store.close()


def test_killed_again_and_again(home: Home, tmp_path: Path) -> None:
    write(tmp_path / "docs", MANY)
    home.registry.add("docs", SourceSettings(location=str(tmp_path / "docs")))
    key = home.jobs.sync("docs").id
    assert home.state(key) == "waiting"
    stored = 0
    for _ in range(3):
        with home.worker("pause=0.01") as worker:
            home.until(lambda before=stored: home.store.counts()["documents"] > before)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        # whole documents, and a job that does not claim to run
        assert home.store.check() == "ok"
        record = home.jobs.get(key).record
        assert (record.state, record.note) == ("waiting", "no worker is running")
        stored = home.store.counts()["documents"]
        assert stored < MANY
    with home.worker() as worker:
        back = time.monotonic()
        home.until(lambda: home.state(key) == "running" or home.ended(key))
        assert time.monotonic() - back < 20
        home.until(lambda: home.ended(key))
        job = home.jobs.get(key)
        assert (job.record.state, job.record.attempt, job.record.error) == ("done", 1, "")
        assert job.record.report is not None
        assert 0 < job.record.report["added"] < MANY
        assert job.record.report["added"] + job.record.report["unchanged"] == MANY
        assert job.record.report["failures"] == []
        assert content(home.store) == undisturbed(tmp_path)
        # what it leaves for later is done by a job of its own; nothing was done twice
        home.until(lambda: all(not job.active for job in home.jobs.recent()) and len(home.jobs.recent()) > 1)
        kinds = sorted(job.kind for job in home.jobs.recent())
        assert kinds == ["refine", "sync"]
        # gracefully: it ends by itself
        worker.terminate()
        assert worker.wait(DEADLINE_S) == 0


def test_two_workers(home: Home, tmp_path: Path) -> None:
    now = datetime.now()
    missed = now - timedelta(minutes=10)
    for name in ("a", "b"):
        write(tmp_path / name)
        schedule = f"{missed.minute} {missed.hour} * * *" if name == "b" else ""
        home.registry.add(name, SourceSettings(location=str(tmp_path / name), schedule=schedule))
        since = {"b": [f"{missed.minute} {missed.hour} * * *", (now - timedelta(days=3)).isoformat()]}
    with home.store.write(silent=True) as connection:
        connection.execute(insert(setting), {"name": "schedules", "value": json.dumps(since)})
    first = home.jobs.sync("a").id
    with home.worker("pause=0.05") as one, home.worker("pause=0.05") as two:
        # both work: one on what was asked for, one on what was due three times while nobody was there
        home.until(lambda: sum(job.record.state == "running" for job in home.jobs.recent()) == 2)
        one.send_signal(signal.SIGKILL)
        one.wait()
        home.until(lambda: all(not job.active for job in home.jobs.recent()))
        syncs = [job for job in home.jobs.recent() if job.kind == "sync"]
        assert sorted((job.source, job.person, job.record.state) for job in syncs) == [
            ("a", True, "done"), ("b", False, "done"),
        ]  # fmt: skip
        assert home.jobs.get(first).record.state == "done"
        assert home.store.counts()["documents"] == 2 * FILES
        two.terminate()
        assert two.wait(DEADLINE_S) == 0


def test_cancelled_stopped_and_tried_again(home: Home, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name)
        home.registry.add(name, SourceSettings(location=str(tmp_path / name)))
    home.registry.add("later", SourceSettings(location=str(tmp_path / "later")))
    with home.worker("pause=0.1", "backoff_s=0.2", "attempts=50") as worker:
        a = home.jobs.sync("a").id
        home.until(lambda: home.state(a) == "running")
        b, c = home.jobs.sync("b").id, home.jobs.sync("b", retry=True).id
        assert home.jobs.cancel(c).record.state == "cancelled"
        begun = time.monotonic()
        home.jobs.cancel(a)
        # one at a time: b begins when a has stopped
        home.until(lambda: home.state(b) == "running")
        assert time.monotonic() - begun < 10
        assert home.store.counts()["documents"] < FILES
        home.until(lambda: home.jobs.get(b).record.done > 3)
        worker.terminate()
        assert worker.wait(DEADLINE_S) == 0
        assert home.jobs.get(b).record.crashes == 0
    # held back by the hours, until somebody wants it now
    with home.worker("backoff_s=0.2", "attempts=50", "quiet_hours=00:00-24:00"):
        home.until(lambda: home.ended(b))
        assert home.state(b) == "done"
        quiet = home.jobs.sync("a", person=False).id
        home.until(lambda: home.jobs.get(quiet).record.note == "quiet hours")
        assert home.jobs.sync("a").id == quiet
        home.until(lambda: home.state(quiet) == "done")
        # not there, tried again, and there at last
        later = home.jobs.sync("later").id
        home.until(lambda: home.jobs.get(later).record.attempt >= 2)
        home.until(lambda: "later" in home.jobs.get(later).record.error)
        write(tmp_path / "later", 2)
        home.until(lambda: home.state(later) == "done")
        assert home.jobs.get(later).record.error == ""
    assert home.store.counts()["documents"] == 2 * FILES + 2
    assert [home.state(key) for key in (a, b, c)] == ["cancelled", "done", "cancelled"]
