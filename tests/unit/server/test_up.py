"""`citewell up`: everything overlaps with vLLM's start, and whatever was started is stopped, however it
ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from rich.console import Console

import server.up
from ingest.report import IngestReport
from ingest.source import Failure
from rag.errors import (
    CitewellError,
    DiskFullError,
    GeneratorStartError,
    GeneratorUnavailableError,
    HashMismatchError,
    MachineError,
    SettingsError,
)
from rag.models.protocols import Progress
from rag.settings import GeneratorSettings, ServerSettings, Settings
from server.app import create_app
from server.listen import HttpServer, bind, run_until_signal, url_of
from server.progress import StepEnded, Steps
from server.up import QUESTIONS, SAMPLES, Parts, Up
from tests.fakes.assistant import QUOTE, FakeAssistant
from tests.fakes.ports import free_port

DEADLINE_S = 20.0
REPORT = IngestReport(2, 0, 0, 0, (Failure("bad.pdf", "is damaged"),), 5, 0.1)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.005)


class Assistant(FakeAssistant):
    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def close(self) -> None:
        self._world.happened("server stopped")


class Worker:
    def __init__(self, world: World) -> None:
        self._world = world

    async def watch(self) -> None:
        self._world.happened("worker watch")
        await asyncio.Event().wait()

    async def stop(self) -> None:
        self._world.happened("worker stopped")


class World:
    """Stand-ins for all that `up` starts. ``log`` tells what happened, in order."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.documents = 0
        self.missing: set[str] = set()
        self.errors: dict[str, Exception] = {}
        self.vllm_started = threading.Event()
        self.may_ingest = threading.Event()
        self.may_ingest.set()
        self.app_made = asyncio.Event()
        self.ingested: list[Path] = []
        self.assistant = Assistant(self)

    def happened(self, what: str) -> None:
        self.log.append(what)
        if what in self.errors:
            raise self.errors[what]

    def parts(self) -> Parts:
        return Parts(
            has_model=lambda name, settings: name not in self.missing,
            fetch_model=self.fetch,
            count_documents=lambda settings: self.documents,
            ingest=self.ingest,
            generator=lambda settings: self,
            app=self.app,
            worker=lambda settings: Worker(self),
        )

    def fetch(self, name: str, settings: Settings, progress: Progress) -> None:
        progress("downloading", 5_000_000, 9_000_000)
        self.happened(f"fetch {name}")

    def ingest(self, folder: Path, settings: Settings, progress: Progress) -> IngestReport:
        assert self.may_ingest.wait(DEADLINE_S)
        progress("embed", 1, 2)
        self.ingested.append(folder)
        self.happened("ingest")
        return REPORT

    def app(self, settings: Settings) -> FastAPI:
        self.happened("app")
        self.app_made.set()
        return create_app(settings, self.assistant)

    # the generator

    async def start(self, progress: Progress | None = None) -> None:
        self.happened("vllm start")
        self.vllm_started.set()

    async def wait_ready(self) -> None:
        self.happened("vllm wait")
        await self.app_made.wait()
        self.happened("vllm ready")

    async def watch(self, report: Callable[[CitewellError], None] | None = None) -> None:
        self.happened("vllm watch")
        await asyncio.Event().wait()

    async def stop(self) -> None:
        self.happened("vllm stopped")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def free(settings: Settings) -> Settings:
    """Settings with free ports."""
    generator = GeneratorSettings(port=free_port())
    return settings.model_copy(update={"server": ServerSettings(port=free_port()), "generator": generator})


class Printed:
    """An Up and what it printed."""

    def __init__(self, world: World, settings: Settings, **options: Any) -> None:
        self.told, self.answers = StringIO(), StringIO()
        self.up = Up(
            settings,
            steps=Steps(Console(file=self.told, width=200)),
            out=Console(file=self.answers, width=200),
            parts=world.parts(),
            **options,
        )

    async def run(self, *, once: bool = True) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await self.up.run(once=once)


async def test_everything_overlaps_with_the_start_of_vllm(world: World, free: Settings) -> None:
    # ingestion waits for vLLM's start, and vLLM for the application: neither could happen one after the other
    world.may_ingest = world.vllm_started
    printed = Printed(world, free)
    await printed.run()
    assert world.log[-2:] == ["server stopped", "vllm stopped"]
    assert world.log.index("vllm start") < world.log.index("ingest") < world.log.index("app")
    assert world.log.index("app") < world.log.index("vllm ready")
    assert [question for question, *_ in world.assistant.asked] == list(QUESTIONS)
    answers = printed.answers.getvalue()
    for question in QUESTIONS:
        assert question in answers
    assert answers.count(f"│ {QUOTE}") == 2
    told = printed.told.getvalue()
    assert "2 added" in told
    assert "bad.pdf: is damaged" in told
    assert "Ready after" in told
    assert printed.up.answering


async def test_samples_only_when_there_is_nothing(world: World, free: Settings) -> None:
    world.documents = 3
    await Printed(world, free).run()
    assert world.ingested == []


async def test_samples_that_were_not_finished(world: World, free: Settings) -> None:
    world.errors["ingest"] = DiskFullError("No room.", "Free some.")
    with pytest.raises(DiskFullError):
        await Printed(world, free).run()
    world.documents = 1  # some were ingested before the disk was full
    del world.errors["ingest"]
    await Printed(world, free).run()
    await Printed(world, free).run()
    assert world.ingested == [SAMPLES, SAMPLES]


async def test_other_documents(world: World, free: Settings, tmp_path: Path) -> None:
    world.documents = 3
    await Printed(world, free, documents=tmp_path).run()
    assert world.ingested == [tmp_path]


async def test_without_sample_documents(
    world: World, free: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.up, "SAMPLES", tmp_path / "none")
    printed = Printed(world, free)
    await printed.run()
    assert "citewell ingest PATH" in printed.told.getvalue()


async def test_missing_models_are_fetched_first(world: World, free: Settings) -> None:
    world.missing = {free.embedder.model, free.generator.model}
    printed = Printed(world, free)
    await printed.run()
    assert world.log.index(f"fetch {free.embedder.model}") < world.log.index("ingest")
    assert world.log.index(f"fetch {free.generator.model}") < world.log.index("vllm start")
    assert f"✓ Fetching {free.embedder.model}" in printed.told.getvalue()


@pytest.mark.parametrize("at", ["fetch", "vllm start", "vllm wait", "unexpected"])
async def test_without_vllm_it_goes_on_with_quotes(world: World, free: Settings, at: str) -> None:
    if at == "fetch":
        world.missing = {free.generator.model}
        world.errors[f"fetch {free.generator.model}"] = HashMismatchError("Another hash.", "Try again.")
        expected = "Another hash."
    elif at == "unexpected":
        world.errors["vllm start"] = PermissionError("may not")
        expected = "vLLM could not be started: PermissionError: may not"
    else:
        world.errors[at] = GeneratorStartError("vLLM ended. Its log:\nout of memory", "See the log.")
        expected = "out of memory"
    printed = Printed(world, free)
    await printed.run()
    told = printed.told.getvalue()
    assert expected in told
    assert "Going on without a generator: answers are verified quotes." in told
    assert len(world.assistant.asked) == 2
    assert world.log[-2:] == ["server stopped", "vllm stopped"]


@pytest.mark.parametrize("at", ["fetch", "ingest", "app"])
async def test_a_start_that_fails_halfway_stops_what_runs(world: World, free: Settings, at: str) -> None:
    world.missing = {free.embedder.model}
    what = f"fetch {free.embedder.model}" if at == "fetch" else at
    world.errors[what] = DiskFullError("No room.", "Free some.")
    with pytest.raises(DiskFullError):
        await Printed(world, free).run()
    assert world.log[-1] == "vllm stopped"
    assert not world.assistant.asked
    bind(free).close()  # the port is free again


async def test_an_answer_that_fails_stops_everything(world: World, free: Settings) -> None:
    world.assistant.error = GeneratorUnavailableError("Broken.", "Mend it.")
    with pytest.raises(MachineError, match=r"Broken\.") as raised:
        await Printed(world, free).run()
    assert raised.value.remedy == "Mend it."
    assert world.log[-2:] == ["server stopped", "vllm stopped"]


@pytest.mark.parametrize("section", ["server", "generator"])
async def test_a_port_that_is_taken_is_told_before_anything_starts(
    world: World, free: Settings, section: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", getattr(free, section).port))
        other.listen()
        with pytest.raises(MachineError, match="cannot listen") as raised:
            await Printed(world, free).run()
    assert f"set {section}.port" in raised.value.remedy
    assert world.log == []


async def test_a_generator_that_answers_already_is_used(world: World, free: Settings) -> None:
    models = FastAPI()
    models.add_api_route("/v1/models", lambda: {"data": []})
    at = free.model_copy(update={"server": ServerSettings(port=free.generator.port)})
    running = HttpServer(models, bind(at), at)
    await running.start()
    try:
        printed = Printed(world, free)
        await printed.run()
    finally:
        await running.stop()
    assert not [what for what in world.log if what.startswith("vllm")]
    assert "it is used" in printed.told.getvalue()


@pytest.mark.parametrize("update", [{"enabled": False}, {"url": "http://127.0.0.1:9/v1"}])
async def test_a_generator_that_is_not_ours_is_not_started(
    world: World, free: Settings, update: dict[str, Any]
) -> None:
    generator = free.generator.model_copy(update=update)
    await Printed(world, free.model_copy(update={"generator": generator})).run()
    assert not [what for what in world.log if what.startswith("vllm")]


async def test_only_loopback(world: World, free: Settings) -> None:
    wide = free.model_copy(update={"server": ServerSettings(host="0.0.0.0", port=free.server.port)})
    with pytest.raises(SettingsError):
        await Printed(world, wide).run()
    assert world.log == []


async def test_it_stays_until_a_signal_and_then_stops_everything(world: World, free: Settings) -> None:
    printed = Printed(world, free)
    running = asyncio.create_task(run_until_signal(printed.run(once=False)))
    await eventually(lambda: "until Ctrl-C" in printed.told.getvalue())
    async with httpx.AsyncClient(base_url=url_of(free), trust_env=False) as client:
        assert (await client.get("/healthz")).status_code == 200
    assert "vllm watch" in world.log
    assert "worker watch" in world.log
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == signal.SIGTERM
    assert world.log[-3:] == ["worker stopped", "server stopped", "vllm stopped"]
    assert printed.told.getvalue().endswith("Stopping the worker\nStopping the server\nStopping vLLM\n")


async def test_a_signal_while_it_starts(world: World, free: Settings) -> None:
    world.may_ingest = threading.Event()
    printed = Printed(world, free)
    running = asyncio.create_task(run_until_signal(printed.run()))
    await eventually(lambda: "vllm wait" in world.log)
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == signal.SIGINT
    assert world.log[-1] == "vllm stopped"
    assert not printed.up.answering
    # the ingestion that was left to itself ends at its next word
    world.may_ingest.set()
    await eventually(lambda: not any(t.name == "citewell-work" for t in threading.enumerate()))
    assert world.ingested == []


def test_steps_on_a_terminal_may_overlap() -> None:
    screen = StringIO()
    steps = Steps(Console(file=screen, force_terminal=True, width=120))
    with steps.step("first") as first, steps.step("second") as second:
        first("downloading", 1_000_000, 2_000_000)
        second("files", 1, 2)
        steps.say("a line between")
    with pytest.raises(ValueError, match="broken"), steps.step("third"):
        raise ValueError("broken")
    shown = screen.getvalue()
    for line in ("✓ first (0 s)", "✓ second (0 s)", "✗ third", "a line between"):
        assert line in shown
    with pytest.raises(StepEnded):
        first("downloading", 2_000_000, 2_000_000)
    assert not any(thread.daemon and "rich" in thread.name.lower() for thread in threading.enumerate())


def test_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.progress.LINE_EVERY_S", 0.0)
    told = StringIO()
    with Steps(Console(file=told, width=120)).step("Fetching x") as progress:
        progress("downloading", 1_500_000, 3_000_000)
        progress("converting", 0, 0)
    assert told.getvalue().splitlines() == [
        "… Fetching x",
        "  Fetching x: downloading 2/3 MB",
        "  Fetching x: converting",
        "✓ Fetching x (0 s)",
    ]
