"""How Slack reaches an app: signed requests to its URL, or envelopes over a websocket; and again when nobody
says that it has them.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

__all__ = ["Delivery", "Door", "Sent", "signed"]

ACKNOWLEDGED_S = 3.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of it: seconds until it was acknowledged (None: it never was), the times that it was sent,
    and what the app answered.
    """

    took: float | None
    times: int
    status: int = 0
    body: Any = None


def signed(secret: str, body: str, at: float) -> dict[str, str]:
    """The headers by which an app knows that a request comes from Slack."""
    stamp = str(int(at))
    made = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={made}"}


class Door:
    """The way to an app: over a websocket while one is open, else its ``url``."""

    def __init__(self, secret: str) -> None:
        self.url = ""
        self._secret = secret
        self._sockets: list[web.WebSocketResponse] = []
        self._waiting: dict[str, asyncio.Future[Any]] = {}

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ACKNOWLEDGED_S))

    async def close(self) -> None:
        for socket in list(self._sockets):
            await socket.close()
        await self._session.close()

    @property
    def connections(self) -> int:
        """Open websockets."""
        return len(self._sockets)

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """Socket Mode: hello, then envelopes, each acknowledged by its id."""
        socket = web.WebSocketResponse(heartbeat=10)
        await socket.prepare(request)
        count = len(self._sockets) + 1
        about = {"type": "hello", "num_connections": count, "connection_info": {"app_id": "A1"}}
        await socket.send_json(about | {"debug_info": {"approximate_connection_time": 18060}})
        self._sockets.append(socket)
        try:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    given = json.loads(message.data)
                    waiting = self._waiting.pop(str(given.get("envelope_id")), None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(given.get("payload"))
        finally:
            if socket in self._sockets:
                self._sockets.remove(socket)
        return socket

    async def refresh(self) -> None:
        """Slack closes a connection now and then, and says so before."""
        socket = self._sockets.pop(0)
        await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})
        await socket.close()

    async def send(
        self, kind: str, payload: dict[str, Any], body: str, retry: tuple[int, str]
    ) -> tuple[int, Any]:
        """Status and answer; (0, None) when nothing came in time."""
        try:
            if self._sockets:
                return 200, await self._envelope(self._sockets[-1], kind, payload, retry)
            return await self._request(body, "application/json" if kind == "events_api" else
                                       "application/x-www-form-urlencoded", retry)  # fmt: skip
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            return 0, None

    async def _envelope(
        self, socket: web.WebSocketResponse, kind: str, payload: dict[str, Any], retry: tuple[int, str]
    ) -> Any:
        key = str(uuid.uuid4())
        waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
        told = {"type": kind, "envelope_id": key, "payload": payload,
                "accepts_response_payload": kind != "events_api"}  # fmt: skip
        if kind == "events_api":
            told |= {"retry_attempt": retry[0], "retry_reason": retry[1]}
        try:
            await socket.send_json(told)
            return await asyncio.wait_for(waiting, ACKNOWLEDGED_S)
        finally:
            self._waiting.pop(key, None)

    async def _request(self, body: str, kind: str, retry: tuple[int, str]) -> tuple[int, Any]:
        headers = {"Content-Type": kind, "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)"}
        headers |= signed(self._secret, body, time.time())
        if retry[0]:
            headers |= {"X-Slack-Retry-Num": str(retry[0]), "X-Slack-Retry-Reason": retry[1]}
        async with self._session.post(self.url, data=body.encode(), headers=headers) as reply:
            text = await reply.text()
            is_json = reply.content_type == "application/json" and text
            return reply.status, json.loads(text) if is_json else text


class Delivery:
    """Sends, and sends again. ``retry_s`` are the waits before each further attempt."""

    def __init__(self, door: Door, retry_s: tuple[float, ...]) -> None:
        self._door = door
        self._retry_s = retry_s
        self._tasks: set[asyncio.Task[Any]] = set()

    async def event(self, payload: dict[str, Any], again: int = 0) -> Sent:
        """Until it is acknowledged with a 2xx, and ``again`` times more, as when that was lost on its way."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        took: float | None = None
        body, left, reason, times = json.dumps(payload), again, "", 0
        for wait in (None, *self._retry_s):
            if wait is not None:
                await asyncio.sleep(wait)
            begun = time.monotonic()
            status, _ = await self._door.send("events_api", payload, body, (times, reason))
            times += 1
            if 200 <= status < 300:
                took = time.monotonic() - begun if took is None else took
                if not left:
                    break
                left -= 1
            reason = "http_error" if status else "http_timeout"
        return Sent(took, times)

    async def once(self, kind: str, payload: dict[str, Any], body: str) -> Sent:
        """What a person waits for is not sent again."""
        begun = time.monotonic()
        status, answer = await self._door.send(kind, payload, body, (0, ""))
        return Sent(time.monotonic() - begun if status else None, 1, status, answer)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
