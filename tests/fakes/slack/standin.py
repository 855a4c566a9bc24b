"""The servers themselves: they answer calls, and send what people do in the workspace."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import web

from tests.fakes.slack.checks import Refused, blocks_of
from tests.fakes.slack.delivery import Delivery, Door, Sent
from tests.fakes.slack.limits import Limits
from tests.fakes.slack.methods import SCOPES, Methods
from tests.fakes.slack.workspace import APP_TOKEN, BOT, BOT_TOKEN, SECRET, TEAM, Message, Workspace

__all__ = ["Call", "Slack"]

GRANTED = tuple(sorted({scope for scopes in SCOPES.values() for scope in scopes} | {
    "app_mentions:read", "commands", "im:write", "reactions:read",
}))  # fmt: skip
START_S = 10.0


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the Web API, and Slack's word for what was wrong with it ("" when nothing was)."""

    method: str
    fields: dict[str, Any]
    error: str


class Slack:
    """Runs in a thread of its own, as a context. ``retry_s``: after how long what was not acknowledged is
    sent again (Slack: at once, after a minute, after five). ``door`` leads to the app: its URL, or Socket
    Mode.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        retry_s: Sequence[float] = (0.0, 60.0, 300.0),
        streams: bool = True,
    ) -> None:
        self.workspace = Workspace()
        self.limits = limits or Limits()
        self.scopes = GRANTED
        self.calls: list[Call] = []
        self.methods = Methods(self.workspace, self._socket_url, streams)
        self.door = Door(SECRET)
        self.delivery = Delivery(self.door, tuple(retry_s))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="slack", daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self._start()).result(START_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self._stop()).result(START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Do something in the stand-in's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _start(self) -> None:
        app = web.Application(client_max_size=2**22)
        app.router.add_route("*", "/api/{method}", self._called)
        app.router.add_post("/hooks/{channel}/{user}", self._hooked)
        app.router.add_get("/link", self.door.connect)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        await self.door.open()

    async def _stop(self) -> None:
        await self.delivery.close()
        await self.door.close()
        await self._runner.cleanup()

    @property
    def api_url(self) -> str:
        """Base URL of the Web API."""
        return f"http://127.0.0.1:{self.port}/api/"

    def _socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/link?ticket={secrets.token_hex(8)}"

    # ---------------------------------------------------------------- what is asked of Slack

    async def _called(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        fields: dict[str, Any] = dict(request.query)
        if request.content_type == "application/json":
            fields |= await request.json()
        else:
            fields |= dict(await request.post())
        fields = {name: value for name, value in fields.items() if value is not None}
        channel = str(fields.get("channel") or "")
        if wait := self.limits.wait(method, channel):
            self.calls.append(Call(method, fields, "ratelimited"))
            told = {"ok": False, "error": "ratelimited"}
            return web.json_response(told, status=429, headers={"Retry-After": str(wait)})
        try:
            self._authorised(method, request.headers.get("Authorization", "").removeprefix("Bearer "))
            done = {"ok": True, **self.methods.by_name[method](fields)}
        except Refused as refused:
            done = {"ok": False, "error": refused.error, "response_metadata": {"messages": refused.told}}
        except (KeyError, TypeError, ValueError) as error:
            done = {
                "ok": False,
                "error": "invalid_arguments",
                "response_metadata": {"messages": [repr(error)]},
            }
        self.calls.append(Call(method, fields, "" if done["ok"] else str(done["error"])))
        return web.json_response(done, headers={"X-OAuth-Scopes": ",".join(self.scopes)})

    def _authorised(self, method: str, token: str) -> None:
        if not token:
            raise Refused("not_authed")
        if token != (APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN):
            raise Refused("invalid_auth")
        if method not in self.methods.by_name:
            raise Refused("unknown_method")
        needed = SCOPES.get(method, SCOPES.get(method.partition(".")[0], ()))
        if needed and not set(needed) & set(self.scopes):
            raise Refused("missing_scope", needed[0])

    async def _hooked(self, request: web.Request) -> web.Response:
        """A response_url: it shows something to one person, or with response_type in_channel to all."""
        channel, user = request.match_info["channel"], request.match_info["user"]
        given = await request.json()
        try:
            blocks = blocks_of(given.get("blocks"))
        except Refused as refused:
            return web.Response(status=400, text=refused.error)
        if given.get("text") or blocks:
            open_to_all = given.get("response_type") == "in_channel"
            self.workspace.post(
                Message(self.workspace.stamp(), channel, BOT, str(given.get("text") or ""), blocks=blocks,
                        seen_by="" if open_to_all else user)
            )  # fmt: skip
        return web.Response(text="ok")

    def errors(self) -> dict[str, str]:
        """By method: an error that a call was refused with, rate limits aside."""
        return {call.method: call.error for call in self.calls if call.error not in ("", "ratelimited")}

    # ---------------------------------------------------------------- what people do

    def event(self, event: dict[str, Any], *, again: int = 0) -> Future[Sent]:
        """Send an event until it is acknowledged, and ``again`` so many times more."""
        payload = {
            "token": "stand-in", "team_id": TEAM, "api_app_id": "A1", "type": "event_callback",
            "event_id": f"Ev{secrets.token_hex(5).upper()}", "event_time": 1_700_000_000, "event": event,
            "authorizations": [{"team_id": TEAM, "user_id": BOT, "is_bot": True}],
        }  # fmt: skip
        return self.run(self.delivery.event(payload, again))

    def says(
        self,
        text: str,
        user: str,
        channel: str,
        *,
        thread: str = "",
        again: int = 0,
        mention: bool | None = None,
    ) -> tuple[Message, Future[Sent]]:
        """Somebody writes a message; the bot is mentioned everywhere but in its own conversations."""
        direct = bool(self.workspace.channels[channel]["is_im"])
        mention = not direct if mention is None else mention
        words = f"<@{BOT}> {text}" if mention else text
        made = self.workspace.post(Message(self.workspace.stamp(), channel, user, words, thread))
        about = {"type": "app_mention" if mention else "message", "user": user, "channel": channel,
                 "ts": made.ts, "text": words, "event_ts": made.ts, "team": TEAM}  # fmt: skip
        if not mention:
            about["channel_type"] = "im" if direct else "group"
        if thread:
            about["thread_ts"] = thread
        return made, self.event(about, again=again)

    def command(self, text: str, user: str, channel: str) -> Future[Sent]:
        """A slash command; what the app answers at once is shown to its user."""
        fields = {
            "token": "stand-in", "team_id": TEAM, "api_app_id": "A1", "command": "/ask", "text": text,
            "user_id": user, "channel_id": channel, "trigger_id": self.workspace.trigger(),
            "response_url": self._hook(channel, user),
        }  # fmt: skip
        return self.run(
            self._show_answer(self.delivery.once("slash_commands", fields, urlencode(fields)), channel, user)
        )

    async def _show_answer(self, work: Coroutine[Any, Any, Sent], channel: str, user: str) -> Sent:
        sent = await work
        text = sent.body.get("text") if isinstance(sent.body, dict) else sent.body
        if text:
            self.workspace.post(Message(self.workspace.stamp(), channel, BOT, str(text), seen_by=user))
        return sent

    def press(self, message: Message, action: str, user: str) -> Future[Sent]:
        """A button of a message."""
        channel = message.channel
        container = {"type": "message", "channel_id": channel, "message_ts": message.ts,
                     "is_ephemeral": bool(message.seen_by)}  # fmt: skip
        if message.thread:
            container["thread_ts"] = message.thread
        return self._interact(
            {
                "type": "block_actions", "user": {"id": user, "team_id": TEAM}, "container": container,
                "channel": {"id": channel}, "trigger_id": self.workspace.trigger(),
                "response_url": self._hook(channel, user),
                "actions": [{"type": "button", "action_id": action, "block_id": "b",
                             "value": message.buttons()[action], "action_ts": message.ts}],
            }
        )  # fmt: skip

    def submit(self, view: dict[str, Any], values: dict[str, dict[str, Any]], user: str) -> Future[Sent]:
        """A form that was opened; ``values`` as Slack gives them, by block and action."""
        given = {**view, "state": {"values": values}, "team_id": TEAM}
        return self._interact(
            {"type": "view_submission", "user": {"id": user, "team_id": TEAM}, "view": given}
        )

    def _interact(self, payload: dict[str, Any]) -> Future[Sent]:
        payload = {"token": "stand-in", "api_app_id": "A1", "team": {"id": TEAM}, **payload}
        return self.run(
            self.delivery.once("interactive", payload, urlencode({"payload": json.dumps(payload)}))
        )

    def _hook(self, channel: str, user: str) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/{channel}/{user}"
