"""What routes that give answers share: a place among those being worked on, and leaving with the reader."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request

from rag.types import Answer
from server.auth import Principal, reader
from server.auth.limits import Limits, limits

__all__ = ["CLIENT_CLOSED_REQUEST", "answering", "unless_closed"]

CLIENT_CLOSED_REQUEST = 499  # nobody reads it; it stands in the log


async def answering(
    principal: Annotated[Principal, Depends(reader)], held: Annotated[Limits, Depends(limits)]
) -> AsyncGenerator[None, None]:
    """Dependency: takes one of the places for answers until the response is sent, streamed or not."""
    with held.answer(principal):
        yield


async def unless_closed(request: Request, answer: Coroutine[Any, Any, Answer]) -> Answer | None:
    """The answer, or None when the reader went away before it was finished; the work is then stopped."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    giving, leaving = asyncio.ensure_future(answer), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({giving, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return giving.result() if giving.done() else None
    finally:
        for task in (giving, leaving):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
