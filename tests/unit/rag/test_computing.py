import asyncio
import contextvars
import threading

import pytest

from rag import computing
from rag.computing import computed


async def test_it_returns_or_raises_what_the_work_does():
    assert await computed(divmod, 7, 2) == (3, 1)
    assert await computed(int, "101", base=2) == 5
    with pytest.raises(ZeroDivisionError):
        await computed(divmod, 7, 0)


async def test_what_belongs_to_the_question_comes_along():
    asked = contextvars.ContextVar("asked", default="")
    asked.set("how long?")
    assert await computed(asked.get) == "how long?"


async def test_few_compute_at_once():
    all_in, more = threading.Barrier(computing.AT_ONCE), threading.Semaphore(0)
    inside, most, lock = 0, 0, threading.Lock()

    def work():
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        all_in.wait(10)  # so many are at it together
        more.acquire(timeout=10)
        with lock:
            inside -= 1

    begun = [asyncio.ensure_future(computed(work)) for _ in range(2 * computing.AT_ONCE)]
    for _ in begun:
        more.release()
    await asyncio.gather(*begun)
    assert most == computing.AT_ONCE
