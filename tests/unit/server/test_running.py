"""Answers that go on while nobody listens, are heard later, and are stopped: over a real connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from rag.answer_settings import AnswerSettings
from rag.compose import Composer
from rag.conversations import Conversations
from rag.errors import GeneratorUnavailableError
from rag.settings import ServerSettings, Settings
from rag.store import Store
from rag.types import Answer, Event, Evidence, EvidenceFound, Finished, SentenceChecked, User
from server.listen import HttpServer, bind
from server.running import AnswerInProgress
from tests.fakes.assistant import FakeAssistant
from tests.fakes.chat import FakeChat
from tests.fakes.embedder import HashingEmbedder
from tests.fakes.library import put, reference_of, take_away
from tests.fakes.served import app_of, assistant_of

DEADLINE_S = 10.0
QUOTES = ("The valve closes at 90 degrees.", "The pump starts again below 60 degrees.")


class Held(FakeAssistant):
    """Says two sentences of a real document, the second only after ``hold`` is set."""

    def __init__(self, store: Store, error: Exception | None = None) -> None:
        super().__init__(error, asyncio.Event())
        self.document = put(store, HashingEmbedder(), "valve.md", list(QUOTES), title="valve")

    async def stream(self, question: str, *, user: User, history: Any = ()) -> AsyncIterator[Event]:
        self.asked.append((question, tuple(history), user))
        try:
            evidence = tuple(self._evidence(n, quote) for n, quote in enumerate(QUOTES, 1))
            yield EvidenceFound(evidence)
            composer = Composer(evidence, "en", AnswerSettings())
            for quote in composer.quotes():
                yield quote
                if self.error:
                    raise self.error
                assert self.hold is not None
                await self.hold.wait()
            claims, citations = tuple(composer.claims), composer.citations
            yield Finished(
                Answer(question, composer.text, composer.verdict(), claims, citations, "en", None, {}, {})
            )
        finally:
            self.streams_closed += 1

    def _evidence(self, n: int, quote: str) -> Evidence:
        start = self.document.text.index(quote)
        return Evidence(n, reference_of(self.document), quote, start, start + len(quote), 0.5, 1)


@asynccontextmanager
async def serving(
    settings: Settings, assistant: FakeAssistant, resume_s: float = 60
) -> AsyncIterator[httpx.AsyncClient]:
    """A real server on a free port of loopback."""
    server = ServerSettings.model_construct(host="127.0.0.1", port=0, resume_s=resume_s)
    free = settings.model_copy(update={"server": server})
    listener = bind(free)
    app = app_of(free, assistant)
    running = HttpServer(app, listener, free)
    await running.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=DEADLINE_S) as client:
            client.running = app.state.conversing.running  # type: ignore[attr-defined]
            yield client
    finally:
        await running.stop()


@pytest.fixture
def store(settings: Settings) -> Any:
    opened = Store.open(settings)
    yield opened
    opened.close()


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, str, Any]]:
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif not line and fields:
            yield fields["id"], fields["event"], json.loads(fields["data"])
            fields = {}


async def eventually(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.005)


def listeners(client: httpx.AsyncClient, answer: str) -> int:
    found = client.running.get(answer.rpartition("/")[2])  # type: ignore[attr-defined]
    return int(found.listeners) if found else 0


async def begin(client: httpx.AsyncClient) -> str:
    return str((await client.post("/v1/conversations", json={})).json()["id"])


def asking(client: httpx.AsyncClient, key: str) -> Any:
    return client.stream("POST", f"/v1/conversations/{key}/messages", json={"content": "When?"})


async def half_heard(client: httpx.AsyncClient, key: str) -> str:
    """Ask, hear the first sentence, and lose the connection; returns the answer's address."""
    async with asking(client, key) as response:
        heard = events(response)
        _, _, began = await anext(heard)
        assert [(await anext(heard))[:2] for _ in range(2)] == [("1", "evidence"), ("2", "sentence")]
    return f"/v1/conversations/{key}/messages/{began['assistant']['id']}"


async def status(client: httpx.AsyncClient, key: str) -> str:
    return str((await client.get(f"/v1/conversations/{key}")).json()["messages"][-1]["status"])


async def hear(
    client: httpx.AsyncClient, answer: str, after: str | None = None
) -> list[tuple[str, str, Any]]:
    headers = {} if after is None else {"Last-Event-ID": after}
    async with client.stream("GET", f"{answer}/events", headers=headers) as response:
        assert response.status_code == 200
        return [event async for event in events(response)]


async def test_the_rest_is_heard_after_the_connection_broke(settings: Settings, store: Store) -> None:
    assistant = Held(store)
    async with serving(settings, assistant) as client:
        key = await begin(client)
        answer = await half_heard(client, key)
        await eventually(lambda: not listeners(client, answer))
        assert await status(client, key) == "streaming"
        refused = await client.post(
            f"/v1/conversations/{key}/messages", json={"content": "x?", "parent": answer.rpartition("/")[2]}
        )
        assert refused.status_code == 409
        rest = asyncio.create_task(hear(client, answer, "2"))
        whole = asyncio.create_task(hear(client, answer))
        await eventually(lambda: listeners(client, answer) == 2)
        assert assistant.hold is not None
        assistant.hold.set()
        assert [event[:2] for event in await rest] == [("3", "sentence"), ("end", "final")]
        assert [event[:2] for event in await whole] == [
            ("0", "message"), ("1", "evidence"), ("2", "sentence"), ("3", "sentence"), ("end", "final"),
        ]  # fmt: skip
        # of one that has ended, its end; after that, nothing
        late = await hear(client, answer, "2")
        assert late == [(await rest)[-1]]
        assert (await client.get(f"{answer}/events", headers={"Last-Event-ID": "end"})).status_code == 204
    assert len(assistant.asked) == assistant.streams_closed == 1


async def test_stopped_by_its_reader(settings: Settings, store: Store) -> None:
    assistant = Held(store)
    async with serving(settings, assistant) as client:
        key = await begin(client)
        async with asking(client, key) as response:
            heard = events(response)
            _, _, began = await anext(heard)
            address = f"/v1/conversations/{key}/messages/{began['assistant']['id']}"
            await anext(heard)
            await anext(heard)
            assert (await client.post(f"{address}/stop")).status_code == 204
            rest = [event async for event in heard]
        assert [event[:2] for event in rest] == [("end", "stopped")]
        message = (await client.get(f"/v1/conversations/{key}")).json()["messages"][-1]
        assert message == rest[0][2]
        assert message["status"] == "stopped"
        assert message["content"] == f"“{QUOTES[0]}” [1]"
        assert [one["quote"] for one in message["answer"]["citations"]] == [QUOTES[0]]
        assert (await client.post(f"{address}/stop")).status_code == 204
        assert [event[:2] for event in await hear(client, address)] == [("end", "stopped")]
        # what was stopped is confirmed like everything else
        take_away(store, "valve.md")
        assert QUOTES[0] not in (await client.get(f"/v1/conversations/{key}")).text
    assert assistant.streams_closed == 1


async def test_cancelled_when_nobody_listens(settings: Settings, store: Store) -> None:
    assistant = Held(store)
    async with serving(settings, assistant, resume_s=0.05) as client:
        key = await begin(client)
        await half_heard(client, key)
        await eventually(lambda: assistant.streams_closed)
        async with asyncio.timeout(DEADLINE_S):
            while await status(client, key) == "streaming":
                await asyncio.sleep(0.005)
        assert await status(client, key) == "stopped"


async def test_what_waited_for_a_reader_is_confirmed_before_he_hears_it(
    settings: Settings, store: Store
) -> None:
    assistant = Held(store)
    async with serving(settings, assistant) as client:
        key = await begin(client)
        answer = await half_heard(client, key)
        await eventually(lambda: not listeners(client, answer))
        take_away(store, "valve.md")
        rest = asyncio.create_task(hear(client, answer, "0"))
        await eventually(lambda: listeners(client, answer))
        assert assistant.hold is not None
        assistant.hold.set()
        told = await rest
    assert [event[:2] for event in told] == [
        ("1", "evidence"), ("2", "sentence"), ("3", "sentence"), ("end", "final"),
    ]  # fmt: skip
    assert told[0][2] == {"evidence": []}
    assert told[1][2]["claim"]["signals"] == {"withheld": True}
    assert not any(quote in json.dumps(told) for quote in QUOTES)


async def test_deleting_the_conversation_ends_its_answer(settings: Settings, store: Store) -> None:
    assistant = Held(store)
    async with serving(settings, assistant) as client:
        key = await begin(client)
        answer = await half_heard(client, key)
        assert (await client.delete(f"/v1/conversations/{key}")).status_code == 204
        assert assistant.streams_closed == 1
        assert (await client.get(f"{answer}/events")).status_code == 404


@pytest.mark.parametrize(
    ("error", "code"), [(GeneratorUnavailableError("Gone.", "Start it."), 503), (RuntimeError("secret"), 500)]
)
async def test_an_error_in_the_middle(settings: Settings, store: Store, error: Exception, code: int) -> None:
    async with serving(settings, Held(store, error)) as client:
        key = await begin(client)
        async with asking(client, key) as response:
            heard = [event async for event in events(response)]
        assert [event[1] for event in heard] == ["message", "evidence", "sentence", "error"]
        assert (heard[-1][0], heard[-1][2]["status"]) == ("end", code)
        assert "secret" not in json.dumps(heard[-1][2])
        message = (await client.get(f"/v1/conversations/{key}")).json()["messages"][-1]
        assert (message["status"], message["answer"], message["content"]) == ("failed", None, "")
        late = await hear(client, f"/v1/conversations/{key}/messages/{message['id']}")
        assert [event[1] for event in late] == ["error"]


async def test_the_end_of_the_server_keeps_what_was_said(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.listen.GRACE_S", 0)
    assistant = Held(store)
    async with serving(settings, assistant) as client:
        key = await begin(client)
        await half_heard(client, key)
    async with serving(settings, FakeAssistant()) as client:
        message = (await client.get(f"/v1/conversations/{key}")).json()["messages"][-1]
    assert (message["status"], message["content"]) == ("stopped", f"“{QUOTES[0]}” [1]")


async def test_an_answer_of_a_process_that_was_killed_has_failed(settings: Settings, store: Store) -> None:
    before = Conversations(store)
    own = before.create("a1")
    _, answer = before.ask("a1", own.id, "When?", None)
    async with serving(settings, FakeAssistant()) as client:
        assert await status(client, own.id) == "failed"
        told = await hear(client, f"/v1/conversations/{own.id}/messages/{answer.id}")
    assert [(event[0], event[1], event[2]["status"]) for event in told] == [("end", "error", 409)]


class Slow(FakeChat):
    """Begins a sentence and is not done with it before the end of the world."""

    async def stream(self, *given: Any, **more: Any) -> Any:
        async for token in super().stream(*given, **more):
            yield token
            await asyncio.Event().wait()


async def test_stopping_stops_the_generator(settings: Settings, store: Store) -> None:
    chat = Slow("Employees have 25 days", " of annual leave [1].")
    async with serving(settings, assistant_of(settings, store, chat)) as client:
        key = await begin(client)
        question = {"content": "How many days of annual leave do employees have?"}
        async with client.stream("POST", f"/v1/conversations/{key}/messages", json=question) as response:
            heard = events(response)
            _, _, began = await anext(heard)
            await eventually(lambda: chat.given == 1)
            assert chat.closed == 0
            await client.post(f"/v1/conversations/{key}/messages/{began['assistant']['id']}/stop")
            assert [event[1] async for event in heard] == ["evidence", "stopped"]
        assert chat.closed == 1
        message = (await client.get(f"/v1/conversations/{key}")).json()["messages"][-1]
        assert (message["status"], message["answer"]) == ("stopped", None)


async def test_stopped_before_it_began() -> None:
    kept = []

    async def keep(*how: object) -> None:
        kept.append(how)

    async def never() -> Any:
        yield SentenceChecked  # pragma: no cover

    answer = AnswerInProgress("When?", never(), keep, 60)
    await answer.stop()
    assert kept == [("stopped", None, ())]
    assert [event async for event in answer.events()] == []
