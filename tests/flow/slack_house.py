"""A real Citewell server beside a stand-in of Slack: who is who, what may be read, and the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from ingest.pipeline import sync
from rag.models.lazy import LazyEmbedder
from rag.settings import Settings, SourceSettings, load_settings
from rag.store import Store
from server.auth.people import People
from server.auth.principal import Role
from tests.fakes.ports import free_port
from tests.fakes.slack import BOT_TOKEN, SECRET, Slack

__all__ = ["PUBLIC_URL", "House", "house_of", "until"]

T = TypeVar("T")
REPOSITORY = Path(__file__).resolve().parents[2]
EMBEDDER, GENERATOR = "multilingual-e5-small", "smollm2-135m-instruct"
PUBLIC_URL = "https://citewell.example"
START_S, DEADLINE_S, STOP_S = 300.0, 60.0, 60.0
LOG_CHARS = 10_000
DOCUMENTS = {
    "": {
        "leave.md": "# Leave\n\nEmployees have 25 days of annual leave. Unused days lapse on 31 March.",
        "差旅.md": "# 差旅制度\n\n员工出差住宿费上限为每晚600元。报销单须在三十天内提交给财务部。",
    },
    "staff": {
        "vpn.md": "# Network\n\nThe password of the guest network at the plant is changed every 90 days."
    },
    "board": {"salary.md": "# Salaries\n\nThe salary of the managing director is 250000 EUR a year."},
}
PEOPLE = {"Ann": ("staff", "board"), "Bob": ("staff",), "Cy": (), "Ada": ("staff",)}


def until(there: Callable[[], T], what: str, within_s: float = DEADLINE_S) -> T:
    """What ``there`` returns once it is true."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if found := there():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {within_s:g} s")


class House:
    """``command`` is up or serve; the process may be killed and started again."""

    def __init__(self, home: Path, slack: Slack, command: str, **given: str) -> None:
        self.home = home
        self.slack = slack
        self._command = command
        self.port = free_port()
        way_in = {} if "SLACK__APP_TOKEN" in given else {"SLACK__SIGNING_SECRET": SECRET}
        told = {
            "HOME": str(home),
            "SERVER__PORT": str(self.port),
            "SERVER__PUBLIC_URL": PUBLIC_URL,
            "GENERATOR__MODEL": GENERATOR,
            "GENERATOR__PORT": str(free_port()),
            "GENERATOR__PYTHON": str(load_settings().generator.python),
            "GENERATOR__ENABLED": "true" if command == "up" else "false",
            "SLACK__BOT_TOKEN": BOT_TOKEN,
            "SLACK__API_URL": slack.api_url,
            "SLACK__LEASE_S": "3",
            "SLACK__QUESTIONS_PER_HOUR": "0",
            "LIMITS__ANSWERS_PER_MINUTE": "0",
            **way_in,
            **given,
        }
        self.environment = os.environ | {f"CITEWELL_{name}": value for name, value in told.items()}
        self.process: subprocess.Popen[bytes] | None = None
        if way_in:
            slack.door.url = f"http://127.0.0.1:{self.port}/v1/slack/events"

    def start(self) -> None:
        with (self.home / "server.log").open("ab") as log:
            command = [sys.executable, "-X", "faulthandler", "-m", "server.cli", self._command]
            self.process = subprocess.Popen(
                command, cwd=REPOSITORY, env=self.environment, stdout=log, stderr=log
            )
        until(self._ready, f"the server\n{self.log()}", START_S)

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        request = f"http://127.0.0.1:{self.port}/readyz"
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                request, timeout=5
            ) as reply:
                told = reply.read()
        except OSError:
            return False
        return b'"status":"ready"' in told if self._command == "up" else b'"index":"ready"' in told

    def log(self) -> str:
        return (self.home / "server.log").read_text("utf-8", "replace")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                code = self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGABRT)  # faulthandler says where each thread is
                self.process.wait()
                raise AssertionError(f"The server did not end.\n{self.log()[-LOG_CHARS:]}") from None
            assert code == 0


def _fill(settings: Settings, folder: Path) -> None:
    store = Store.open(settings)
    embedder = LazyEmbedder.of(store, settings)
    for group, files in DOCUMENTS.items():
        at = folder / (group or "everyone")
        at.mkdir(parents=True)
        for name, text in files.items():
            (at / name).write_text(text, "utf-8")
        source = SourceSettings(location=str(at), groups=[group] if group else [])
        sync(at.name, source, settings=settings, store=store, embedder=embedder)
    people = People(store)
    for name, groups in PEOPLE.items():
        role = Role.ADMINISTRATOR if name == "Ada" else Role.READER
        address = f"{name.lower()}@heron.example"
        people.add(name, "four plain words here", role=role, groups=list(groups), email=address)
    store.close()


def _populate(slack: Slack) -> None:
    at = slack.workspace
    for name in PEOPLE:
        at.person(f"U{name.upper()}", f"{name.lower()}@heron.example")
    at.person("UGUEST", "ann@heron.example", is_restricted=True)
    at.person("UELSE", "bob@heron.example", team_id="T2", is_stranger=True)
    everybody = ("UANN", "UBOB", "UCY", "UADA")
    at.channel("CALL", *everybody, kind="public")
    at.channel("CSTAFF", "UANN", "UBOB", "UADA", "UGONE", kind="private")
    at.person("UGONE", "gone@heron.example", deleted=True)
    at.channel("CBOARD", "UANN", kind="private")
    at.channel("CSHARED", "UANN", "UBOB", "UELSE", kind="private", is_ext_shared=True)
    at.channel("CGUEST", "UANN", "UBOB", "UGUEST", kind="private")
    for user in (*everybody, "UGUEST", "UELSE"):
        at.channel(f"D{user[1:]}", user, kind="im", user=user)


@contextmanager
def house_of(home: Path, slack: Slack, command: str = "serve", **given: str) -> Iterator[House]:
    """Running, with documents and people in it; skips where the models are not."""
    settings = load_settings()
    generators = [given.get("GENERATOR__MODEL", GENERATOR)] if command == "up" else []
    for name in (EMBEDDER, *generators):
        if not (settings.models_dir / name / "citewell.json").is_file():
            pytest.skip(f"{name} is not on this machine: citewell model pull {name}")
    if command == "up" and not settings.generator.python.exists():
        pytest.skip(f"there is no vLLM at {settings.generator.python}: make vllm-env")
    home.mkdir(parents=True)
    (home / "models").symlink_to(settings.models_dir.resolve())
    _fill(settings.model_copy(update={"home": home}), home / "papers")
    _populate(slack)
    made = House(home, slack, command, **given)
    try:
        made.start()
        yield made
        made.stop()
    finally:
        if made.process is not None and made.process.poll() is None:
            made.process.kill()
            made.process.wait()
