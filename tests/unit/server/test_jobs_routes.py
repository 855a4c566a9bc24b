"""Sources, jobs and uploads over HTTP."""

from __future__ import annotations

import fcntl
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from ingest.jobs import Job
from ingest.jobs_record import Record, report_of, write_record
from ingest.jobs_slot import slot
from ingest.report import IngestReport
from ingest.source import Failure
from rag.settings import IngestSettings, Settings, SourceSettings
from rag.store import Store
from server import schema_jobs
from server.app import create_app
from tests.fakes.assistant import FakeAssistant

LOCAL = "http://127.0.0.1:8100"
POLICIES = {
    "name": "制度",
    "location": "/srv/制度",
    "groups": ["staff"],
    "rules": [{"pattern": "薪酬/**", "groups": ["hr"]}],
    "schedule": "30 2 * * *",
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    sources = {"fixed": SourceSettings(location="/srv/fixed", groups=("it",))}
    return settings.model_copy(update={"sources": sources, "ingest": IngestSettings(max_file_mb=0.2)})


@pytest.fixture
def worked(settings: Settings) -> Iterator[None]:
    """As if a worker lived."""
    with slot(settings.home):
        yield


def test_added_shown_changed_and_removed(client: TestClient) -> None:
    added = client.post("/v1/sources", json=POLICIES)
    assert added.status_code == 201
    shown = client.get("/v1/sources/制度").json()
    assert shown == added.json()
    assert (shown["kind"], shown["origin"], shown["files"], shown["failed"]) == ("folder", "added", 0, 0)
    assert shown["rules"] == POLICIES["rules"]
    assert shown["created"].endswith("Z")
    assert [one["name"] for one in client.get("/v1/sources").json()["sources"]] == ["fixed", "制度"]

    changed = client.patch("/v1/sources/制度", json={"schedule": "", "groups": []})
    assert changed.status_code == 200
    assert (changed.json()["schedule"], changed.json()["groups"]) == ("", [])
    assert changed.json()["rules"] == POLICIES["rules"]

    assert client.delete("/v1/sources/制度").json() == {"name": "制度", "removed": 0}
    gone = client.get("/v1/sources/制度")
    assert (gone.status_code, gone.json()["title"]) == (404, "Source not found")
    assert gone.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("wrong", "status", "word"),
    [
        ({"name": "a/b"}, 422, "cannot be the name"),
        ({"name": "fixed"}, 409, "already"),
        ({"name": "uploads"}, 409, "uploaded"),
        ({"schedule": "at times"}, 422, "cron"),
        ({"options": {"colour": "red"}}, 422, "colour"),
        ({"kind": "ftp"}, 422, "not valid"),
        ({"color": "red"}, 422, "not valid"),
        ({"location": ""}, 422, "not valid"),
    ],
)
def test_what_is_refused(client: TestClient, wrong: dict[str, Any], status: int, word: str) -> None:
    answered = client.post("/v1/sources", json={**POLICIES, **wrong})
    assert answered.status_code == status
    assert word in answered.json()["detail"]
    assert [one["name"] for one in client.get("/v1/sources").json()["sources"]] == ["fixed"]


def test_sources_of_the_settings_file_are_changed_there(client: TestClient) -> None:
    for answered in (client.delete("/v1/sources/fixed"), client.patch("/v1/sources/fixed", json={})):
        assert answered.status_code == 409
        assert "[sources.fixed]" in answered.json()["remedy"]


def test_secrets_are_masked_and_survive_a_change(client: TestClient) -> None:
    given = {
        "name": "site",
        "kind": "web",
        "location": "https://u:hush@example.org/docs/",
        "options": {"token": "hush-hush", "pages": 10},
    }
    shown = client.post("/v1/sources", json=given).json()
    assert "hush" not in json.dumps(shown)
    client.patch(
        "/v1/sources/site",
        json={"options": {**shown["options"], "pages": 20}, "location": shown["location"]},
    )
    ingestion = client.app.state.ingestion.open()  # type: ignore[attr-defined]
    config = ingestion.registry.get("site").config
    assert config.options == {"token": "hush-hush", "pages": 20}
    assert config.location == given["location"]


def test_a_sync_is_a_job(client: TestClient, worked: None) -> None:
    client.post("/v1/sources", json=POLICIES)
    asked = client.post("/v1/sources/制度/sync")
    assert asked.status_code == 202
    job = asked.json()
    assert (job["kind"], job["source"], job["state"], job["requested_by"]) == (
        "sync", "制度", "queued", "person",
    )  # fmt: skip
    assert client.post("/v1/sources/制度/sync").json()["id"] == job["id"]
    confirmed = client.post("/v1/sources/制度/sync", json={"confirm_removals": True}).json()
    assert confirmed["id"] != job["id"]
    assert client.get(f"/v1/jobs/{job['id']}").json() == job
    listed = client.get("/v1/jobs", params={"source": "制度", "active": True}).json()["jobs"]
    assert [one["id"] for one in listed] == [confirmed["id"], job["id"]]

    cancelled = client.post(f"/v1/jobs/{job['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert client.post(f"/v1/jobs/{job['id']}/cancel").json() == cancelled.json()
    assert client.delete("/v1/sources/制度").status_code == 200
    assert client.get("/v1/jobs", params={"active": True}).json()["jobs"] == []


@pytest.mark.parametrize("path", ["/v1/jobs/nope", "/v1/sources/nope"])
def test_unknown(client: TestClient, path: str) -> None:
    answered = client.get(path)
    assert answered.status_code == 404
    assert "nope" in answered.json()["detail"]
    assert client.post(f"{path}/{'cancel' if 'jobs' in path else 'sync'}").status_code == 404


def test_progress_and_report_of_a_job(client: TestClient, settings: Settings, worked: None) -> None:
    client.post("/v1/sources", json=POLICIES)
    key = client.post("/v1/sources/制度/sync").json()["id"]
    store = Store.open(settings)
    failures = (Failure("/srv/制度/x.pdf", "the PDF is encrypted"),)
    report = IngestReport(
        added=5, updated=0, unchanged=3, removed=0, withheld=0, failed=failures, chunks=40, seconds=1.5
    )
    record = Record(
        "done", attempt=2, started=100.0, finished=160.5, phase="store", done=8, total=8, size=90, bytes=90,
        report=report_of(report),
    )  # fmt: skip
    write_record(store, key, "制度", record)
    store.close()
    job = client.get(f"/v1/jobs/{key}").json()
    assert (job["attempt"], job["done"], job["total"], job["unit"]) == (2, 8, 8, "documents")
    assert (job["bytes_done"], job["bytes_total"]) == (90, 90)
    assert (job["started"], job["finished"]) == ("1970-01-01T00:01:40Z", "1970-01-01T00:02:40.500000Z")
    assert job["report"]["added"] == 5
    assert job["report"]["failures"] == [{"source": "/srv/制度/x.pdf", "error": "the PDF is encrypted"}]


# ---------------------------------------------------------------- uploads


def upload(client: TestClient, name: str, data: bytes, **fields: str) -> Any:
    return client.post("/v1/documents", files={"file": (name, io.BytesIO(data))}, data=fields)


def test_an_upload_is_kept_and_ingested_by_a_job(
    client: TestClient, settings: Settings, worked: None
) -> None:
    answered = upload(client, "年假.txt", "二十五天".encode())
    assert answered.status_code == 202
    job = answered.json()
    assert (job["kind"], job["source"], job["state"]) == ("upload", "uploads", "queued")
    folder = settings.home / "uploads" / "default"
    assert (folder / "年假.txt").read_text("utf-8") == "二十五天"
    # one of the same name takes its place, and the job that waits brings it
    again = upload(client, "年假.txt", "三十天".encode())
    assert again.json()["id"] == job["id"]
    assert (folder / "年假.txt").read_text("utf-8") == "三十天"
    assert [path.name for path in folder.iterdir()] == ["年假.txt"]
    assert list((settings.home / "uploads" / ".incoming").iterdir()) == []
    shown = client.get("/v1/sources/uploads").json()
    assert (shown["origin"], shown["collection"]) == ("uploads", "default")


def test_each_collection_has_its_source(client: TestClient, settings: Settings) -> None:
    assert upload(client, "a.txt", b"x", collection="合同").json()["source"] == "uploads.合同"
    assert client.get("/v1/sources/uploads.合同").json()["collection"] == "合同"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\papers\\a.txt", "a.txt"),
        ("/abs/b.txt", "b.txt"),
        ("Bu\u0308ro.txt", "Büro.txt"),
    ],
)
def test_only_the_bare_name_counts(client: TestClient, settings: Settings, given: str, kept: str) -> None:
    assert upload(client, given, b"x").status_code == 202
    assert [path.name for path in (settings.home / "uploads" / "default").iterdir()] == [kept]


@pytest.mark.parametrize(
    "name", [".citewell.toml", "..", "a/", "x" * 300 + ".txt", "文" * 100 + ".txt", "a\x7f.txt"]
)
def test_names_that_are_refused(client: TestClient, settings: Settings, name: str) -> None:
    answered = upload(client, name, b"x")
    assert answered.status_code == 422
    assert not (settings.home / "uploads" / "default").exists()


@pytest.mark.parametrize("collection", ["../x", "a b", ".incoming", ""])
def test_collections_that_are_refused(client: TestClient, settings: Settings, collection: str) -> None:
    assert upload(client, "a.txt", b"x", collection=collection).status_code == 422


def test_too_large(client: TestClient, settings: Settings) -> None:
    answered = upload(client, "a.txt", b"x" * 200_001)
    assert (answered.status_code, answered.json()["title"]) == (413, "Too large")
    assert upload(client, "a.txt", b"x" * 200_000).status_code == 202


def test_a_body_without_length_is_not_read_to_its_end(client: TestClient) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for _ in range(100):
            sent += 1
            yield b"x" * 10_000
        yield b"\r\n--b--\r\n"

    answered = client.post(
        "/v1/documents", content=body(), headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert answered.status_code == 413


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{}", "application/json"),
        (b"x", "multipart/form-data; boundary=b"),
        (b"--b--\r\n", "multipart/form-data; boundary=b"),
        (b"", "multipart/form-data"),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nno file\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
    ],
)
def test_what_is_no_upload(client: TestClient, content: bytes, kind: str) -> None:
    answered = client.post("/v1/documents", content=content, headers={"Content-Type": kind})
    assert answered.status_code == 422
    assert answered.json()["remedy"]


def test_two_files_at_once_are_refused(client: TestClient, settings: Settings) -> None:
    files = [("file", ("a.txt", io.BytesIO(b"x"))), ("file", ("b.txt", io.BytesIO(b"y")))]
    assert client.post("/v1/documents", files=files).status_code == 422


def test_no_room(client: TestClient, settings: Settings) -> None:
    (settings.home / "uploads").mkdir(parents=True)
    (settings.home / "uploads" / "default").write_text("in the way")
    answered = upload(client, "a.txt", b"x")
    assert (answered.status_code, answered.json()["title"]) == (507, "Disk full")


# ---------------------------------------------------------------- beside


def test_a_page_of_another_origin_cannot_add_or_upload(client: TestClient) -> None:
    evil = {"Origin": "http://evil.example"}
    assert client.post("/v1/sources", json=POLICIES, headers=evil).status_code == 403
    assert client.post("/v1/documents", files={"file": io.BytesIO(b"x")}, headers=evil).status_code == 403


class Watching(FakeAssistant):
    """Looks whether the worker would step back while it answers."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._lock = home / "answering.lock"
        self.held: list[bool] = []

    async def search(self, question: str, *, k: int, user: Any) -> Any:
        with self._lock.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.held.append(False)
            except BlockingIOError:
                self.held.append(True)
        return await super().search(question, k=k, user=user)


def test_ingestion_steps_back_while_a_question_is_answered(settings: Settings) -> None:
    assistant = Watching(settings.home)
    with TestClient(create_app(settings, assistant), base_url=LOCAL) as client:
        assert client.get("/v1/search", params={"q": "年假"}).status_code == 200
    assert assistant.held == [True]
    with (settings.home / "answering.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize(
    "model",
    [getattr(schema_jobs, name) for name in schema_jobs.__all__ if name[0].isupper()],
    ids=lambda m: m.__name__,
)
def test_every_example_fits_its_model(model: type[BaseModel]) -> None:
    (example,) = model.model_config["json_schema_extra"]["examples"]  # type: ignore[index,call-overload]
    parsed = model.model_validate(example)
    told = json.loads(parsed.model_dump_json(exclude_unset=True))
    assert told == example


def test_jobs_that_were_never_begun_can_be_shown() -> None:
    out = schema_jobs.job_out(Job("a", "refine", "all documents", False, 1.5, Record()))
    assert (out.unit, out.requested_by, out.report, out.started) == ("passages", "schedule", None, None)
