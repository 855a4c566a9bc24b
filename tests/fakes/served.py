"""A server over a real database, index and answer path, for several people; only the models are fakes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import FastAPI, Header
from fastapi.testclient import TestClient

from rag.assistant import Assistant
from rag.index.dense import DenseIndex
from rag.models.protocols import ChatProtocol
from rag.searcher import Searcher
from rag.settings import Settings
from rag.store import Store
from server.app import create_app
from server.auth import Principal, Role
from server.auth.identity import Identity, identity
from tests.fakes.company import fill
from tests.fakes.embedder import HashingEmbedder

__all__ = [
    "ADA",
    "ANN",
    "BOB",
    "EVE",
    "LOCAL",
    "PEOPLE",
    "app_of",
    "assistant_of",
    "client_of",
    "embedder_of",
]

LOCAL = "http://127.0.0.1:8100"
ANN = Principal("a1", "Ann", Role.READER, frozenset({"staff", "board"}))
BOB = Principal("b2", "Bob", Role.READER, frozenset({"staff"}))
EVE = Principal("e3", "Eve", Role.EDITOR, frozenset({"staff"}))
ADA = Principal("d4", "Ada", Role.ADMINISTRATOR, frozenset({"staff"}))
PEOPLE = {one.name: one for one in (ANN, BOB, EVE, ADA)}


def embedder_of() -> HashingEmbedder:
    """Cosines like those of the default embedder."""
    return HashingEmbedder(common=0.78)


def assistant_of(settings: Settings, store: Store, chat: ChatProtocol | None = None) -> Assistant:
    """Answers from the company's documents, which it puts into the store."""
    embedder = embedder_of()
    fill(store, embedder)
    return Assistant(
        settings, store, Searcher(store, embedder, DenseIndex(store, settings.index_dir, embedder)), chat
    )


def app_of(settings: Settings, assistant: Assistant) -> FastAPI:
    """The application; who asks is named by the header X-As."""
    app = create_app(settings, assistant)

    def who(x_as: Annotated[str, Header(include_in_schema=False)] = "Ann") -> Identity:
        return Identity(PEOPLE[x_as])

    app.dependency_overrides[identity] = who
    return app


@contextmanager
def client_of(settings: Settings, chat: ChatProtocol | None = None) -> Iterator[tuple[TestClient, Store]]:
    """A client of such a server, and the store behind it."""
    store = Store.open(settings)
    with TestClient(app_of(settings, assistant_of(settings, store, chat)), base_url=LOCAL) as client:
        yield client, store
