from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import argon2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import server.auth.passwords
from rag.settings import Settings
from rag.store import Store
from server.app import create_app
from server.auth.keys import Keys
from server.auth.people import People, Person
from server.auth.principal import OPERATOR, Role, Scope
from tests.fakes.assistant import FakeAssistant

LOCAL = "http://127.0.0.1:8100"
PASSWORD = "four plain words here"


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that take no time; what they cost in earnest is argon2's own affair."""
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(server.auth.passwords, "_HASHER", cheap)
    server.auth.passwords._nobodys.cache_clear()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """As they are by default: nobody is let in for being on this machine."""
    closed = settings.server.model_copy(update={"open_on_loopback": False})
    return settings.model_copy(update={"server": closed})


@pytest.fixture
def app(settings: Settings, assistant: FakeAssistant) -> FastAPI:
    return create_app(settings, assistant)


@pytest.fixture
def nobody(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=LOCAL, client=("127.0.0.1", 50000)) as made:
        yield made


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def people(store: Store) -> People:
    return People(store)


@pytest.fixture
def add(people: People) -> Callable[..., Person]:
    def run(name: str, role: str = "reader", **about: Any) -> Person:
        return people.add(name, PASSWORD, role=Role(role), **about)

    return run


@pytest.fixture
def bearer(store: Store) -> Callable[..., dict[str, str]]:
    """The header of a new key of that person (the operator), with these scopes (all)."""

    def run(person_id: str = OPERATOR.id, *scopes: Scope, expires: float | None = None) -> dict[str, str]:
        _, text = Keys(store).add(person_id, "a test", scopes or tuple(Scope), expires)
        return {"Authorization": f"Bearer {text}"}

    return run


@pytest.fixture
def signed_in(nobody: TestClient) -> Callable[[str], dict[str, str]]:
    """Sign the client in; the header that its browser's page would send."""

    def run(name: str) -> dict[str, str]:
        answered = nobody.post("/v1/session", json={"name": name, "password": PASSWORD})
        assert answered.status_code == 200, answered.text
        return {"X-CSRF-Token": answered.json()["csrf"]}

    return run
