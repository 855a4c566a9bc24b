"""The worker beside the server of `citewell up`: kept running, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from rag.settings import Settings
from server import worker_process
from server.worker_process import WorkerProcess

DEADLINE_S = 20.0
# a stand-in that says its process id, and ends politely when it is told to
POLITE = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("bye", flush=True)))
print(os.getpid(), flush=True)
signal.pause()
"""
SHORT = "import os; print(os.getpid(), flush=True)"


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


def written(log: Path) -> list[str]:
    return log.read_text("utf-8").split() if log.exists() else []


@contextlib.asynccontextmanager
async def watched(settings: Settings, code: str):  # type: ignore[no-untyped-def]
    kept = WorkerProcess(settings, command=("-c", code))
    task = asyncio.create_task(kept.watch())
    try:
        yield kept
    finally:
        await kept.stop()
        async with asyncio.timeout(DEADLINE_S):
            await task


async def test_ended_politely_with_the_server(settings: Settings) -> None:
    async with watched(settings, POLITE) as kept:
        await eventually(lambda: bool(written(kept.log)))
        (key,) = written(kept.log)
        assert psutil.pid_exists(int(key))
    assert written(kept.log) == [key, "bye"]
    assert not psutil.pid_exists(int(key))


async def test_started_again_when_it_dies(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "BACKOFF_S", 0.05)
    async with watched(settings, POLITE) as kept:
        for count in (1, 2):
            await eventually(lambda count=count: len(written(kept.log)) == count)
            os.kill(int(written(kept.log)[-1]), signal.SIGKILL)
        await eventually(lambda: len(written(kept.log)) == 3)
    assert len(set(written(kept.log)[:3])) == 3


async def test_one_that_cannot_stay_is_tried_ever_more_seldom(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker_process, "BACKOFF_S", 0.01)
    async with watched(settings, SHORT) as kept:
        await eventually(lambda: len(written(kept.log)) >= 4)
    told = [record for record in caplog.records if record.name == "server.worker_process"]
    assert "ended with code 0" in told[0].getMessage()


async def test_the_log_of_the_run_before_is_kept(settings: Settings) -> None:
    for word in ("first", "second"):
        async with watched(settings, f"print('{word}', flush=True)\n{POLITE}") as kept:
            await eventually(lambda word=word: word in written(kept.log))
    assert written(kept.log)[0] == "second"
    assert written(kept.log.with_suffix(".log.1"))[0] == "first"


async def test_stopped_before_it_was_started(settings: Settings) -> None:
    kept = WorkerProcess(settings, command=("-c", POLITE))
    await kept.stop()
    await kept.watch()
    assert not kept.log.exists()
