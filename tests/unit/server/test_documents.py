"""Documents, originals, pages, text and places of quotes: for whoever may read them, and nobody else."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from ingest.pipeline import sync
from ingest.registry import Registry
from rag.settings import GroupRule, Settings, SourceSettings
from rag.store import Store
from rag.types import User
from tests.fakes.assistant import FakeAssistant
from tests.fakes.served import LOCAL, app_of, embedder_of
from tests.fakes.work import settings_of

BOARD = "board/salaries.txt"
LEAVE = "1. Leave\n\n" + "Filler. " * 900 + "\n\n2. Annual leave\n\n25 days.\n"
QUOTE = "The hotel allowance is 140 EUR a night."


def pdf() -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(300, 400), invariant=1)
    canvas.drawString(50, 350, "Travel policy")
    canvas.drawString(50, 330, QUOTE)
    canvas.showPage()
    canvas.drawString(50, 350, "Taxi rides need an approval by the manager.")
    canvas.save()
    return out.getvalue()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "home")


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Iterator[Store]:
    """A source with a file for the board, one that cannot be read, and an archive."""
    folder = tmp_path / "files"
    (folder / "board").mkdir(parents=True)
    (folder / BOARD).write_text("Salaries\n\nThe managing director earns 250000 EUR a year.", "utf-8")
    (folder / "travel.pdf").write_bytes(pdf())
    (folder / "leave.txt").write_text(LEAVE, "utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    opened = Store.open(settings)
    rules = (GroupRule(pattern="board/", groups=("board",)),)
    config = SourceSettings(location=str(folder), collection="policies", groups=("staff",), rules=rules)
    sync("policies", config, settings=settings, store=opened, embedder=embedder_of())
    yield opened
    opened.close()


@pytest.fixture
def client(settings: Settings, store: Store) -> Iterator[TestClient]:
    with TestClient(app_of(settings, FakeAssistant()), base_url=LOCAL) as made:
        yield made


def listed(client: TestClient, who: str = "Ann", **query: Any) -> dict[str, dict[str, Any]]:
    found = client.get("/v1/documents", params=query, headers={"X-As": who}).json()
    return {Path(one["uri"]).name: one for one in found["items"]}


def key_of(client: TestClient, name: str) -> str:
    return str(listed(client)[name]["id"])


def text_of(client: TestClient, key: str) -> str:
    return str(client.get(f"/v1/documents/{key}/text").json()["text"])


def test_list(client: TestClient) -> None:
    found = listed(client)
    assert set(found) == {"salaries.txt", "travel.pdf", "leave.txt", "broken.pdf"}
    travel = found["travel.pdf"]
    assert (travel["source"], travel["collection"], travel["mime"], travel["language"]) == (
        "policies", "policies", "application/pdf", "en",
    )  # fmt: skip
    assert (travel["size"], travel["error"], travel["readable"]) == (len(pdf()), "", True)
    assert client.get(f"/v1/documents/{travel['id']}").json() == travel
    broken = found["broken.pdf"]
    assert broken["id"].startswith("file-")
    assert "damaged" in broken["error"]
    assert client.get(f"/v1/documents/{broken['id']}").json() == broken
    assert set(listed(client, state="failed")) == {"broken.pdf"}
    assert set(listed(client, state="ok")) == {"salaries.txt", "travel.pdf", "leave.txt"}
    assert set(listed(client, q="TRAVEL")) == {"travel.pdf"}
    assert listed(client, source="elsewhere") == listed(client, collection="elsewhere") == {}
    assert set(listed(client, collection="policies", source="policies")) == set(found)


def test_pages_of_the_list(client: TestClient) -> None:
    got, after = [], None
    for _ in range(4):
        query = {"limit": 1} if after is None else {"limit": 1, "cursor": after}
        answered = client.get("/v1/documents", params=query).json()
        got += [one["id"] for one in answered["items"]]
        after = answered["next"]
    assert after is None
    assert len(got) == len(set(got)) == 4


def test_a_document_in_two_places_is_listed_once(
    settings: Settings, client: TestClient, store: Store
) -> None:
    twin = settings.home / "twin"
    twin.mkdir()
    (twin / "copy.pdf").write_bytes(pdf())
    config = SourceSettings(location=str(twin), collection="copies", groups=("board",))
    sync("copies", config, settings=settings, store=store, embedder=embedder_of())
    ann, bob = listed(client), listed(client, "Bob")
    assert "copy.pdf" in ann
    assert "travel.pdf" not in ann
    # Bob may not know of the copy, nor of its name
    assert "travel.pdf" in bob
    assert "copy.pdf" not in bob
    assert ann["copy.pdf"]["id"] == bob["travel.pdf"]["id"]
    assert set(listed(client, collection="policies")) == {
        "salaries.txt",
        "travel.pdf",
        "leave.txt",
        "broken.pdf",
    }
    names = [(one["name"], one["documents"]) for one in client.get("/v1/collections").json()]
    assert names == [("copies", 1), ("policies", 3)]
    shown = client.get("/v1/collections", headers={"X-As": "Bob"}).json()
    assert shown == [{"name": "policies", "documents": 2, "private": False}]


def test_original(client: TestClient) -> None:
    answered = client.get(f"/v1/documents/{key_of(client, 'travel.pdf')}/original")
    assert answered.content == pdf()
    headers = answered.headers
    assert headers["content-disposition"] == 'attachment; filename="travel.pdf"'
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["x-content-type-options"] == "nosniff"
    part = client.get(
        f"/v1/documents/{key_of(client, 'travel.pdf')}/original", headers={"Range": "bytes=0-3"}
    )
    assert (part.status_code, part.content) == (206, b"%PDF")


def test_an_original_that_is_not_kept(client: TestClient, settings: Settings) -> None:
    key = key_of(client, "travel.pdf")
    for path in settings.originals_dir.rglob("*"):
        if path.is_file():
            path.unlink()
    missing = client.get(f"/v1/documents/{key}/original")
    assert (missing.status_code, "keep_originals" in missing.json()["remedy"]) == (404, True)
    assert client.get(f"/v1/documents/{key}/pages/1").status_code == 404
    assert client.get(f"/v1/documents/{key}/boxes?start=0&end=10").json()["rects"] == []


def test_page_picture(client: TestClient) -> None:
    base = f"/v1/documents/{key_of(client, 'travel.pdf')}/pages"
    for number, width in ((1, 300), (2, 150)):
        answered = client.get(f"{base}/{number}?width={width}")
        assert answered.headers["content-type"] == "image/png"
        picture = Image.open(io.BytesIO(answered.content))
        assert picture.size == (width, width * 4 // 3)
    assert client.get(f"{base}/3").status_code == 404
    assert client.get(f"{base}/0").status_code == 422
    assert client.get(f"{base}/1?width=100000").status_code == 422
    plain = client.get(f"/v1/documents/{key_of(client, 'leave.txt')}/pages/1")
    assert plain.status_code == 415


def test_text_around_a_quote(client: TestClient) -> None:
    key = key_of(client, "leave.txt")
    whole = text_of(client, key)
    assert whole.startswith("1. Leave")
    document = client.app.state.ingestion.open().store.document(key, User())  # type: ignore[attr-defined]
    start = document.text.index("25 days.")
    shown = client.get(f"/v1/documents/{key}/text", params={"start": start, "end": start + 8}).json()
    assert shown["text"] == document.text[shown["from"] : shown["from"] + len(shown["text"])]
    assert (shown["start"], shown["end"]) == (start, start + 8)
    assert shown["headings"] == ["2. Annual leave"]
    assert 0 < shown["from"] < start
    assert len(shown["text"]) < len(document.text)
    beyond = client.get(f"/v1/documents/{key}/text?start=99999999&end=1").json()
    assert beyond["start"] == beyond["end"] == len(document.text)


def test_boxes_of_a_quote(client: TestClient) -> None:
    key = key_of(client, "travel.pdf")
    start = text_of(client, key).index(QUOTE)
    placed = client.get(
        f"/v1/documents/{key}/boxes", params={"start": start, "end": start + len(QUOTE)}
    ).json()
    assert (placed["page"], placed["width"], placed["height"]) == (1, 300, 400)
    ((left, bottom, right, top),) = placed["rects"]
    assert left == pytest.approx(50, abs=1.5)
    assert bottom < 331 < top < 345
    assert right > 200
    assert client.get(f"/v1/documents/{key_of(client, 'leave.txt')}/boxes?start=0&end=5").json() == {
        "page": None, "width": 0, "height": 0, "rects": [],
    }  # fmt: skip
    assert client.get(f"/v1/documents/{key}/boxes?start=5&end=2").json()["rects"] == []


# ---------------------------------------------------------------- rights


def test_what_is_for_others_is_not_there(client: TestClient) -> None:
    key, bob = key_of(client, "salaries.txt"), {"X-As": "Bob"}
    paths = ["", "/original", "/pages/1", "/text", "/boxes?start=0&end=4"]
    tries = [client.get(f"/v1/documents/{key}{path}", headers=bob) for path in paths]
    tries.append(client.delete(f"/v1/documents/{key}", headers=bob))
    nothing = client.get("/v1/documents/0123456789abcdef", headers=bob)
    assert [one.status_code for one in tries] == [404] * 6
    # not even its existence is told
    assert tries[0].json()["detail"].replace(key, "0123456789abcdef") == nothing.json()["detail"]
    assert "salaries.txt" not in listed(client, "Bob")
    mine = [client.get(f"/v1/documents/{key}{path}") for path in ("", "/original", "/text")]
    assert [one.status_code for one in mine] == [200] * 3


def upload(client: TestClient, who: str, name: str, data: bytes, **fields: str) -> Any:
    return client.post(
        "/v1/documents", files={"file": (name, io.BytesIO(data))}, data=fields, headers={"X-As": who}
    )


def bring(settings: Settings, store: Store, name: str) -> None:
    """What the worker does with an upload."""
    config = Registry(settings, store).get(name).config
    sync(name, config, settings=settings, store=store, embedder=embedder_of())


def test_private_uploads_are_for_their_owner(client: TestClient, settings: Settings, store: Store) -> None:
    job = upload(client, "Bob", "notes.txt", b"My notes on the salary talks.", private="true")
    assert (job.status_code, job.json()["source"]) == (202, "uploads.private-b2")
    bring(settings, store, "uploads.private-b2")
    mine = listed(client, "Bob", collection="private-b2")["notes.txt"]
    for who in ("Ann", "Eve", "Ada"):
        assert "notes.txt" not in listed(client, who)
        assert listed(client, who, collection="private-b2") == {}
        assert client.get(f"/v1/documents/{mine['id']}/text", headers={"X-As": who}).status_code == 404
        assert client.delete(f"/v1/documents/{mine['id']}", headers={"X-As": who}).status_code == 404
        names = [one["name"] for one in client.get("/v1/collections", headers={"X-As": who}).json()]
        assert names == ["policies"]
    own = client.get("/v1/collections", headers={"X-As": "Bob"}).json()
    assert {"name": "private-b2", "documents": 1, "private": True} in own
    # nobody puts anything into somebody else's
    assert upload(client, "Eve", "x.txt", b"x", collection="private-b2").status_code == 422
    assert client.delete(f"/v1/documents/{mine['id']}", headers={"X-As": "Bob"}).status_code == 204
    assert client.get(f"/v1/documents/{mine['id']}", headers={"X-As": "Bob"}).status_code == 404
    assert not (settings.uploads_dir / "private-b2" / "notes.txt").exists()
    bring(settings, store, "uploads.private-b2")
    assert listed(client, "Bob", collection="private-b2") == {}
    texts = [path.read_bytes() for path in settings.originals_dir.rglob("*") if path.is_file()]
    assert b"My notes on the salary talks." not in texts


def test_readers_upload_and_delete_for_themselves_only(
    client: TestClient, settings: Settings, store: Store
) -> None:
    assert upload(client, "Bob", "a.txt", b"For all.").status_code == 403
    assert upload(client, "Bob", "a.txt", b"For all.", private="perhaps").status_code == 422
    assert upload(client, "Eve", "a.txt", b"For all.").status_code == 202
    bring(settings, store, "uploads")
    key = listed(client, "Bob")["a.txt"]["id"]
    refused = client.delete(f"/v1/documents/{key}", headers={"X-As": "Bob"})
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
    assert client.delete(f"/v1/documents/{key}", headers={"X-As": "Eve"}).status_code == 204
    assert "a.txt" not in listed(client, "Bob")


def test_what_a_source_brings_is_removed_there(client: TestClient, store: Store) -> None:
    key = key_of(client, "travel.pdf")
    refused = client.delete(f"/v1/documents/{key}", headers={"X-As": "Eve"})
    assert refused.status_code == 409
    assert "travel.pdf" in refused.json()["remedy"]
    assert client.get(f"/v1/documents/{key}").status_code == 200


def test_parts_of_an_upload_go_with_it(client: TestClient, settings: Settings, store: Store) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inner.txt", "The inner file says something.")
    upload(client, "Eve", "box.zip", packed.getvalue())
    bring(settings, store, "uploads")
    found = {Path(one["uri"]).name: one for one in client.get("/v1/documents").json()["items"]}
    inner = found["inner.txt"]["id"]
    refused = client.delete(f"/v1/documents/{inner}", headers={"X-As": "Eve"})
    assert (refused.status_code, "box.zip" in refused.json()["remedy"]) == (409, True)


def test_a_failed_upload_can_be_deleted(client: TestClient, settings: Settings, store: Store) -> None:
    upload(client, "Bob", "bad.pdf", b"%PDF-1.4 nothing", private="true")
    bring(settings, store, "uploads.private-b2")
    failed = listed(client, "Bob", state="failed", collection="private-b2")["bad.pdf"]
    assert client.get(f"/v1/documents/{failed['id']}").status_code == 404
    assert client.delete(f"/v1/documents/{failed['id']}", headers={"X-As": "Bob"}).status_code == 204
    assert listed(client, "Bob", collection="private-b2") == {}


def test_a_reader_watches_his_own_upload_only(client: TestClient) -> None:
    mine = upload(client, "Bob", "mine.txt", b"Mine.", private="true").json()["id"]
    all_of_us = upload(client, "Eve", "ours.txt", b"Ours.").json()["id"]
    seen = [
        client.get(f"/v1/jobs/{job}", headers={"X-As": who}).status_code
        for who in ("Bob", "Ann", "Eve")
        for job in (mine, all_of_us)
    ]
    assert seen == [200, 404, 404, 404, 200, 200]
    assert client.get("/v1/jobs", headers={"X-As": "Bob"}).status_code == 403
