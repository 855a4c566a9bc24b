from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from rag.assistant import Assistant
from rag.index.dense import DenseIndex
from rag.searcher import Searcher
from rag.settings import Settings
from rag.store import Store
from server.app import create_app
from tests.fakes.company import fill
from tests.fakes.embedder import HashingEmbedder

RUNS = "/v1/evaluations"
LEAVE = {
    "question": "How many days of annual leave do employees have?",
    "answers": ["25 days"],
    "sources": ["leave.md"],
}
UNKNOWN = {"question": "How much does the new turbine cost?", "answers": []}
SET = "\n".join(map(json.dumps, (LEAVE, UNKNOWN)))
Send = Callable[..., Any]


class Held(Assistant):
    """May be made to wait before each answer."""

    go_on: threading.Event

    async def ask(self, question: str, **rest: Any) -> Any:  # type: ignore[override]
        await asyncio.to_thread(self.go_on.wait, 10)
        return await super().ask(question, **rest)


@pytest.fixture
def held(settings: Settings) -> Iterator[Held]:
    store = Store.open(settings)
    embedder = HashingEmbedder()
    fill(store, embedder)
    made = Held(
        settings, store, Searcher(store, embedder, DenseIndex(store, settings.index_dir, embedder)), None
    )
    made.go_on = threading.Event()
    made.go_on.set()
    yield made
    made.go_on.set()


@pytest.fixture
def app(settings: Settings, held: Held) -> FastAPI:
    return create_app(settings, held)


@pytest.fixture
def send(nobody: TestClient, bearer: Callable[..., dict[str, str]]) -> Send:
    key = bearer()

    def run(method: str, path: str = "", status: int = 200, **given: Any) -> Any:
        reply = nobody.request(method, f"{RUNS}{path}", headers=key, **given)
        assert reply.status_code == status, reply.text
        told = reply.content and reply.headers.get("content-type", "").endswith("json")
        return reply.json() if told else reply

    return run


def ended(send: Send, key: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while (found := send("GET", f"/{key}"))["state"] == "running":
        assert time.monotonic() < end
        time.sleep(0.02)
    return dict(found)


def test_a_set_is_asked_reported_and_compared(send: Send) -> None:
    started = send("POST", status=202, json={"name": " Leave ", "questions": SET})
    assert (started["name"], started["state"], started["total"]) == ("Leave", "running", 2)
    done = ended(send, started["id"])
    assert (done["state"], done["done"], done["total"], done["error"]) == ("done", 2, 2, "")
    assert done["about"]["generator"] == "none: quotes only"
    figures = {(f["section"], f["name"], f["language"]): f["value"] for f in done["figures"]}
    assert figures["Retrieval", "R@1", "all"] == 1.0
    assert [one["id"] for one in send("GET")] == [done["id"]]
    assert send("GET")[0]["figures"] == []
    page = send("GET", f"/{done['id']}/report")
    assert page.headers["content-type"].startswith("text/html")
    assert "sandbox" in page.headers["content-security-policy"]
    assert "R@1" in page.text

    again = send("POST", status=202, json={"name": "again", "questions": SET})["id"]
    ended(send, again)
    told = send("GET", f"/{done['id']}/compared/{again}")
    recall = next(one for one in told if (one["name"], one["language"]) == ("R@1", "all"))
    assert (recall["a"], recall["b"], recall["difference"], recall["verdict"]) == (1.0, 1.0, 0.0, "undecided")
    assert [one["name"] for one in send("GET")] == ["again", "Leave"]
    send("DELETE", f"/{again}", 204)
    send("GET", f"/{again}", 404)
    send("GET", f"/{again}/report", 404)


def test_one_runs_at_a_time_and_may_be_stopped_and_gone_on_with(send: Send, held: Held) -> None:
    held.go_on.clear()
    key = send("POST", status=202, json={"name": "first", "questions": SET})["id"]
    assert "first" in send("POST", status=409, json={"name": "second", "questions": SET})["detail"]
    send("GET", f"/{key}/report", 404)
    assert send("POST", f"/{key}/cancel")["state"] == "cancelled"
    held.go_on.set()
    assert send("GET", f"/{key}")["state"] == "cancelled"
    assert send("POST", f"/{key}/resume", 202)["state"] == "running"
    assert ended(send, key)["state"] == "done"
    assert send("POST", f"/{key}/cancel")["state"] == "done"
    send("POST", f"/{key}/resume", 409)


def test_what_a_server_left_is_interrupted(settings: Settings, held: Held, bearer: Any) -> None:
    key = bearer()
    held.go_on.clear()
    with TestClient(create_app(settings, held), base_url="http://127.0.0.1:8100") as first:
        run = first.post(RUNS, headers=key, json={"name": "left", "questions": SET}).json()["id"]
        held.go_on.set()
        # killed, not stopped: its state still says that it runs
        state = settings.home / "evaluations" / run / "state.json"
        text = state.read_text("utf-8")
    state.write_text(text, "utf-8")
    with TestClient(create_app(settings, held), base_url="http://127.0.0.1:8100") as second:
        assert second.get(f"{RUNS}/{run}", headers=key).json()["state"] == "interrupted"
        assert second.post(f"{RUNS}/{run}/cancel", headers=key).json()["state"] == "interrupted"


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"questions": "no json"}, "line 1"),
        ({"questions": '{"sentence": "A.", "evidence": ["A."], "label": true}'}, "Labelled sentences"),
        ({"questions": "", "form": "csv"}, "corrected"),
    ],
)
def test_a_set_that_cannot_be_asked_leaves_nothing(
    send: Send, settings: Settings, given: dict[str, str], names: str
) -> None:
    problem = send("POST", status=422, json={"name": "bad", **given})
    assert names in problem["detail"]
    assert str(settings.home) not in problem["detail"]
    assert send("GET") == []


@pytest.mark.parametrize("path", ["/nothing", "/..%2F..", "/nothing/report", "/nothing/compared/other"])
def test_what_is_not_there(send: Send, path: str) -> None:
    send("GET", path, 404)
