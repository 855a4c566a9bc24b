"""Blocking work beside an event loop, in a thread that does not hold up the end of the program."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Run ``work`` in a daemon thread and return what it returns, or raise what it raises.

    ``asyncio.to_thread`` would make the program wait for the thread at its end: Ctrl-C during a download
    would seem to hang. Cancelled, this returns at once and leaves the thread to itself, so ``work`` must
    be safe to abandon.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def tell(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        failed: BaseException | None = None
        try:
            result = context.run(work)
        except BaseException as error:
            failed = error
        # the loop may be closed by now: nobody waits for the result then
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, result, failed)

    threading.Thread(target=run, name="citewell-work", daemon=True).start()
    return await done
