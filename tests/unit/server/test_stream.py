"""Server-Sent Events over a real connection: what is sent, when, and what happens when the reader leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

import server.sse
from rag.errors import GeneratorUnavailableError, QuestionError
from rag.settings import Settings
from rag.types import Event, User
from server.app import create_app
from server.listen import HttpServer, bind
from tests.fakes.assistant import QUOTE, SENTENCES, FakeAssistant

DEADLINE_S = 10.0


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def started(settings: Settings, assistant: FakeAssistant) -> tuple[HttpServer, str]:
    """A real server on a free port of loopback, and its address."""
    free = settings.model_copy(update={"server": settings.server.model_copy(update={"port": 0})})
    listener = bind(free)
    server = HttpServer(create_app(free, assistant), listener, free)
    await server.start()
    return server, f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def serving(settings: Settings, assistant: FakeAssistant) -> AsyncIterator[httpx.AsyncClient]:
    server, url = await started(settings, assistant)
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=DEADLINE_S) as client:
            yield client
    finally:
        await server.stop()


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """Parsed as the standard says: fields up to an empty line, comments ignored."""
    name, data = "message", []
    async for line in response.aiter_lines():
        if not line:
            if data:
                yield name, json.loads("\n".join(data))
            name, data = "message", []
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)


ASKED: dict[str, dict[str, Any]] = {
    "by the body": {"json": {"question": "E55?", "stream": True}},
    "by the header": {"json": {"question": "E55?"}, "headers": {"Accept": "text/event-stream"}},
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
async def test_events_in_order(settings: Settings, asked: dict[str, Any]) -> None:
    assistant = FakeAssistant()
    async with serving(settings, assistant) as client, client.stream("POST", "/v1/ask", **asked) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        got = [event async for event in events(response)]
        whole = (await client.post("/v1/ask", json={"question": "E55?"})).json()
    assert [name for name, _ in got] == ["evidence", "sentence", "sentence", "final"]
    assert got[0][1]["evidence"][0]["quote"] == QUOTE
    assert [data["claim"]["text"] for name, data in got if name == "sentence"] == list(SENTENCES)
    assert got[-1][1] == whole
    assert assistant.streams_closed == 1


async def test_chinese_travels_unescaped(settings: Settings) -> None:
    async with serving(settings, FakeAssistant()) as client:
        body = (await client.post("/v1/ask", json={"question": "E55?", "stream": True})).content
    assert QUOTE.encode() in body
    assert b"\\u" not in body


async def test_a_sentence_arrives_before_the_next_is_ready(settings: Settings) -> None:
    hold = asyncio.Event()
    async with (
        serving(settings, FakeAssistant(hold=hold)) as client,
        client.stream("POST", "/v1/ask", json={"question": "x", "stream": True}) as response,
    ):
        stream = events(response)
        assert (await anext(stream))[0] == "evidence"
        assert (await anext(stream))[0] == "sentence"
        hold.set()
        assert [name async for name, _ in stream] == ["sentence", "final"]


async def test_nothing_is_asked_for_before_the_last_event_was_sent() -> None:
    """What lies about while a reader is slow may quote a document that is deleted meanwhile."""
    asked: list[str] = []

    async def source() -> AsyncIterator[Event]:
        async for event in FakeAssistant().stream("E55?", user=User()):
            asked.append(type(event).__name__)
            yield event

    wire = server.sse._wire(server.sse._events(source()))
    for sent in range(1, 5):
        await anext(wire)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(asked) == sent
    with pytest.raises(StopAsyncIteration):
        await anext(wire)
    assert asked == ["EvidenceFound", "SentenceChecked", "SentenceChecked", "Finished"]


async def test_a_closed_connection_closes_the_answer(settings: Settings) -> None:
    assistant = FakeAssistant(hold=asyncio.Event())
    async with serving(settings, assistant) as client:
        async with client.stream("POST", "/v1/ask", json={"question": "x", "stream": True}) as response:
            stream = events(response)
            await anext(stream)
            await anext(stream)
            assert assistant.streams_closed == 0
        await eventually(lambda: assistant.streams_closed == 1)
        assert (await client.get("/healthz")).status_code == 200


async def test_the_end_of_the_server_closes_the_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.listen.GRACE_S", 0)
    assistant = FakeAssistant(hold=asyncio.Event())
    async with serving(settings, assistant) as client:
        asking = asyncio.create_task(client.post("/v1/ask", json={"question": "x", "stream": True}))
        await eventually(lambda: bool(assistant.asked))
    assert (assistant.streams_closed, assistant.closed) == (1, 1)
    with pytest.raises(httpx.HTTPError):
        await asking


async def test_an_open_answer_is_finished_while_the_server_ends(settings: Settings) -> None:
    hold = asyncio.Event()
    server, url = await started(settings, FakeAssistant(hold=hold))

    async def refused() -> None:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as other, asyncio.timeout(DEADLINE_S):
            while True:
                await other.get("/healthz", headers={"Connection": "close"})

    async with (
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=DEADLINE_S) as client,
        client.stream("POST", "/v1/ask", json={"question": "x", "stream": True}) as response,
    ):
        stream = events(response)
        assert [(await anext(stream))[0] for _ in range(2)] == ["evidence", "sentence"]
        ending = asyncio.create_task(server.stop())
        with pytest.raises(httpx.TransportError):
            await refused()
        assert not ending.done()
        hold.set()
        assert [name async for name, _ in stream] == ["sentence", "final"]
        await ending


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (GeneratorUnavailableError("Gone in the middle.", "Start it."), 503, "Generator unavailable"),
        (RuntimeError("secret detail"), 500, "Internal Server Error"),
    ],
    ids=["known", "unexpected"],
)
async def test_an_error_in_the_middle_is_the_last_event(
    settings: Settings, error: Exception, status: int, title: str
) -> None:
    assistant = FakeAssistant(error)
    async with (
        serving(settings, assistant) as client,
        client.stream("POST", "/v1/ask", json={"question": "x", "stream": True}) as response,
    ):
        got = [event async for event in events(response)]
    assert [name for name, _ in got] == ["evidence", "sentence", "error"]
    problem = got[-1][1]
    assert (problem["status"], problem["title"]) == (status, title)
    assert problem["request_id"] == response.headers["x-request-id"]
    assert "secret" not in problem["detail"]
    assert assistant.streams_closed == 1


async def test_a_refused_question_is_an_error_event(settings: Settings) -> None:
    async with serving(settings, FakeAssistant()) as client:
        response = await client.post("/v1/ask", json={"question": " ", "stream": True})
        got = [event async for event in events(response)]
    assert [name for name, _ in got] == ["error"]
    assert got[0][1]["type"] == "urn:citewell:problem:question"
    assert QuestionError.__name__.startswith(got[0][1]["title"])


async def test_a_long_silence_is_filled_with_comments(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.sse, "PING_S", 0.01)
    hold = asyncio.Event()
    pings = 0
    async with (
        serving(settings, FakeAssistant(hold=hold)) as client,
        client.stream("POST", "/v1/ask", json={"question": "x", "stream": True}) as response,
    ):
        lines = []
        async for line in response.aiter_lines():
            lines.append(line)
            pings += line.startswith(":")
            if pings == 3:
                hold.set()
    assert lines.count("event: sentence") == 2
    assert lines.count("event: final") == 1
