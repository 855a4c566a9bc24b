"""Two people of different groups share nothing, over a real database and index."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from rag.assistant import Assistant
from rag.index.dense import DenseIndex
from rag.searcher import Searcher
from rag.settings import Settings
from rag.store import Store
from server.app import create_app
from server.auth.people import People, Person
from tests.fakes.embedder import HashingEmbedder
from tests.fakes.library import put
from tests.unit.server.auth.conftest import LOCAL

QUESTION = "What does the cooling pump weigh?"
PUMPS = {
    "staff": "The cooling pump of the staff building weighs 4711 kilograms.",
    "board": "The cooling pump of the board building weighs 8822 kilograms.",
    "private": "The cooling pump in my own garden weighs 3399 kilograms.",
    "public": "The cooling pump in the catalogue weighs 1234 kilograms.",
}
WORDS = {name: text.split()[-2] for name, text in PUMPS.items()}


@pytest.fixture
def client(settings: Settings, store: Store) -> Iterator[TestClient]:
    embedder = HashingEmbedder(common=0.78)
    for name in ("staff", "board"):
        put(store, embedder, f"{name}.txt", [PUMPS[name]], groups=(name,))
    put(store, embedder, "public.txt", [PUMPS["public"]])
    index = DenseIndex(store, settings.index_dir, embedder)
    assistant = Assistant(settings, store, Searcher(store, embedder, index), None)
    with TestClient(create_app(settings, assistant), base_url=LOCAL) as made:
        yield made


def seen(client: TestClient, headers: dict[str, str]) -> set[str]:
    """The documents that anything of whatever is sent for the question comes from."""
    found = client.get("/v1/search", params={"q": QUESTION, "k": 50}, headers=headers)
    whole = client.post("/v1/ask", json={"question": QUESTION}, headers=headers)
    streamed = client.post("/v1/ask", json={"question": QUESTION, "stream": True}, headers=headers)
    assert {found.status_code, whole.status_code, streamed.status_code} == {200}
    sent = found.text + whole.text + streamed.text
    return {name for name, word in WORDS.items() if word in sent}


def test_each_sees_what_is_theirs(
    client: TestClient,
    settings: Settings,
    store: Store,
    people: People,
    add: Callable[..., Person],
    bearer: Callable[..., dict[str, str]],
) -> None:
    anna, bert = add("Anna", groups=["staff"]), add("Bert", groups=["board"])
    boss = add("Boss", "administrator")
    keys = {one.name: bearer(one.id) for one in (anna, bert, boss)}
    put(store, HashingEmbedder(common=0.78), "own.txt", [PUMPS["private"]], groups=(anna.principal.own,))
    assert seen(client, keys["Anna"]) == {"staff", "private", "public"}
    assert seen(client, keys["Bert"]) == {"board", "public"}
    assert seen(client, keys["Boss"]) == {"public"}
    assert seen(client, keys["Anna"]) == {"staff", "private", "public"}, "in whatever order they ask"
    assert seen(client, bearer()) == set(WORDS), "the machine's operator"
    people.change(anna.id, {"groups": ["board"]})
    assert seen(client, keys["Anna"]) == {"board", "private", "public"}, "from the next question on"
