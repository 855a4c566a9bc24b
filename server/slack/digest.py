"""Now and then, to the administrators: the questions that the documents did not answer, by channel.

Questions that were asked where only the asker sees them are counted, not told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from croniter import croniter

from rag.types import AnswerVerdict
from server.auth.people import People
from server.auth.principal import Role
from server.slack.asking import Tools
from server.slack.blocks import Block, context, section
from server.slack.client import FAILURES, error_of
from server.slack.inbox import Claimed, Received
from server.slack.rendering import escaped
from server.slack.threads import Placed
from server.slack.words import say

__all__ = ["Digest", "digest_blocks"]

LOOK_EVERY_S = 300.0
WITHOUT_ANSWER = (str(AnswerVerdict.INSUFFICIENT_CONTEXT), str(AnswerVerdict.OFF_TOPIC))
MOST_SHOWN = 20  # questions of one channel
MOST_CHANNELS = 40
QUESTION_CHARS = 120


class Digest:
    """Makes and sends it: one for each time that the settings name, whichever server is first."""

    def __init__(self, tools: Tools) -> None:
        self._at = tools

    async def schedule(self, wake: Callable[[], None]) -> None:
        """Put each digest into the inbox when its time has come, until cancelled."""
        cron = self._at.settings.slack.digest
        if not cron:
            return
        while True:
            due = self.due(cron, time.time())
            if await asyncio.to_thread(self._at.inbox.put, due):
                wake()
            await asyncio.sleep(LOOK_EVERY_S)

    @staticmethod
    def due(cron: str, now: float) -> Received:
        """The last digest that was due, with the time from which it tells. Raises ValueError."""
        times = croniter(cron, datetime.fromtimestamp(now, UTC))
        until = times.get_prev(float)
        since = times.get_prev(float)
        return Received(f"digest:{until:.0f}", "digest", {"since": since, "until": until})

    async def send(self, claimed: Claimed) -> None:
        """Raises one of FAILURES, StoreError."""
        at, told = self._at, list(claimed.notes.get("sent", ()))
        since, until = claimed.payload["since"], claimed.payload["until"]
        found = await asyncio.to_thread(at.threads.unanswered, since, until, WITHOUT_ANSWER)
        if not found:
            return
        everybody = await asyncio.to_thread(People(at.answering.store).all)
        for person in everybody:
            if person.role is not Role.ADMINISTRATOR or person.disabled or not person.email:
                continue
            if person.id in told:
                continue
            user = await self._user(person.email)
            if user is None:
                continue
            told.append(person.id)
            await asyncio.to_thread(lambda: at.inbox.note(claimed, sent=told))
            locale = (await at.directory.member(user)).locale
            blocks = digest_blocks(found, since, locale)
            title = say("digest_title", locale, since=_day(since))
            await at.client.chat_postMessage(channel=user, text=title, blocks=blocks)

    async def _user(self, email: str) -> str | None:
        """Whose address that is in Slack. Raises one of FAILURES."""
        try:
            found = await self._at.client.users_lookupByEmail(email=email)
        except FAILURES as failure:
            if error_of(failure) == "users_not_found":
                return None
            raise
        return str(found["user"]["id"])


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"


def digest_blocks(found: Sequence[tuple[Placed, str]], since: float, language: str) -> list[Block]:
    """The questions of each channel, those with most of them first."""
    channels: dict[str, list[str]] = {}
    direct = 0
    for placed, question in found:
        if placed.open and not placed.channel.startswith("D"):
            channels.setdefault(placed.channel, []).append(question)
        else:
            direct += 1
    blocks = [section(f"*{say('digest_title', language, since=_day(since))}*")]
    for channel, questions in sorted(channels.items(), key=lambda one: -len(one[1]))[:MOST_CHANNELS]:
        lines = [f"*<#{channel}>*"]
        lines += [f"• {escaped(one[:QUESTION_CHARS], 'mrkdwn')}" for one in questions[:MOST_SHOWN]]
        if len(questions) > MOST_SHOWN:
            lines.append(say("digest_more", language, count=len(questions) - MOST_SHOWN))
        blocks.append(section("\n".join(lines)[:3000]))
    if direct:
        blocks.append(context(say("digest_direct", language, count=direct)))
    return blocks
