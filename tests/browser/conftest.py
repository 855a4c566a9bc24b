"""The built page in real Chromium, over a real server, database and answer path; only models are fakes."""

from __future__ import annotations

import asyncio
import io
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import argon2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from reportlab.pdfgen.canvas import Canvas

import server.auth.passwords
from ingest.pipeline import sync
from rag.assistant import Assistant
from rag.index.dense import DenseIndex
from rag.searcher import Searcher
from rag.settings import ServerSettings, Settings, SourceSettings
from rag.store import Store
from rag.types import Event, SentenceChecked, Turn, User
from server.app import create_app
from server.auth.people import People
from server.auth.principal import Role
from server.listen import HttpServer, bind
from server.web import FOLDER
from tests.fakes.company import fill
from tests.fakes.served import embedder_of
from tests.fakes.work import settings_of

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PASSWORD = "four plain words here"
DEADLINE_S = 20.0
HARBOUR = """# Harbour guide

## Berths

The harbour has forty berths for visiting boats. They are given in the order of arrival.

## Fuel

Diesel and petrol are sold at the east pier between eight and noon. Fuel is paid for at the office.
"""
QUOTE = "The press may only be started with both hands."


class Gated(Assistant):
    """Holds an answer after its first sentence while the gate is closed."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.gate = asyncio.Event()
        self.gate.set()

    async def stream(
        self, question: str, *, user: User | None = None, history: Sequence[Turn] = ()
    ) -> AsyncIterator[Event]:
        async for event in super().stream(question, user=user, history=history):
            yield event
            if isinstance(event, SentenceChecked):
                await self.gate.wait()


@dataclass
class House:
    """A server that runs in a thread of its own."""

    settings: Settings
    store: Store
    assistant: Gated
    url: str = ""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    server: HttpServer | None = None

    def call(self, work: Callable[[], object]) -> None:
        """Do something in the server's loop."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (work(), done.set()))
        assert done.wait(DEADLINE_S)

    def close_gate(self) -> None:
        self.call(self.assistant.gate.clear)

    def open_gate(self) -> None:
        self.call(self.assistant.gate.set)

    def cut(self) -> None:
        """Break every connection, as a network does."""
        assert self.server is not None
        connections = self.server._server.server_state.connections
        self.call(lambda: [one.transport.abort() for one in list(connections)])

    @contextmanager
    def worker(self) -> Iterator[None]:
        """Let the queue be worked off within the block, by a process as `citewell worker` is."""
        command = [sys.executable, "-m", "tests.fakes.work", str(self.settings.home), "common=0.78"]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as running:
            try:
                yield
            finally:
                running.terminate()


def pdf() -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(420, 595), invariant=1)
    canvas.drawString(50, 540, "Press rules")
    canvas.showPage()
    canvas.drawString(50, 540, "2. Start of the press")
    canvas.drawString(50, 500, QUOTE)
    canvas.drawString(50, 460, "The guard stays closed while the press moves.")
    canvas.save()
    return out.getvalue()


def _people(store: Store) -> None:
    people = People(store)
    people.add("Ann", PASSWORD, role=Role.READER, groups=["staff", "board"])
    people.add("Bob", PASSWORD, role=Role.READER, groups=["staff"])
    people.add("Ada", PASSWORD, role=Role.ADMINISTRATOR, groups=["staff"])


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if not (FOLDER / "index.html").is_file():
        pytest.skip("the page is not built: make web")
    root = tmp_path_factory.mktemp("house")
    settings = settings_of(root / "home")
    told = ServerSettings.model_construct(
        **{**settings.server.model_dump(), "host": "127.0.0.1", "port": 0, "resume_s": 60}
    )
    settings = settings.model_copy(update={"server": told})
    store = Store.open(settings)
    embedder = embedder_of()
    fill(store, embedder)
    files = root / "files"
    files.mkdir()
    (files / "press.pdf").write_bytes(pdf())
    (files / "harbour.md").write_text(HARBOUR, "utf-8")
    (files / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    sync("plant", SourceSettings(location=str(files)), settings=settings, store=store, embedder=embedder)
    with pytest.MonkeyPatch.context() as patch:
        cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(server.auth.passwords, "_HASHER", cheap)
        server.auth.passwords._nobodys.cache_clear()
        _people(store)
        searcher = Searcher(store, embedder, DenseIndex(store, settings.index_dir, embedder))
        yield from _running(House(settings, store, Gated(settings, store, searcher, None)))


def _running(one: House) -> Iterator[House]:
    listener = bind(one.settings)
    one.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    one.server = HttpServer(create_app(one.settings, one.assistant), listener, one.settings)
    thread = threading.Thread(target=one.loop.run_forever, name="house", daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(one.server.start(), one.loop).result(DEADLINE_S)
    try:
        yield one
    finally:
        one.open_gate()
        asyncio.run_coroutine_threadsafe(one.server.stop(), one.loop).result(DEADLINE_S)
        one.loop.call_soon_threadsafe(one.loop.stop)
        thread.join(DEADLINE_S)
        one.loop.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("there is no Chromium: make system")
    with sync_playwright() as made:
        opened = made.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


class Desk:
    """Opens windows of the page and collects what goes wrong in them."""

    def __init__(self, chromium: Browser, house: House) -> None:
        self._chromium = chromium
        self._house = house
        self._contexts: list[BrowserContext] = []
        self.faults: list[str] = []

    def window(self, who: str | None = "Ann", path: str = "/", **given: object) -> Page:
        """A window of a browser of its own; ``who`` has signed in already."""
        given = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **given}
        context = self._chromium.new_context(base_url=self._house.url, **given)  # type: ignore[arg-type]
        self._contexts.append(context)
        context.set_default_timeout(1000 * DEADLINE_S)
        if who is not None:
            signed = context.request.post("/v1/session", data={"name": who, "password": PASSWORD})
            assert signed.ok, signed.text()
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda told: self._listen(told.type, told.text))
        page.goto(path)
        return page

    def _listen(self, kind: str, text: str) -> None:
        # a refused or broken request is some tests' subject; the CSP's complaints are nobody's
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.faults.append(text)

    def close(self) -> None:
        for one in self._contexts:
            one.close()


@pytest.fixture
def desk(chromium: Browser, house: House) -> Iterator[Desk]:
    made = Desk(chromium, house)
    yield made
    house.open_gate()
    made.close()
    assert made.faults == []


@pytest.fixture(scope="session")
def shots() -> Path:
    """Where the tests put pictures of the page."""
    folder = Path(__file__).parents[2] / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
