from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ingest.pipeline import sync
from ingest.registry import Registry
from rag.conversations import Conversations
from rag.errors import NotFoundError
from rag.library import Library
from rag.settings import Settings
from rag.store import Store
from rag.types import User
from server.auth.people import People, Person
from tests.fakes.embedder import HashingEmbedder


def test_an_account_takes_along_what_is_nobody_elses(
    nobody: TestClient,
    settings: Settings,
    store: Store,
    add: Callable[..., Person],
    bearer: Callable[..., dict[str, str]],
) -> None:
    bob, eve = add("bob"), add("eve")
    for person in (bob, eve):
        name = f"uploads.private-{person.id}"
        sent = {"file": (f"{person.name}.txt", f"The notes of {person.name}.".encode())}
        reply = nobody.post("/v1/documents", headers=bearer(person.id), files=sent, data={"private": "true"})
        assert reply.status_code == 202
        sync(name, Registry(settings, store).get(name).config, settings=settings, store=store,
             embedder=HashingEmbedder())  # fmt: skip
        Conversations(store).create(person.id, title=f"talk of {person.name}")
    titles = {Path(one.uri).name for one in Library(store).list(User())}
    assert titles == {"bob.txt", "eve.txt"}

    assert nobody.delete(f"/v1/users/{bob.id}", headers=bearer()).status_code == 204
    with pytest.raises(NotFoundError):
        People(store).get(bob.id)
    assert {Path(one.uri).name for one in Library(store).list(User())} == {"eve.txt"}
    assert not Conversations(store).list(bob.id)
    assert len(Conversations(store).list(eve.id)) == 1
    assert not (settings.uploads_dir / f"private-{bob.id}").exists()
    assert (settings.uploads_dir / f"private-{eve.id}" / "eve.txt").exists()
