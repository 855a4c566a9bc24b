"""Everything at once: models, vLLM, documents, server, two questions, worker; and all of it ended again.

vLLM takes most of the time to start, so it is started as soon as its model is there and everything else
happens meanwhile. What this starts it stops, in the opposite order, however it ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
from fastapi import FastAPI
from rich.console import Console
from rich.text import Text

from ingest.pipeline import ingest
from ingest.refine import refine
from ingest.report import IngestReport, Phase
from rag.errors import CitewellError, MachineError
from rag.models.catalogue import catalogue, find
from rag.models.fetch import is_current, pull
from rag.models.folder import read_record
from rag.models.lazy import LazyEmbedder
from rag.models.protocols import Progress
from rag.settings import Settings
from rag.store import Store
from server.app import create_app
from server.auth.door import require_sign_in
from server.auth.operator import welcome
from server.background import in_thread
from server.generator import Generator
from server.generator_state import generator_answers
from server.listen import HttpServer, bind, bind_generator, url_of
from server.progress import Steps
from server.readiness import Readiness
from server.schema import AnswerOut
from server.show import show_answer
from server.worker_process import WorkerProcess

__all__ = ["QUESTIONS", "SAMPLES", "GeneratorProcess", "Parts", "SyncingProcess", "Up"]

logger = logging.getLogger(__name__)

SAMPLES = Path(__file__).resolve().parents[1] / "deploy" / "sample" / "documents"
QUESTIONS = (
    "Within how many hours must a lost laptop be reported to the IT service desk?",
    "HS-900出现E55漏液报警时应该怎么办？",
)
PENDING = "samples.pending"  # in the home while the sample documents are being ingested
ANSWER_TIMEOUT_S = 300.0


class GeneratorProcess(Protocol):
    """What is asked of server.generator.Generator."""

    async def start(self, progress: Progress | None = None) -> None:
        """Start the process."""

    async def wait_ready(self) -> None:
        """Return once it answers."""

    async def watch(self, report: Callable[[CitewellError], None] | None = None) -> None:
        """Restart it whenever it ends."""

    async def stop(self) -> None:
        """End it."""


class SyncingProcess(Protocol):
    """What is asked of server.worker_process.WorkerProcess."""

    async def watch(self) -> None:
        """Run it, again whenever it ends."""

    async def stop(self) -> None:
        """End it."""


def has_model(name: str, settings: Settings) -> bool:
    """Whether the model is on this machine, as the catalogue pins it or imported under a name of its own."""
    entry = next((entry for entry in catalogue() if entry.name == name), None)
    if entry is None:
        return read_record(settings.models_dir / name) is not None
    return is_current(entry, settings.models_dir)


def fetch_model(name: str, settings: Settings, progress: Progress) -> None:
    """Fetch, verify and convert a model of the catalogue."""
    pull(find(name), settings.models_dir, progress)


def count_documents(settings: Settings) -> int:
    """How many documents are ingested."""
    store = Store.open(settings)
    try:
        return store.counts()["documents"]
    finally:
        store.close()


def ingest_folder(folder: Path, settings: Settings, progress: Progress) -> IngestReport:
    """Ingest the files under ``folder`` that are new or changed."""

    def show(phase: Phase, done: int, total: int, name: str, size: int) -> None:
        progress(phase, done, total)

    store = Store.open(settings)
    try:
        embedder = LazyEmbedder.of(store, settings)
        report = ingest([folder], settings=settings, store=store, embedder=embedder, progress=show)
        refine(settings=settings, store=store, load=embedder.named, progress=show)
        return report
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class Parts:
    """What Up puts together."""

    has_model: Callable[[str, Settings], bool] = has_model
    fetch_model: Callable[[str, Settings, Progress], None] = fetch_model
    count_documents: Callable[[Settings], int] = count_documents
    ingest: Callable[[Path, Settings, Progress], IngestReport] = ingest_folder
    generator: Callable[[Settings], GeneratorProcess] = Generator
    app: Callable[[Settings], FastAPI] = create_app
    worker: Callable[[Settings], SyncingProcess] = WorkerProcess


class Up:
    """One start, from ports to answers. ``answering`` turns true when the questions are answered."""

    def __init__(
        self,
        settings: Settings,
        *,
        steps: Steps,
        out: Console,
        documents: Path | None = None,
        parts: Parts | None = None,
    ) -> None:
        self._settings = settings
        self._steps = steps
        self._out = out
        self._documents = documents
        self._parts = parts or Parts()
        self._generator_settled = asyncio.Event()
        self.answering = False

    async def run(self, *, once: bool = False) -> None:
        """Start everything, answer the two questions, then stay until cancelled (not with ``once``).

        Raises CitewellError when answering is impossible; without a generator it goes on with quotes.
        """
        begun = time.monotonic()
        settings = self._settings
        require_sign_in(settings)
        async with AsyncExitStack() as stack:
            listener = bind(settings)
            stack.callback(listener.close)
            if await self._starts_generator():
                generator = self._parts.generator(settings)
                stack.push_async_callback(self._stopped, "vLLM", generator.stop)
                task = asyncio.create_task(self._generate(generator))
                stack.push_async_callback(_cancelled, task)
            else:
                self._generator_settled.set()
            await self._prepare()
            app = self._parts.app(settings)
            server = HttpServer(app, listener, settings)
            stack.push_async_callback(self._stopped, "the server", server.stop)
            greeting = await in_thread(lambda: welcome(settings, url_of(settings)))
            with self._steps.step("Opening the documents"):
                await server.start()
                state: Readiness = app.state.readiness
                await state.wait()
            await self._generator_settled.wait()
            await self._answer_questions(greeting.key)
            self.answering = True
            self._steps.say(f"Ready after {time.monotonic() - begun:.0f} s.", "bold")
            if not once:
                worker = self._parts.worker(settings)
                stack.push_async_callback(self._stopped, "the worker", worker.stop)
                stack.push_async_callback(_cancelled, asyncio.create_task(worker.watch()))
                self._steps.say(f"Citewell answers at {url_of(settings)} until Ctrl-C.", "bold")
                if greeting.link:
                    self._steps.say(f"Sign in, once within a day, with {greeting.link}")
                await server.wait()

    async def _starts_generator(self) -> bool:
        """Whether vLLM is ours to start. Raises MachineError when something else holds its port."""
        settings = self._settings
        if not settings.generator.enabled or settings.generator.url:
            return False
        try:
            bind_generator(settings).close()
        except MachineError:
            if not await generator_answers(settings):
                raise
            self._steps.say(f"A generator answers already at {settings.generator_url}; it is used.")
            return False
        return True

    async def _generate(self, generator: GeneratorProcess) -> None:
        """Bring vLLM up and keep it up. Its failure is told, not raised: answers are quotes then."""
        name = self._settings.generator.model
        try:
            await self._model(name)
            with self._steps.step(f"Starting vLLM with {name}") as progress:
                await generator.start(progress)
                await generator.wait_ready()
        except Exception as error:
            if not isinstance(error, CitewellError):
                logger.exception("vLLM could not be started")
                error = MachineError(f"vLLM could not be started: {type(error).__name__}: {error}.")
            self._tell(error)
            self._steps.say("Going on without a generator: answers are verified quotes.", "yellow")
            return
        finally:
            self._generator_settled.set()
        await generator.watch(self._tell)

    def _tell(self, error: CitewellError) -> None:
        self._steps.say(error.message, "red")
        if error.remedy:
            self._steps.say(error.remedy)

    async def _model(self, name: str) -> None:
        if await in_thread(lambda: self._parts.has_model(name, self._settings)):
            return
        with self._steps.step(f"Fetching {name}") as progress:
            await in_thread(lambda: self._parts.fetch_model(name, self._settings, progress))

    async def _prepare(self) -> None:
        """Embedder and documents."""
        settings = self._settings
        await self._model(settings.embedder.model)
        folder = self._documents
        pending = settings.home / PENDING
        if folder is None:
            # an earlier start may have been ended while it ingested the samples
            if await in_thread(lambda: self._parts.count_documents(settings)) and not pending.exists():
                return
            if not SAMPLES.is_dir():
                self._steps.say("There are no documents: `citewell ingest PATH` brings yours in.", "yellow")
                return
            folder = SAMPLES
            pending.parent.mkdir(parents=True, exist_ok=True)
            pending.touch()
        what = folder.name if self._documents else "the sample documents"
        with self._steps.step(f"Ingesting {what}") as progress:
            report = await in_thread(lambda: self._parts.ingest(folder, settings, progress))
        if folder == SAMPLES:
            pending.unlink(missing_ok=True)
        self._steps.say(f"  {report.added} added, {report.updated} updated, {report.unchanged} unchanged")
        for failure in report.failed:
            self._steps.say(f"  {failure.source}: {failure.error}", "yellow")

    async def _answer_questions(self, key: str) -> None:
        """Ask over HTTP, as everybody else will."""
        async with httpx.AsyncClient(
            base_url=url_of(self._settings),
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=ANSWER_TIMEOUT_S,
        ) as client:
            for question in QUESTIONS:
                self._out.print(Text(question, style="bold"))
                with self._steps.step("Answering"):
                    answered = await client.post("/v1/ask", json={"question": question})
                if answered.is_error:
                    problem = answered.json()
                    raise MachineError(f"The server could not answer: {problem['detail']}", problem["remedy"])
                show_answer(self._out, AnswerOut.model_validate(answered.json()))
                self._out.print()

    async def _stopped(self, name: str, stop: Callable[[], Awaitable[None]]) -> None:
        self._steps.say(f"Stopping {name}")
        await stop()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
