"""What the bot does beside answering: the assistant's pane, and the form for a channel's settings.

(https://docs.slack.dev/ai/developing-agents; the events assistant_thread_started and _context_changed)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from rag.library import Library
from server.auth.people import People
from server.auth.principal import Principal, Role
from server.slack.asking import Tools
from server.slack.command import respond
from server.slack.forms import settings_form, settings_given
from server.slack.people import Refusal
from server.slack.words import say

__all__ = ["Pane", "SettingsForm"]

Beside = Callable[[Coroutine[Any, Any, Any]], None]
Body = Mapping[str, Any]
PROMPTS = 3
TITLE_CHARS = 60


class Pane:
    """Greets whoever opens the pane with questions about documents that he may read."""

    def __init__(self, tools: Tools, beside: Beside) -> None:
        self._at = tools
        self._beside = beside

    def add_to(self, app: AsyncApp) -> None:
        """Its listeners."""
        app.event("assistant_thread_started")(self._started)
        app.event("assistant_thread_context_changed")(self._changed)

    async def _started(self, body: Body) -> None:
        self._beside(self._suggest(body["event"]["assistant_thread"]))

    async def _changed(self, body: Body) -> None:
        """Where the reader looks meanwhile changes nothing of what he may read."""

    async def _suggest(self, thread: Mapping[str, Any]) -> None:
        at, user = self._at, str(thread["user_id"])
        channel, ts = str(thread["channel_id"]), str(thread["thread_ts"])
        locale = (await at.directory.member(user)).locale
        asker = await at.directory.asker(user)
        if isinstance(asker, Refusal):
            await at.client.chat_postMessage(channel=channel, thread_ts=ts, text=say(asker.phrase, locale))
            return
        library = Library(at.answering.store)
        found = await asyncio.to_thread(lambda: library.list(asker.user, state="ok", limit=PROMPTS))
        prompts = [
            {"title": one.title[:TITLE_CHARS], "message": say("suggested_prompt", locale, title=one.title)}
            for one in found
            if one.title
        ]
        await at.client.chat_postMessage(channel=channel, thread_ts=ts, text=say("greeting", locale))
        if prompts:
            await at.client.assistant_threads_setSuggestedPrompts(
                channel_id=channel, thread_ts=ts, title=say("suggested", locale), prompts=prompts
            )


class SettingsForm:
    """Opens the form of a channel's settings for editors and administrators, and keeps what they send."""

    def __init__(self, tools: Tools, beside: Beside) -> None:
        self._at = tools
        self._beside = beside

    def add_to(self, app: AsyncApp) -> None:
        """Its listener."""
        app.view("settings")(self._sent)

    async def open(self, team: str, channel: str, user: str, trigger: str, url: str) -> None:
        """For whoever asked for it by the command. Raises one of FAILURES, StoreError."""
        at = self._at
        locale = (await at.directory.member(user)).locale
        editor = await self._editor(user)
        if editor is None:
            await respond(at, url, say("settings_refused", locale))
            return
        store = at.answering.store
        known = await asyncio.to_thread(at.channels.get, team, channel)
        collections = await asyncio.to_thread(Library(store).collections, editor.user)
        groups = await asyncio.to_thread(People(store).groups)
        named = [one.name for one in collections if not one.name.startswith("private-")]
        form = settings_form(team, channel, known, named, groups, locale)
        await at.client.views_open(trigger_id=trigger, view=form)

    async def _editor(self, user: str) -> Principal | None:
        found = await self._at.directory.asker(user)
        return found if isinstance(found, Principal) and found.role.includes(Role.EDITOR) else None

    async def _sent(self, ack: AsyncAck, body: Body) -> None:
        at, user = self._at, str(body["user"]["id"])
        team, channel, given = settings_given(body["view"])
        if await self._editor(user) is None:
            await ack()
            return
        await asyncio.to_thread(at.channels.put, team, channel, given)
        await ack()
        locale = (await at.directory.member(user)).locale
        self._beside(
            at.client.attempt(
                "chat.postEphemeral", channel=channel, user=user, text=say("settings_saved", locale)
            )
        )
