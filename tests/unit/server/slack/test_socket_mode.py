"""Socket Mode over a real websocket: what is acknowledged has been kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import WSMsgType
from aiohttp import web as http
from fastapi import FastAPI
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import select

from rag.store import Store
from rag.tables_slack import slack_event
from tests.unit.server.slack.conftest import Web

LEAVE = "How many days of annual leave do employees have?"


@pytest.fixture
def slack() -> dict[str, Any]:
    return {"app_token": "xapp-1", "signing_secret": ""}


class Socket:
    """One end of the websocket: Slack's."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.connected: asyncio.Queue[http.WebSocketResponse] = asyncio.Queue()
        self.acknowledged: asyncio.Queue[tuple[str, int]] = asyncio.Queue()

    def kept(self) -> int:
        with self.store.read() as connection:
            return len(connection.execute(select(slack_event.c.id)).all())

    async def answer(self, request: http.Request) -> http.WebSocketResponse:
        socket = http.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}})
        await self.connected.put(socket)
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                key = json.loads(message.data)["envelope_id"]
                await self.acknowledged.put((key, await asyncio.to_thread(self.kept)))
        return socket


@pytest.fixture
async def socket(web: Web, store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Socket]:
    made = Socket(store)
    app = http.Application()
    app.router.add_get("/link", made.answer)
    runner = http.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = http.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]

    async def open_connection(self: AsyncWebClient, *, app_token: str) -> dict[str, str]:
        assert app_token == "xapp-1"
        return {"url": f"ws://{host}:{port}/link"}

    monkeypatch.setattr(AsyncWebClient, "apps_connections_open", open_connection)
    yield made
    await runner.cleanup()


def envelope(key: str, event: str, ts: str) -> dict[str, Any]:
    mention = {"type": "app_mention", "user": "UANN", "channel": "C1", "ts": ts, "text": f"<@UBOT> {LEAVE}"}
    payload = {"team_id": "T1", "type": "event_callback", "event_id": event, "event": mention}
    return {"type": "events_api", "envelope_id": key, "payload": payload, "accepts_response_payload": False}


async def test_events_are_kept_acknowledged_and_answered(socket: Socket, app: FastAPI, web: Web) -> None:
    async with asyncio.timeout(40), app.router.lifespan_context(app):
        connection = await socket.connected.get()
        await connection.send_json(envelope("e1", "Ev1", "1700000001.000100"))
        assert await socket.acknowledged.get() == ("e1", 1)
        await connection.send_json(envelope("e2", "Ev1", "1700000001.000100"))
        assert await socket.acknowledged.get() == ("e2", 1)
        await connection.send_json({"type": "disconnect", "reason": "refresh_requested"})
        again = await socket.connected.get()
        await again.send_json(envelope("e3", "Ev2", "1700000002.000100"))
        assert await socket.acknowledged.get() == ("e3", 2)
        while len(web.made("chat.stopStream")) < 2:
            await asyncio.sleep(0.01)
    assert len(web.made("chat.startStream")) == 2


async def test_what_cannot_be_kept_is_not_acknowledged(socket: Socket, app: FastAPI, web: Web) -> None:
    web.fail["auth.test"] = "internal_error"
    async with asyncio.timeout(40), app.router.lifespan_context(app):
        connection = await socket.connected.get()
        await connection.send_json(envelope("e1", "Ev1", "1700000001.000100"))
        while not web.made("auth.test"):
            await asyncio.sleep(0.01)
        del web.fail["auth.test"]
        await connection.send_json(envelope("e2", "Ev2", "1700000002.000100"))
        assert await socket.acknowledged.get() == ("e2", 1)
