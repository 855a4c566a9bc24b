from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag.settings import Settings
from server.app import create_app
from tests.fakes.assistant import FakeAssistant


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test may see this checkout's citewell.toml or home."""
    import os

    for name in list(os.environ):
        if name.startswith("CITEWELL_"):
            monkeypatch.delenv(name)
    (tmp_path / "citewell.toml").write_text(
        'home = "home"\n[generator]\nport = 9\npython = "no-such-python"\n'
        "[server]\nopen_on_loopback = true\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("CITEWELL_CONFIG", str(tmp_path / "citewell.toml"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    from rag.settings import load_settings

    return load_settings()


@pytest.fixture
def assistant() -> FakeAssistant:
    return FakeAssistant()


@pytest.fixture
def client(settings: Settings, assistant: FakeAssistant) -> Iterator[TestClient]:
    with TestClient(create_app(settings, assistant), base_url="http://127.0.0.1:8100") as made:
        yield made
