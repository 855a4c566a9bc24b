"""GET /metrics: figures of ingestion."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from ingest.jobs_record import Record, write_record
from ingest.jobs_slot import slot
from ingest.pipeline import sync
from rag.settings import ServerSettings, Settings, SourceSettings
from rag.store import Store
from server.app import create_app
from tests.fakes.assistant import FakeAssistant
from tests.fakes.embedder import HashingEmbedder
from tests.fakes.work import settings_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # no key: a program on this machine scrapes
    return settings_of(tmp_path / "home").model_copy(update={"server": ServerSettings(open_on_loopback=True)})


def scraped(client: TestClient) -> dict[str, dict[tuple[str, ...], float]]:
    answered = client.get("/metrics")
    assert answered.status_code == 200
    assert answered.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answered.text)
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in families
    }


def test_figures(settings: Settings, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("二十五天的年假。", encoding="utf-8")
    (docs / "b.pdf").write_bytes(b"%PDF-1.4 no more than that")
    store = Store.open(settings)
    config = SourceSettings(location=str(docs))
    sync("制度", config, settings=settings, store=store, embedder=HashingEmbedder())
    app = create_app(settings, FakeAssistant())
    with TestClient(app, base_url="http://127.0.0.1:8100") as client, slot(settings.home):
        jobs = app.state.ingestion.open().jobs
        ended, running, waiting = (jobs.sync(name) for name in ("制度", "b", "c"))
        jobs.cancel(ended.id)
        again = jobs.sync("制度")
        with jobs._client._sys_db.engine.begin() as connection:
            for key, status in ((running.id, "PENDING"), (again.id, "SUCCESS")):
                connection.exec_driver_sql(
                    "UPDATE workflow_status SET status = ? WHERE workflow_uuid = ?", (status, key)
                )
        record = Record("running", phase="embed", done=3, total=9, size=30, bytes=90, left=12.5)
        write_record(store, running.id, "b", record)
        write_record(store, again.id, "制度", Record("failed", started=100.0, finished=160.0, error="no"))
        found = scraped(client)
    store.close()
    assert found["citewell_documents"] == {(): 1}
    assert found["citewell_chunks"] == {(): 1}
    assert found["citewell_source_files"] == {("制度",): 2}
    assert found["citewell_source_failed_files"] == {("制度",): 1}
    assert found["citewell_jobs"] == {
        ("queued",): 1, ("running",): 1, ("waiting",): 0, ("done",): 0, ("failed",): 1, ("cancelled",): 1,
    }  # fmt: skip
    key = (running.id, "sync", "b")
    assert found["citewell_job_done"] == {key: 3}
    assert found["citewell_job_total"] == {key: 9}
    assert found["citewell_job_bytes_done"] == {key: 30}
    assert found["citewell_job_bytes_total"] == {key: 90}
    assert found["citewell_job_left_seconds"] == {key: 12.5}
    assert found["citewell_last_job_success"] == {("sync", "制度"): 0}
    assert found["citewell_last_job_duration_seconds"] == {("sync", "制度"): 60}
    assert found["citewell_last_job_finished_timestamp_seconds"] == {("sync", "制度"): 160}
    assert found["citewell_workers"] == {(): 1}
    assert waiting.id


def test_nothing_yet(client: TestClient) -> None:
    found = scraped(client)
    assert found["citewell_documents"] == {(): 0}
    assert sum(found["citewell_jobs"].values()) == 0
    assert found["citewell_workers"] == {(): 0}


def test_only_this_machine(client: TestClient) -> None:
    assert client.get("/metrics", headers={"Host": "evil.example"}).status_code == 421
