"""The threads that compute answers: few, because Python computes in one of them at a time and each of the
others gets in its way, but more than one, because those who wait for the embedder share its pass.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

__all__ = ["computed"]

P = ParamSpec("P")
T = TypeVar("T")
AT_ONCE = 4
_THREADS = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="citewell-answer")


async def computed(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """What ``work`` returns, computed in one of the threads; raises what it raises. It must not wait for
    another one.
    """
    run = functools.partial(contextvars.copy_context().run, work, *given, **named)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, run)
