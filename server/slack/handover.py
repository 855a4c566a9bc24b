"""A question passed on to people, in the channel that the settings name for that."""

from __future__ import annotations

import asyncio

from server.auth.principal import Principal
from server.slack.asking import Tools
from server.slack.blocks import Block, context, section
from server.slack.client import FAILURES
from server.slack.inbox import Claimed
from server.slack.rendering import escaped, plain
from server.slack.words import say

__all__ = ["Handover"]


class Handover:
    """Sees to those of the inbox. The question is told there, not the answer: others may read what its asker
    may not, and the other way round.
    """

    def __init__(self, tools: Tools) -> None:
        self._at = tools

    async def see_to(self, claimed: Claimed) -> None:
        """Raises one of FAILURES, StoreError."""
        at, given = self._at, claimed.payload
        channel = at.settings.slack.help_channel
        placed = await asyncio.to_thread(at.threads.answer, given["answer"])
        asker = await at.directory.asker(given["user"])
        if not channel or placed is None or not isinstance(asker, Principal):
            return
        shown = await asyncio.to_thread(at.threads.shown, placed, asker.user)
        if shown is None:
            return
        question, answer, _ = shown
        spoken = answer.language
        asked = say("please_answer", spoken, user=given["user"], question=escaped(question, "mrkdwn"))
        verdict = context(say(f"verdict_{answer.verdict}", spoken))
        blocks: list[Block] = [section(asked[:3000]), verdict]
        if link := await self._link(placed.channel, placed.ts if placed.open else ""):
            blocks.append(context(f"<{plain(link)}|{say('go_there', spoken)}>"))
        await at.client.chat_postMessage(
            channel=channel, text=plain(question)[:3000], blocks=blocks, unfurl_links=False
        )

    async def _link(self, channel: str, ts: str) -> str:
        if not ts:
            return ""
        try:
            told = await self._at.client.chat_getPermalink(channel=channel, message_ts=ts)
        except FAILURES:
            return ""
        return str(told.get("permalink") or "")
