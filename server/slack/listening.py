"""What the bot listens to: each of Slack's payloads is kept, or seen to beside, within its three seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from rag.text import language
from server.slack.asking import Tools
from server.slack.buttons import Buttons
from server.slack.channels import is_for_bot
from server.slack.command import command_payload
from server.slack.feedback import rating_of
from server.slack.inbox import Received
from server.slack.messages import Asked, asked_in
from server.slack.pane import Pane, SettingsForm
from server.slack.words import say

__all__ = ["Listening"]

logger = logging.getLogger(__name__)

Keep = Callable[[Callable[[], bool]], Awaitable[bool]]
Beside = Callable[[Coroutine[Any, Any, Any]], None]
Body = Mapping[str, Any]


class Listening:
    """Adds the listeners to an app. ``keep`` puts something into the inbox, ``beside`` does what may fail
    without harm.
    """

    def __init__(self, tools: Tools, keep: Keep, beside: Beside) -> None:
        self._at = tools
        self._keep = keep
        self._beside = beside
        self._settings = SettingsForm(tools, beside)
        self._parts = (self._settings, Pane(tools, beside), Buttons(tools, keep, beside))

    def add_to(self, app: AsyncApp) -> None:
        """All of them."""
        app.event("app_mention")(self._message)
        app.event("message")(self._message)
        app.event("reaction_added")(self._reaction)
        app.event("reaction_removed")(self._reaction)
        app.event("member_joined_channel")(self._members)
        app.event("member_left_channel")(self._members)
        app.command(self._at.settings.slack.command)(self._command)
        for part in self._parts:
            part.add_to(app)

    async def _message(self, body: Body) -> None:
        at = self._at
        own = await at.directory.workspace()
        asked = asked_in(body, own.bot_user)
        if asked is None:
            return

        def keep() -> bool:
            settings = at.channels.get(asked.team, asked.channel)
            if not is_for_bot(
                asked, settings, at.settings.slack, lambda: at.threads.askers(asked.channel, asked.thread)
            ):
                return False
            received = Received(
                str(body.get("event_id") or asked.place),
                "question",
                asked.payload(),
                asked.user,
                asked.place,
                f"{asked.channel}:{asked.thread}",
            )
            return at.inbox.put(received)

        if await self._keep(keep):
            self._beside(self._tell_place(str(body.get("event_id") or asked.place), asked))

    async def _tell_place(self, key: str, asked: Asked) -> None:
        """Who has to wait is told how many come before."""
        at = self._at
        ahead = await asyncio.to_thread(at.inbox.ahead, key)
        if ahead >= at.settings.slack.answers_at_once:
            await at.client.attempt(
                "assistant.threads.setStatus",
                channel_id=asked.channel,
                thread_ts=asked.thread,
                status=say("waiting", language(asked.text), count=ahead),
            )

    async def _reaction(self, body: Body) -> None:
        event = body["event"]
        item = event.get("item") or {}
        if item.get("type") != "message" or rating_of(str(event.get("reaction"))) is None:
            return
        payload = {
            "user": str(event.get("user")),
            "reaction": str(event.get("reaction")),
            "channel": str(item.get("channel")),
            "ts": str(item.get("ts")),
            "added": event["type"] == "reaction_added",
        }
        place = f"{payload['channel']}:{payload['ts']}"
        received = Received(
            str(body["event_id"]), "reaction", payload, payload["user"], thread=f"reactions:{place}"
        )
        await self._keep(lambda: self._at.inbox.put(received))

    async def _members(self, body: Body) -> None:
        self._at.directory.forget(str(body["event"].get("channel")))

    async def _command(self, ack: AsyncAck, body: Body) -> None:
        at, payload = self._at, command_payload(body)
        spoken = language(payload["text"])
        if not payload["text"] or payload["text"] in ("help", "帮助"):
            await ack(say("ask_something", spoken, command=at.settings.slack.command))
            return
        if payload["text"] in ("settings", "设置"):
            await ack()
            given = (payload["team"], payload["channel"], payload["user"])
            opening = self._settings.open(*given, str(body["trigger_id"]), payload["response_url"])
            self._beside(opening)
            return
        received = Received(f"command:{body['trigger_id']}", "command", payload, payload["user"])
        await self._keep(lambda: at.inbox.put(received))
        await ack(say("looking", spoken))
