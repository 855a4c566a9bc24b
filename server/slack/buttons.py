"""The buttons below an answer. (https://docs.slack.dev/reference/interaction-payloads/block_actions-payload)

Who presses one is asked for his rights anew: what was shown once may be closed to him by now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.errors import SlackApiError

from server.auth.principal import Principal
from server.slack.asking import Tools, narrowed
from server.slack.blocks import View, context, message_parts, source_blocks
from server.slack.client import error_of
from server.slack.command import respond
from server.slack.feedback import Opinion, Opinions
from server.slack.forms import reason_form, reason_given
from server.slack.inbox import Received
from server.slack.people import Refusal
from server.slack.rendering import escaped, plain
from server.slack.threads import Placed
from server.slack.words import say

__all__ = ["Buttons"]

Keep = Callable[[Callable[[], bool]], Awaitable[bool]]
Beside = Callable[[Coroutine[Any, Any, Any]], None]
Body = Mapping[str, Any]
_NOT_THERE = ("not_in_channel", "channel_not_found", "is_archived")


@dataclass(frozen=True, slots=True)
class Pressed:
    """Who pressed a button below which answer, and where he is told what came of it."""

    user: str
    principal: Principal
    placed: Placed
    channel: str
    language: str
    respond: str


class Buttons:
    """Adds their listeners to an app. ``keep`` puts something into the inbox, ``beside`` does the rest."""

    def __init__(self, tools: Tools, keep: Keep, beside: Beside) -> None:
        self._at = tools
        self._keep = keep
        self._beside = beside
        self._opinions = Opinions(tools.answering.store)

    def add_to(self, app: AsyncApp) -> None:
        """All of them."""
        for name, see_to in (
            ("helpful", self._helpful),
            ("not_helpful", self._not_helpful),
            ("sources", self._sources),
            ("share", self._share),
            ("person", self._person),
            ("web", None),  # a link
        ):
            app.action(name)(self._listener(see_to))
        app.view("reason")(self._reason)

    def _listener(
        self, see_to: Callable[[Pressed, Body], Awaitable[None]] | None
    ) -> Callable[[AsyncAck, Body], Awaitable[None]]:
        async def pressed(ack: AsyncAck, body: Body) -> None:
            await ack()
            if see_to is not None:
                self._beside(self._pressed(see_to, body))

        return pressed

    async def _pressed(self, see_to: Callable[[Pressed, Body], Awaitable[None]], body: Body) -> None:
        at, user = self._at, str(body["user"]["id"])
        url = str(body.get("response_url") or "")
        locale = (await at.directory.member(user)).locale
        principal = await at.directory.asker(user)
        if isinstance(principal, Refusal):
            await respond(at, url, say(principal.phrase, locale))
            return
        placed = await asyncio.to_thread(at.threads.answer, str(body["actions"][0]["value"]))
        if placed is None or (not placed.open and placed.owner != principal.id):
            await respond(at, url, say("gone", locale))
            return
        channel = str((body.get("channel") or {}).get("id") or placed.channel)
        await see_to(Pressed(user, principal, placed, channel, locale, url), body)

    async def _helpful(self, pressed: Pressed, body: Body) -> None:
        await asyncio.to_thread(self._opinions.put, pressed.placed, pressed.user, Opinion("up"))
        await respond(self._at, pressed.respond, say("thanks", pressed.language))

    async def _not_helpful(self, pressed: Pressed, body: Body) -> None:
        form = reason_form(pressed.placed.message_id, pressed.language)
        await self._at.client.views_open(trigger_id=str(body["trigger_id"]), view=form)
        # the form may be left unsent
        await asyncio.to_thread(self._opinions.put, pressed.placed, pressed.user, Opinion("down"))

    async def _reason(self, ack: AsyncAck, body: Body) -> None:
        answer, opinion = reason_given(body["view"])
        user = str(body["user"]["id"])
        await ack()
        self._beside(self._opined(answer, user, opinion))

    async def _opined(self, answer: str, user: str, opinion: Opinion) -> None:
        placed = await asyncio.to_thread(self._at.threads.answer, answer)
        principal = await self._at.directory.asker(user)
        if placed is None or isinstance(principal, Refusal):
            return
        if placed.open or placed.owner == principal.id:
            await asyncio.to_thread(self._opinions.put, placed, user, opinion)

    async def _sources(self, pressed: Pressed, body: Body) -> None:
        at, placed = self._at, pressed.placed
        user = pressed.principal.user
        shown = await asyncio.to_thread(at.threads.shown, placed, user)
        if shown is None or not shown[1].citations:
            name = "gone" if shown is None else "no_sources"
            await respond(at, pressed.respond, say(name, pressed.language))
            return
        view = View(shown[1].language, placed.message_id, placed.conversation_id, at.base)
        blocks = await asyncio.to_thread(source_blocks, shown[1], view, at.answering.store, user)
        await respond(at, pressed.respond, say("show_sources", view.language), blocks)

    async def _share(self, pressed: Pressed, body: Body) -> None:
        """For all in the channel to see, if all of them may see all of it now."""
        at, placed = self._at, pressed.placed
        at.directory.forget(pressed.channel)
        try:
            audience = await at.directory.audience(pressed.channel)
        except SlackApiError as failure:
            if error_of(failure) not in _NOT_THERE:
                raise
            await respond(at, pressed.respond, say("not_in_channel", pressed.language))
            return
        settings = await asyncio.to_thread(at.channels.get, placed.team, pressed.channel)
        user = narrowed(audience.user(pressed.principal), settings)
        shown = await asyncio.to_thread(at.threads.shown, placed, user)
        if shown is None:
            await respond(at, pressed.respond, say("gone", pressed.language))
            return
        question, answer, _ = shown
        if any(claim.signals.get("withheld") for claim in answer.claims):
            await respond(at, pressed.respond, say("not_shared", pressed.language))
            return
        if not await asyncio.to_thread(at.threads.share, placed.message_id):
            return
        person = bool(at.settings.slack.help_channel)
        view = View(
            settings.language or answer.language,
            placed.message_id,
            placed.conversation_id,
            at.base,
            person=person,
        )
        asked = say("shared", view.language, user=pressed.user, question=escaped(question, "mrkdwn"))
        parts = message_parts(answer, view)
        parts[0][1].insert(0, context(asked))
        try:
            await self._post(pressed, parts)
        except BaseException as failure:
            await asyncio.to_thread(at.threads.unshare, placed.message_id)
            if error_of(failure) not in _NOT_THERE:
                raise
            await respond(at, pressed.respond, say("not_in_channel", pressed.language))

    async def _post(self, pressed: Pressed, parts: list[tuple[str, list[dict[str, Any]]]]) -> None:
        thread, ts = pressed.placed.thread, ""
        for text, blocks in parts:
            posted = await self._at.client.chat_postMessage(
                channel=pressed.channel,
                thread_ts=thread or None,
                text=text,
                blocks=blocks,
                unfurl_links=False,
                unfurl_media=False,
            )
            ts = str(posted["ts"])
            thread = thread or ts
        await asyncio.to_thread(self._at.threads.shared, pressed.placed.message_id, thread, ts)

    async def _person(self, pressed: Pressed, body: Body) -> None:
        """Ask in the channel for that, once; see handover.py."""
        at, key = self._at, pressed.placed.message_id
        payload = {"answer": key, "user": pressed.user, "language": pressed.language}
        received = Received(f"person:{key}", "person", payload, pressed.user)
        name = "passed_on" if await self._keep(lambda: at.inbox.put(received)) else "passed_on_already"
        text = say(name, pressed.language, channel=plain(at.settings.slack.help_channel))
        await respond(at, pressed.respond, text)
