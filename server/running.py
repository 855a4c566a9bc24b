"""Answers in progress: each is given by a task of its own, whoever listens, so that a reader whose connection
broke hears the rest; one that nobody listens to for a while is stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence

from rag.conversations import Status
from rag.stored import Given, so_far
from rag.types import Answer, Event, EvidenceFound, Finished, SentenceChecked
from server.problems import Problem
from server.sse import problem_of_failure

__all__ = ["AnswerInProgress", "AnswersInProgress", "Keep"]

logger = logging.getLogger(__name__)

# Keeps how an answer ended: its status, what there is of it, and the documents that it was made from
Keep = Callable[[Status, Answer | None, Sequence[str]], Awaitable[None]]


class AnswerInProgress:
    """One answer. ``kept`` are its events, ``status`` how it stands, ``listeners`` how many hear it;
    ``given`` tells what the events rest on, for whoever shows them later than they came.
    """

    def __init__(
        self, question: str, source: AsyncGenerator[Event, None], keep: Keep, resume_s: float
    ) -> None:
        self.given = Given(question)
        self.kept: list[Event | Problem] = []
        self.status: Status = "streaming"
        self._source = source
        self._keep = keep
        self._resume_s = resume_s
        self._news = asyncio.Event()
        self.listeners = 0
        self._leaving: asyncio.TimerHandle | None = None
        self._task = asyncio.create_task(self._give())
        self._wait_for_listeners()

    async def events(self, after: int = 0) -> AsyncGenerator[tuple[int, Event | Problem], None]:
        """Its events with their numbers, from 1, but for those up to ``after``; ends when the answer does."""
        self.listeners += 1
        if self._leaving is not None:
            self._leaving.cancel()
        try:
            at = max(0, after)
            while True:
                while at < len(self.kept):
                    at += 1
                    yield at, self.kept[at - 1]
                if self.status != "streaming":
                    return
                await self._news.wait()
        finally:
            self.listeners -= 1
            self._wait_for_listeners()

    async def stop(self) -> None:
        """End it; returns when what there is of it is kept. One that has ended stays as it is."""
        if self.status == "streaming":
            self._task.cancel()
        await asyncio.wait({self._task})
        if self.status == "streaming":  # it was cancelled before it began
            await self._end("stopped", None)

    def _wait_for_listeners(self) -> None:
        if not self.listeners and self.status == "streaming":
            loop = asyncio.get_running_loop()
            self._leaving = loop.call_later(self._resume_s, self._task.cancel)

    async def _give(self) -> None:
        finished: Finished | None = None
        try:
            async with contextlib.aclosing(self._source) as events:
                async for event in events:
                    if isinstance(event, EvidenceFound):
                        self.given = dataclasses.replace(self.given, evidence=event.evidence)
                    if isinstance(event, Finished):
                        finished = event
                        # kept first: who hears of its end finds it in the conversation
                        await self._keep("done", event.answer, self.given.basis)
                        self._tell(event, "done")
                        return
                    self._tell(event)
        except asyncio.CancelledError:
            if finished is not None:
                await self._end("done", finished.answer, finished)
                return
            sentences = [event for event in self.kept if isinstance(event, SentenceChecked)]
            await self._end("stopped", so_far(self.given, sentences))
        except Exception as error:
            problem = problem_of_failure(error)
            await self._end("failed", None, problem)

    async def _end(self, status: Status, answer: Answer | None, last: Event | Problem | None = None) -> None:
        try:
            await self._keep(status, answer, self.given.basis)
        except Exception:
            logger.exception("An answer that was %s cannot be kept", status)
        finally:
            self._tell(last, status)

    def _tell(self, event: Event | Problem | None, status: Status = "streaming") -> None:
        if event is not None:
            self.kept.append(event)
        self.status = status
        news, self._news = self._news, asyncio.Event()
        news.set()


class AnswersInProgress:
    """Those of one server process, by message."""

    def __init__(self, resume_s: float) -> None:
        self._resume_s = resume_s
        self._running: dict[str, AnswerInProgress] = {}

    def start(
        self, key: str, question: str, source: AsyncGenerator[Event, None], keep: Keep
    ) -> AnswerInProgress:
        """Begin to give the answer that the message ``key`` is to hold."""

        async def kept(status: Status, answer: Answer | None, basis: Sequence[str]) -> None:
            try:
                await keep(status, answer, basis)
            finally:
                # who asks from now on reads it from the database
                self._running.pop(key, None)

        made = AnswerInProgress(question, source, kept, self._resume_s)
        self._running[key] = made
        return made

    def get(self, key: str) -> AnswerInProgress | None:
        """The answer, while it is being given."""
        return self._running.get(key)

    async def stop(self, keys: Collection[str]) -> None:
        """End those of these that are being given."""
        found = [self._running[key] for key in keys if key in self._running]
        await asyncio.gather(*(one.stop() for one in found))

    async def close(self) -> None:
        """End all."""
        await self.stop(tuple(self._running))
