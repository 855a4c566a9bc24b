"""Works off the inbox: several events at once, each held until it is done."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping

from rag.errors import BusyError, CitewellError, TooManyRequestsError
from server.slack.client import FAILURES, error_of
from server.slack.inbox import Claimed, Inbox, Kind, Lost

__all__ = ["Handler", "Worker"]

logger = logging.getLogger(__name__)

Handler = Callable[[Claimed], Awaitable[None]]
BUSY_S = 5.0
MOST_WAIT_S = 60.0


class Worker:
    """Runs ``at_once`` tasks. ``poll_s``: how often it looks for what others have left."""

    def __init__(
        self,
        inbox: Inbox,
        handlers: Mapping[Kind, Handler],
        given_up: Handler,
        *,
        at_once: int,
        attempts: int,
        lease_s: float,
    ) -> None:
        self._inbox = inbox
        self._handlers = handlers
        self._given_up = given_up
        self._at_once = at_once
        self._attempts = attempts
        self._lease_s = lease_s
        self._poll_s = min(2.0, lease_s / 2)
        self._news = asyncio.Event()
        self._working: set[str] = set()  # ids of events

    def wake(self) -> None:
        """There is something new."""
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew())
            for _ in range(self._at_once):
                group.create_task(self._work())

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 3)
            if self._working:
                try:
                    await asyncio.to_thread(self._inbox.renew)
                except CitewellError as error:
                    logger.warning("Slack's events cannot be held: %s", error.message)

    async def _work(self) -> None:
        while True:
            self._news.clear()
            try:
                claimed = await asyncio.to_thread(self._inbox.claim, tuple(self._working))
            except CitewellError as error:
                logger.warning("Slack's events cannot be read: %s", error.message)
                claimed = None
            if claimed is None:
                # not wait_for: before Python 3.12 it may keep a cancellation to itself
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_s):
                        await self._news.wait()
                continue
            self._working.add(claimed.id)
            try:
                await self._one(claimed)
            except Exception:
                logger.exception("An event of Slack could not be seen to")
            finally:
                self._working.discard(claimed.id)

    async def _one(self, claimed: Claimed) -> None:
        try:
            await self._handlers[claimed.kind](claimed)
        except Lost:
            logger.warning("Another server goes on with an event that this one held for too long")
        except (BusyError, TooManyRequestsError) as busy:
            wait = min(busy.retry_after_s or BUSY_S, MOST_WAIT_S)
            await asyncio.to_thread(lambda: self._inbox.again(claimed, wait, counts=False))
        except Exception as error:
            await self._failed(claimed, error)
        else:
            await asyncio.to_thread(self._inbox.done, claimed)
            self.wake()  # the next of its thread may come

    async def _failed(self, claimed: Claimed, error: Exception) -> None:
        # neither the question nor what Slack answered is logged: both may hold people's words
        told = error_of(error) or (error.message if isinstance(error, CitewellError) else "")
        why = f"{type(error).__name__} {told}".strip()
        last = claimed.attempts >= self._attempts
        expected = isinstance(error, (CitewellError, *FAILURES))
        logger.error(
            "Attempt %d at a Slack %s failed: %s", claimed.attempts, claimed.kind, why, exc_info=not expected
        )
        if not last:
            wait = min(2.0 ** (claimed.attempts - 1), MOST_WAIT_S)
            await asyncio.to_thread(self._inbox.again, claimed, wait)
            return
        with contextlib.suppress(*FAILURES):
            await self._given_up(claimed)
        await asyncio.to_thread(self._inbox.done, claimed, "failed")
        self.wake()
