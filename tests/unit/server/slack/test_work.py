"""The worker ends when it is told to, whatever comes at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import cast

from server.slack.inbox import Claimed, Inbox
from server.slack.work import Worker

AT_ONCE = 3


class Empty:
    """An inbox that never holds anything."""

    def claim(self, besides: Collection[str] = ()) -> None:
        return None


async def _nothing(claimed: Claimed) -> None:
    raise AssertionError(claimed)


async def test_news_at_the_moment_of_the_end_keeps_nobody_working() -> None:
    worker = Worker(cast(Inbox, Empty()), {}, _nothing, at_once=AT_ONCE, attempts=1, lease_s=60)
    running = asyncio.create_task(worker.run())
    while len(worker._news._waiters) < AT_ONCE:  # type: ignore[attr-defined]  # until each waits for news
        await asyncio.sleep(0.01)
    worker.wake()
    running.cancel()
    ended, _ = await asyncio.wait([running], timeout=5)
    assert ended == {running}
    assert running.cancelled()
