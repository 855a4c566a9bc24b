"""How much one person may ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import server.auth.limits
from rag.errors import TooManyRequestsError
from rag.server_settings import LimitSettings
from rag.settings import Settings
from server.app import create_app
from server.auth.limits import Buckets, Limits
from server.auth.people import Person
from server.auth.principal import OPERATOR, Principal, Role
from tests.fakes.assistant import FakeAssistant
from tests.unit.server.auth.conftest import LOCAL, PASSWORD

ANNA, BERT = Principal("a", "Anna", Role.READER), Principal("b", "Bert", Role.READER)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(server.auth.limits, "time", made)
    return made


def test_a_bucket_fills_steadily(clock: Clock) -> None:
    buckets = Buckets()
    assert [buckets.take("x", 3) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("x", 3) == pytest.approx(20)
    assert buckets.take("other", 3) == 0
    clock.now += 19
    assert buckets.take("x", 3) == pytest.approx(1)
    clock.now += 1.01
    assert buckets.take("x", 3) == 0
    clock.now += 1000
    assert [buckets.take("x", 3) for _ in range(4)][2:] == [0, pytest.approx(20)], "it holds a minute's worth"


def test_quiet_ones_are_forgotten(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.auth.limits, "MOST_KEPT", 10)
    buckets = Buckets()
    for n in range(11):
        buckets.take(str(n), 3)
    clock.now += 61
    buckets.take("x", 3)
    assert list(buckets._levels) == ["x"]


def test_each_person_for_themselves(clock: Clock) -> None:
    limits = Limits(LimitSettings(requests_per_minute=2))
    for _ in range(2):
        limits.count_request(ANNA)
    with pytest.raises(TooManyRequestsError) as caught:
        limits.count_request(ANNA)
    assert caught.value.retry_after_s == pytest.approx(30)
    limits.count_request(BERT)
    for _ in range(10):
        limits.count_request(OPERATOR)
    free = Limits(LimitSettings(requests_per_minute=0))
    for _ in range(10):
        free.count_request(ANNA)


def test_only_failed_sign_ins_count(clock: Clock) -> None:
    limits = Limits(LimitSettings(sign_ins_per_minute=2))
    for _ in range(5):
        with limits.signing_in("from 1.2.3.4", "as anna"):
            pass
    for _ in range(2):
        with pytest.raises(ValueError, match="wrong"), limits.signing_in("from 1.2.3.4", "as anna"):
            raise ValueError("wrong")
    for names in (("from 1.2.3.4", "as bert"), ("from 5.6.7.8", "as anna")):
        with pytest.raises(TooManyRequestsError), limits.signing_in(*names):
            pass
    with limits.signing_in("from 5.6.7.8", "as bert"):
        pass


def limited(app: FastAPI, **values: Any) -> None:
    app.state.limits.settings = LimitSettings(**values)


def test_429_tells_when(
    app: FastAPI, nobody: TestClient, add: Callable[..., Person], bearer: Callable[..., dict[str, str]]
) -> None:
    limited(app, answers_per_minute=1)
    key = bearer(add("Anna").id)
    asked = {"json": {"question": "x"}, "headers": key}
    assert nobody.post("/v1/ask", **asked).status_code == 200
    refused = nobody.post("/v1/ask", **asked)
    assert (refused.status_code, refused.json()["title"]) == (429, "Too many requests")
    assert 50 <= int(refused.headers["retry-after"]) <= 60
    assert nobody.get("/v1/search", params={"q": "x"}, headers=key).status_code == 200
    limited(app, requests_per_minute=1)
    assert nobody.get("/v1/search", params={"q": "x"}, headers=bearer(add("Bert").id)).status_code == 200


def test_guessing_passwords_is_slow(app: FastAPI, nobody: TestClient, add: Callable[..., Person]) -> None:
    limited(app, sign_ins_per_minute=3)
    add("Anna")
    right, wrong = {"name": "Anna", "password": PASSWORD}, {"name": "Anna", "password": "guess"}
    assert [nobody.post("/v1/session", json=wrong).status_code for _ in range(4)] == [401, 401, 401, 429]
    assert nobody.post("/v1/session", json=right).status_code == 429, "else the right guess would tell"


async def test_503_when_too_many_answers_are_made(settings: Settings, bearer: Callable[..., Any]) -> None:
    assistant = FakeAssistant(hold=asyncio.Event())
    app = create_app(settings, assistant)
    limited(app, answers_at_once=2)
    key = bearer()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=LOCAL, headers=key) as client,
    ):
        first = [
            asyncio.create_task(client.post("/v1/ask", json={"question": "x", "stream": stream}))
            for stream in (True, False)
        ]
        async with asyncio.timeout(10):
            while len(assistant.asked) < 2:
                await asyncio.sleep(0.005)
        refused = await client.post("/v1/ask", json={"question": "x"})
        assert (refused.status_code, refused.json()["title"]) == (503, "Busy")
        assert refused.headers["retry-after"] == "5"
        assert assistant.hold is not None
        assistant.hold.set()
        assert [answer.status_code for answer in await asyncio.gather(*first)] == [200, 200]
        assert app.state.limits.answering == 0
        assert (await client.post("/v1/ask", json={"question": "x"})).status_code == 200


async def _parts(count: int) -> Any:
    for _ in range(count):
        yield b"x" * 100_000


@pytest.mark.parametrize("chunked", [False, True])
async def test_long_bodies_are_refused(settings: Settings, bearer: Callable[..., Any], chunked: bool) -> None:
    app = create_app(settings, FakeAssistant())
    key = bearer()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=LOCAL, headers=key) as client,
    ):
        content = _parts(30) if chunked else b"x" * 3_000_000
        refused = await client.post("/v1/ask", content=content, headers={"Content-Type": "application/json"})
        assert refused.status_code == 413
        assert refused.headers["content-type"] == "application/problem+json"
        assert "limits.request_mb" in refused.text
