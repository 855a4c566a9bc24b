"""The routes, and who may knock."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

import server.readiness
from rag.assistant import Assistant
from rag.errors import ModelMissingError, SettingsError
from rag.settings import ServerSettings, Settings
from rag.types import Turn
from server.app import create_app
from tests.fakes.assistant import QUOTE, SENTENCES, FakeAssistant

LOCAL = "http://127.0.0.1:8100"


def _served(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=LOCAL)


def test_ask(client: TestClient, assistant: FakeAssistant) -> None:
    history = [{"role": "user", "content": "HS-900?"}, {"role": "assistant", "content": "Yes."}]
    answered = client.post("/v1/ask", json={"question": "E55?", "history": history})
    assert answered.status_code == 200
    assert answered.json()["answer"] == " ".join(SENTENCES)
    question, turns, user = assistant.asked[0]
    assert question == "E55?"
    assert turns == (Turn("user", "HS-900?"), Turn("assistant", "Yes."))
    assert user.groups is None


def test_search(client: TestClient) -> None:
    found = client.get("/v1/search", params={"q": "漏液报警", "k": 2}).json()
    assert (found["query"], found["language"]) == ("漏液报警", "zh")
    assert [hit["text"] for hit in found["hits"]] == [QUOTE, QUOTE]
    assert found["hits"][0]["lexical"] is None


def test_an_empty_question_is_the_assistants_to_refuse(client: TestClient) -> None:
    answered = client.post("/v1/ask", json={"question": "  "})
    assert (answered.status_code, answered.json()["title"]) == (422, "Question")
    assert client.get("/v1/search", params={"q": " "}).status_code == 422


def test_health(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}


def test_ready_without_a_generator_is_degraded(client: TestClient) -> None:
    answered = client.get("/readyz")
    assert answered.status_code == 200
    state = answered.json()
    assert (state["status"], state["generator"], state["index"], state["database"]) == (
        "degraded", "down", "ready", "ready",
    )  # fmt: skip
    assert "quotes" in state["detail"]


def test_ready_with_the_generator_switched_off(settings: Settings) -> None:
    off = settings.model_copy(update={"generator": settings.generator.model_copy(update={"enabled": False})})
    with TestClient(create_app(off, FakeAssistant()), base_url=LOCAL) as client:
        assert client.get("/readyz").json()["status"] == "ready"


async def test_503_until_the_assistant_is_open(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    may_open = asyncio.Event()
    opened = FakeAssistant()

    async def opening(work: object) -> Assistant:
        await may_open.wait()
        return opened

    monkeypatch.setattr(server.readiness, "in_thread", opening)
    app = create_app(settings)
    async with app.router.lifespan_context(app), _served(app) as client:
        assert (await client.get("/healthz")).status_code == 200
        waiting = await client.get("/readyz")
        assert (waiting.status_code, waiting.json()["status"]) == (503, "starting")
        refused = await client.post("/v1/ask", json={"question": "x"})
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        may_open.set()
        assert await app.state.readiness.wait() is opened
        assert (await client.get("/readyz")).status_code == 200
    assert opened.closed == 1


async def test_an_assistant_that_cannot_open_says_why(settings: Settings) -> None:
    # the real one: there is no embedder in this home
    app = create_app(settings)
    async with app.router.lifespan_context(app), _served(app) as client:
        with pytest.raises(ModelMissingError):
            await app.state.readiness.wait()
        failed = await client.get("/readyz")
        assert (failed.status_code, failed.json()["status"]) == (503, "failed")
        assert "multilingual-e5-small" in failed.json()["detail"]
        answered = await client.post("/v1/ask", json={"question": "x"})
        assert (answered.status_code, answered.json()["title"]) == (503, "Model missing")
        assert "citewell model pull" in answered.json()["remedy"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.com"])
def test_only_loopback_until_there_is_sign_in(settings: Settings, host: str) -> None:
    wide = settings.model_copy(update={"server": ServerSettings(host=host)})
    with pytest.raises(SettingsError, match="no sign-in") as raised:
        create_app(wide, FakeAssistant())
    assert "server.host" in raised.value.message


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_addresses(settings: Settings, host: str) -> None:
    create_app(settings.model_copy(update={"server": ServerSettings(host=host)}), FakeAssistant())


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8100", 200), ("localhost", 200), ("LOCALHOST:1", 200), ("[::1]:8100", 200),
        ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("localhost.evil.example:8100", 421),
        ("10.0.0.1", 421), ("", 421), ("[::1", 421), ("evil@127.0.0.1", 421),
    ],
)  # fmt: skip
def test_host_header(client: TestClient, host: str, status: int) -> None:
    answered = client.get("/healthz", headers={"Host": host})
    assert answered.status_code == status
    if status != 200:
        assert answered.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (LOCAL, 200),
        ("http://evil.example", 403),
        ("http://127.0.0.1:9999", 403),
        ("https://127.0.0.1:8100", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_posts_of_other_origins_are_refused(
    client: TestClient, assistant: FakeAssistant, origin: str, status: int
) -> None:
    answered = client.post("/v1/ask", json={"question": "x"}, headers={"Origin": origin})
    assert answered.status_code == status
    assert len(assistant.asked) == (status == 200)


async def test_a_reader_who_leaves_stops_the_work(settings: Settings) -> None:
    assistant = FakeAssistant(hold=asyncio.Event())
    app = create_app(settings, assistant)
    sent: list[dict[str, Any]] = []
    body = b'{"question": "x"}'
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        message = next(messages, None)
        if message is None:
            while not assistant.asked:
                await asyncio.sleep(0)
            return {"type": "http.disconnect"}
        return message

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/ask",
        "raw_path": b"/v1/ask",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    app.state.readiness.assistant = assistant
    await asyncio.wait_for(app(scope, receive, send), 10)  # type: ignore[arg-type]
    assert assistant.cancelled == 1
    assert sent[0]["status"] == 499


def test_questions_are_not_logged(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client.post("/v1/ask", json={"question": "a-private-question"})
    client.post("/v1/ask", json={"question": "a-private-question", "stream": True})
    client.get("/v1/search", params={"q": "a-private-question"})
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("server")]
    assert any(line.startswith("GET /v1/search 200") for line in lines)
    assert "private" not in " ".join(lines)


def test_responses_are_not_kept_by_browsers(client: TestClient) -> None:
    answered = client.get("/v1/search", params={"q": "x"})
    assert answered.headers["cache-control"] == "no-store"
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert len(answered.headers["x-request-id"]) == 12
    given = client.get("/healthz", headers={"X-Request-ID": "no good\tid"})
    assert given.headers["x-request-id"] != "no good\tid"


def test_openapi_has_examples_and_every_problem(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert {"/v1/ask", "/v1/search", "/v1/sources", "/v1/jobs", "/healthz", "/readyz"} <= set(
        document["paths"]
    )
    ask = document["paths"]["/v1/ask"]["post"]
    assert "text/event-stream" in ask["responses"]["200"]["content"]
    assert "application/json" in ask["responses"]["200"]["content"]
    assert list(ask["responses"]["422"]["content"]) == ["application/problem+json"]
    for name in ("AskIn", "AnswerOut", "SearchOut", "Problem"):
        assert document["components"]["schemas"][name]["examples"]


def test_the_settings_of_this_machine_are_out_of_sight(settings: Settings, tmp_path: Path) -> None:
    assert settings.home == tmp_path / "home"
