"""Reactions to answers as feedback."""

from __future__ import annotations

import asyncio

from server.auth.principal import Principal
from server.slack.asking import Tools
from server.slack.feedback import Opinion, Opinions, rating_of
from server.slack.inbox import Claimed

__all__ = ["Reactions"]


class Reactions:
    """Sees to reactions of the inbox; those of people who would get no answer do not count."""

    def __init__(self, tools: Tools, opinions: Opinions) -> None:
        self._at = tools
        self._opinions = opinions

    async def see_to(self, claimed: Claimed) -> None:
        """Raises one of FAILURES, StoreError."""
        at, given = self._at, claimed.payload
        rating = rating_of(given["reaction"])
        placed = await asyncio.to_thread(at.threads.at, given["channel"], given["ts"])
        if rating is None or placed is None:
            return
        if not isinstance(await at.directory.asker(given["user"]), Principal):
            return
        if given["added"]:
            await asyncio.to_thread(self._opinions.put, placed, given["user"], Opinion(rating))
        else:
            await asyncio.to_thread(self._opinions.take_back, placed, given["user"], rating)
