"""Server-Sent Events from an answer's events, closed with the connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, ServerSentEvent, format_sse_event
from starlette.types import Receive, Scope, Send

from rag.errors import CitewellError
from rag.types import Event, EvidenceFound, SentenceChecked
from server.problems import Problem, http_problem, problem_of
from server.schema import answer_out, evidence_out, sentence_out

__all__ = ["PING_S", "AnswerEvents", "EventStream", "problem_of_failure", "server_sent"]

logger = logging.getLogger(__name__)

PING_S = 15.0  # proxies close a connection that is silent for longer


def problem_of_failure(error: Exception) -> Problem:
    """What an answer that failed in the middle ends with; what nobody expected is logged, not told."""
    if isinstance(error, CitewellError):
        return problem_of(error)
    logger.error("Unexpected error in a streamed answer", exc_info=error)
    return http_problem(500, "The server met an unexpected error; its log has the request id.")


def server_sent(event: Event) -> ServerSentEvent:
    """An answer's event as it is streamed."""
    # raw_data: `data` would escape every Chinese character to \uXXXX
    if isinstance(event, EvidenceFound):
        return ServerSentEvent(event="evidence", raw_data=evidence_out(event.evidence).model_dump_json())
    if isinstance(event, SentenceChecked):
        return ServerSentEvent(event="sentence", raw_data=sentence_out(event).model_dump_json())
    return ServerSentEvent(event="final", raw_data=answer_out(event.answer).model_dump_json())


async def _events(source: AsyncIterator[Event]) -> AsyncGenerator[ServerSentEvent, None]:
    """The events, and a problem as the last one when the answer fails in the middle."""
    try:
        async for event in source:
            yield server_sent(event)
    except Exception as error:
        yield ServerSentEvent(event="error", raw_data=problem_of_failure(error).model_dump_json())
    finally:
        # an AsyncIterator need not have aclose; a generator, which Assistant.stream gives, does
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


async def _wire(source: AsyncGenerator[ServerSentEvent, None]) -> AsyncGenerator[bytes, None]:
    """Encoded events, with a comment whenever none came for PING_S.

    One task reads the source from its first event to its close: a timeout around each single event would
    have to cancel the assistant in the middle of its work. It asks for an event only when the one before was
    sent: none may lie here, for a reader who is slow, while the document that it quotes is deleted.
    """
    queue: asyncio.Queue[ServerSentEvent | None] = asyncio.Queue(1)

    async def read() -> None:
        async with contextlib.aclosing(source) as events:
            async for event in events:
                await queue.put(event)
                await queue.join()
        await queue.put(None)

    reader = asyncio.create_task(read())
    try:
        while True:
            try:
                async with asyncio.timeout(PING_S):
                    event = await queue.get()
            except TimeoutError:
                yield KEEPALIVE_COMMENT
                continue
            if event is None:
                return
            yield format_sse_event(data_str=event.raw_data, event=event.event, id=event.id)
            queue.task_done()
    finally:
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader


class EventStream(EventSourceResponse):
    """Streams events and closes their source as soon as the reader is gone."""

    def __init__(self, source: AsyncGenerator[ServerSentEvent, None]) -> None:
        self._wire = _wire(source)
        super().__init__(self._wire, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # without this a suspended generator would be closed whenever it is collected
            await self._wire.aclose()


class AnswerEvents(EventStream):
    """Streams an answer's events."""

    def __init__(self, source: AsyncIterator[Event]) -> None:
        super().__init__(_events(source))
