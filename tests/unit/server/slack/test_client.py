"""Slack's rates, its Retry-After, and calls that must not be made twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError

from rag.slack_settings import SlackSettings
from server.slack.client import Pace, SlackClient, error_of


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def waits(pace: Pace, clock: Clock, method: str, channel: str, times: int) -> list[float]:
    found = []
    for _ in range(times):
        wait = pace.wait(method, channel)
        found.append(round(wait, 3))
        clock.now += wait
        pace.count(method, channel)
    return found


def test_one_message_a_second_in_a_channel() -> None:
    clock = Clock()
    pace = Pace(1, clock)
    assert waits(pace, clock, "chat.postMessage", "C1", 3) == [0, 1, 1]
    assert pace.wait("chat.postMessage", "C2") == 0


def test_as_many_calls_in_a_minute_as_the_tier_has() -> None:
    clock = Clock()
    pace = Pace(1, clock)
    assert waits(pace, clock, "chat.startStream", "C1", 21) == [0] * 20 + [60]
    half = Pace(0.5, clock)
    assert waits(half, clock, "chat.update", "C1", 26) == [0] * 25 + [60]
    assert waits(Pace(0, clock), clock, "chat.postMessage", "C1", 500) == [0] * 500


def test_a_method_rests_for_as_long_as_slack_says() -> None:
    clock = Clock()
    pace = Pace(0, clock)
    pace.close("chat.update", 7)
    pace.close("chat.update", 3)
    assert pace.wait("chat.update") == 7
    assert pace.wait("chat.postMessage") == 0
    clock.now += 8
    assert pace.wait("chat.update") == 0


Answer = Callable[[str], Awaitable[web.Response]]


class Server:
    """A server that answers as it is told, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: list[Any] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path.rpartition("/")[2])
        told = self.answers.pop(0) if self.answers else {"ok": True, "ts": "1.1"}
        if told == "break":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if isinstance(told, int):
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=told, headers={"Retry-After": "0"}
            )
        return web.json_response(told)


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, SlackClient]]:
    told = Server()
    app = web.Application()
    app.router.add_post("/api/{method}", told.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    client = SlackClient(SlackSettings(bot_token="xoxb-1", api_url=f"http://{host}:{port}/api/", pace=0))
    client.open()
    yield told, client
    await client.close()
    await runner.cleanup()


async def test_what_is_put_off_is_done_later(server: tuple[Server, SlackClient]) -> None:
    told, client = server
    told.answers = [429, 429]
    answered = await client.chat_postMessage(channel="C1", text="x")
    assert (answered["ts"], told.asked) == ("1.1", ["chat.postMessage"] * 3)


async def test_an_error_of_slack_is_told_by_its_name(server: tuple[Server, SlackClient]) -> None:
    told, client = server
    told.answers = [{"ok": False, "error": "channel_not_found"}]
    with pytest.raises(SlackApiError) as raised:
        await client.chat_postMessage(channel="C1", text="x")
    assert error_of(raised.value) == "channel_not_found"
    assert error_of(ValueError()) == ""


async def test_what_others_would_see_twice_is_not_repeated_in_doubt(
    server: tuple[Server, SlackClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    told, client = server
    real = asyncio.sleep
    monkeypatch.setattr("server.slack.client.asyncio.sleep", lambda _: real(0))
    told.answers = ["break"]
    with pytest.raises(Exception, match=r"[Dd]isconnect"):
        await client.chat_postMessage(channel="C1", text="x")
    assert told.asked == ["chat.postMessage"]
    told.answers = ["break", "break"]
    await client.chat_update(channel="C1", ts="1.1", text="x")
    assert told.asked[1:] == ["chat.update"] * 3


async def test_what_may_be_left_out_does_not_wait(server: tuple[Server, SlackClient]) -> None:
    told, client = server
    assert await client.attempt("assistant.threads.setStatus", channel_id="C1", status="x")
    told.answers = [{"ok": False, "error": "missing_scope"}]
    assert not await client.attempt("assistant.threads.setStatus", channel_id="C1", status="x")
    client.pace.close("assistant.threads.setStatus", 60)
    assert not await client.attempt("assistant.threads.setStatus", channel_id="C1", status="x")
    assert len(told.asked) == 2
