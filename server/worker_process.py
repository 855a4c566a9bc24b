"""Keeps a worker beside the server of `citewell up`: starts it, starts it again when it ends, and takes it
along at the end, however that comes about (server/warden.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from pathlib import Path

from rag.settings import Settings

__all__ = ["WorkerProcess"]

logger = logging.getLogger(__name__)

GRACE_S = 25.0  # a job stops between two batches; what is not done by then is gone on with later
BACKOFF_S = 1.0
BACKOFF_MOST_S = 60.0
STEADY_S = 120.0  # after so long a life the next start is tried without delay again


class WorkerProcess:
    """``watch`` as a task, and ``stop`` at the end."""

    def __init__(
        self, settings: Settings, *, command: tuple[str, ...] = ("-m", "server.cli", "worker")
    ) -> None:
        self._command = command
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self.log: Path = settings.logs_dir / "worker.log"

    async def watch(self) -> None:
        """Run the worker, again whenever it ends, with a delay that doubles up to a minute; returns after
        ``stop``.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        delay = BACKOFF_S
        while not self._stopping.is_set():
            begun = time.monotonic()
            process = self._process = await self._spawn()
            if self._stopping.is_set():  # stopped while it was being started
                await self._end()
                return
            code = await process.wait()
            if self._stopping.is_set():
                return
            if time.monotonic() - begun > STEADY_S:
                delay = BACKOFF_S
            logger.warning("The worker ended with code %s; it is started again (log: %s)", code, self.log)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()
            delay = min(2 * delay, BACKOFF_MOST_S)

    async def stop(self) -> None:
        """End the worker: SIGTERM, SIGKILL after the grace."""
        self._stopping.set()
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(GRACE_S + 5):
                await process.wait()
        except TimeoutError:
            # the warden itself hangs; its death takes the worker with it
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _spawn(self) -> asyncio.subprocess.Process:
        warden = Path(__file__).with_name("warden.py")
        options = json.dumps({"env": {}, "grace_s": GRACE_S})
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(warden), options, sys.executable, *self._command,
                stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
