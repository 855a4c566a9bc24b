"""Conversations over HTTP: trees of messages, whose answers are confirmed whenever they are read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rag.prompts import phrase
from rag.settings import Settings
from rag.store import Store
from tests.fakes.chat import FakeChat
from tests.fakes.company import DOCUMENTS, SECRET
from tests.fakes.library import put, take_away
from tests.fakes.served import ANN, PEOPLE, client_of, embedder_of

LEAVE = "How many days of annual leave do employees have?"
PARENTAL = "How long is parental leave granted?"
HOTEL = "What is the hotel allowance in Berlin?"
SALARY = "What is the salary of the managing director?"
WITHHELD = phrase("withheld", "en")


@pytest.fixture
def served(settings: Settings) -> Iterator[tuple[TestClient, Store]]:
    with client_of(settings) as made:
        yield made


@pytest.fixture
def client(served: tuple[TestClient, Store]) -> TestClient:
    return served[0]


@pytest.fixture
def store(served: tuple[TestClient, Store]) -> Store:
    return served[1]


def events_of(text: str) -> list[dict[str, Any]]:
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append({**fields, "data": json.loads(fields["data"])})
    return found


def begin(client: TestClient, who: str = "Ann", **given: Any) -> str:
    made = client.post("/v1/conversations", json=given, headers={"X-As": who})
    assert made.status_code == 201
    return str(made.json()["id"])


def ask(
    client: TestClient, key: str, content: str = LEAVE, parent: str | None = None, who: str = "Ann"
) -> list[dict[str, Any]]:
    asked = client.post(
        f"/v1/conversations/{key}/messages",
        json={"content": content, "parent": parent},
        headers={"X-As": who},
    )
    assert asked.status_code == 200, asked.text
    assert asked.headers["content-type"].startswith("text/event-stream")
    return events_of(asked.text)


def answer_id(events: list[dict[str, Any]]) -> str:
    return str(events[0]["data"]["assistant"]["id"])


def read(client: TestClient, key: str, who: str = "Ann") -> dict[str, Any]:
    shown = client.get(f"/v1/conversations/{key}", headers={"X-As": who})
    assert shown.status_code == 200, shown.text
    whole: dict[str, Any] = shown.json()
    return whole


def test_a_question_its_events_and_what_stays(client: TestClient) -> None:
    key = begin(client)
    events = ask(client, key)
    assert [one["event"] for one in events] == ["message", "evidence", "sentence", "sentence", "final"]
    assert [one["id"] for one in events] == ["0", "1", "2", "3", "end"]
    began, final = events[0]["data"], events[-1]["data"]
    assert (began["user"]["content"], began["user"]["parent"]) == (LEAVE, None)
    assert (began["assistant"]["parent"], began["assistant"]["status"]) == (began["user"]["id"], "streaming")
    assert "25 days of annual leave" in final["answer"]
    whole = read(client, key)
    assert whole["title"] == LEAVE
    assert whole["active"] == began["assistant"]["id"]
    user, assistant = whole["messages"]
    assert user == began["user"]
    assert (assistant["status"], assistant["content"]) == ("done", final["answer"])
    assert {**assistant["answer"], "suggestions": assistant["suggestions"]} == final


def test_edit_branch_and_again_make_a_tree(client: TestClient) -> None:
    key = begin(client)
    first = answer_id(ask(client, key))
    second = answer_id(ask(client, key, PARENTAL, first))
    edited = answer_id(ask(client, key, HOTEL, first))
    repeated = events_of(client.post(f"/v1/conversations/{key}/messages/{second}/again").text)
    sibling = answer_id(repeated)
    whole = read(client, key)
    parents = {one["id"]: one["parent"] for one in whole["messages"]}
    assert parents[parents[second]] == parents[parents[edited]] == first
    assert parents[sibling] == parents[second]
    assert repeated[-1]["event"] == "final"
    assert whole["active"] == sibling
    # showing an inner message shows the newest branch through it
    for through, shown in ((edited, edited), (first, edited), (parents[second], sibling)):
        changed = client.patch(f"/v1/conversations/{key}", json={"active": through})
        assert changed.status_code == 200
        assert read(client, key)["active"] == shown


def test_a_question_follows_a_finished_answer(client: TestClient) -> None:
    key, other = begin(client), begin(client)
    events = ask(client, key)
    user = events[0]["data"]["user"]["id"]
    refused = client.post(f"/v1/conversations/{key}/messages", json={"content": "x?", "parent": user})
    assert (refused.status_code, refused.json()["title"]) == (409, "Conversation")
    for parent in ("nope", answer_id(ask(client, other))):
        missing = client.post(f"/v1/conversations/{key}/messages", json={"content": "x?", "parent": parent})
        assert missing.status_code == 404
    assert client.post(f"/v1/conversations/{key}/messages", json={"content": "  "}).status_code == 422
    assert client.post(f"/v1/conversations/{key}/messages/{user}/again").status_code == 409
    assert len(read(client, key)["messages"]) == 2


def test_follow_ups_are_understood_from_their_own_branch(settings: Settings) -> None:
    with client_of(settings) as (client, _):
        key = begin(client)
        hotel = answer_id(ask(client, key, HOTEL))
        ask(client, key, LEAVE)  # another branch, newer
        final = ask(client, key, "And in a night?", hotel)[-1]["data"]
    assert final["standalone_question"] == f"{HOTEL} And in a night?"


def test_list_search_rename_delete(client: TestClient) -> None:
    keys = [begin(client, title=f"Nr {n}") for n in range(5)]
    ask(client, keys[0], HOTEL)
    first = client.get("/v1/conversations", params={"limit": 2}).json()
    rest = client.get("/v1/conversations", params={"limit": 3, "cursor": first["next"]}).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == [keys[0], *keys[:0:-1]]
    assert rest["next"] is None
    assert [c["id"] for c in client.get("/v1/conversations?q=hotel allow").json()["items"]] == [keys[0]]
    # answers are not searched: see rag.conversations
    assert client.get("/v1/conversations?q=140 EUR").json()["items"] == []
    assert client.get("/v1/conversations", params={"q": "%"}).json()["items"] == []
    assert client.get("/v1/conversations?cursor=x").status_code == 422
    renamed = client.patch(f"/v1/conversations/{keys[1]}", json={"title": " Hotels \n abroad "})
    assert renamed.json()["title"] == "Hotels abroad"
    assert client.delete(f"/v1/conversations/{keys[0]}").status_code == 204
    assert client.get(f"/v1/conversations/{keys[0]}").status_code == 404
    assert len(client.get("/v1/conversations").json()["items"]) == 4


def test_a_long_question_makes_a_short_title(client: TestClient) -> None:
    key = begin(client)
    ask(client, key, "How many days of annual leave " + "very " * 40 + "\n do employees have?")
    title = read(client, key)["title"]
    assert len(title) <= 80
    assert title.startswith("How many days of annual leave very very")
    assert title.endswith("very…")


def test_export(client: TestClient) -> None:
    key = begin(client)
    first = answer_id(ask(client, key))
    ask(client, key, HOTEL, first)
    told = client.get(f"/v1/conversations/{key}/export")
    assert told.headers["content-type"] == "text/markdown; charset=utf-8"
    assert told.headers["content-disposition"].startswith("attachment; filename*=UTF-8''How%20many")
    lines = told.text.splitlines()
    assert lines[0] == f"# {LEAVE}"
    assert [line for line in lines if line.startswith("## ")] == [f"## {LEAVE}", f"## {HOTEL}"]
    assert "[1] **leave**, p. 1" in lines
    assert "> Employees have 25 days of annual leave." in lines
    assert client.get(f"/v1/conversations/{key}/export?format=json").json() == read(client, key)
    assert client.get(f"/v1/conversations/{key}/export?format=pdf").status_code == 422


# ---------------------------------------------------------------- what is no longer open


def test_a_deleted_document_is_not_shown_again(client: TestClient, store: Store) -> None:
    key = begin(client)
    ask(client, key)
    before = read(client, key)["messages"][1]["answer"]
    assert [one["title"] for one in before["citations"]] == ["leave", "leave"]
    assert take_away(store, "leave.md") == 1
    whole = client.get(f"/v1/conversations/{key}").text
    assert "25 days" not in whole.replace(LEAVE, "")
    assert "leave.md" not in whole
    message = json.loads(whole)["messages"][1]
    answer = message["answer"]
    assert (answer["answer"], answer["verdict"], answer["citations"]) == (WITHHELD, "not_checked", [])
    assert message["content"] == WITHHELD
    assert [claim["signals"] for claim in answer["claims"]] == [{"withheld": True}]
    assert message["suggestions"] == []
    exported = client.get(f"/v1/conversations/{key}/export").text
    assert WITHHELD in exported
    assert "25 days" not in exported
    # the same document again brings its sentences back
    put(store, embedder_of(), "leave.md", DOCUMENTS["leave"], title="leave")
    assert read(client, key)["messages"][1]["answer"] == before


def test_a_document_that_is_closed_to_the_reader_is_withheld_and_not_in_the_history(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = begin(client)
    first = answer_id(ask(client, key, SALARY))
    assert SECRET in read(client, key)["messages"][1]["answer"]["answer"]
    # Ann leaves the board
    monkeypatch.setitem(PEOPLE, "Ann", dataclasses.replace(ANN, groups=frozenset({"staff"})))
    assert "250000" not in client.get(f"/v1/conversations/{key}").text
    final = ask(client, key, "And his bonus?", first)[-1]["data"]
    assert "250000" not in json.dumps(final)


def test_a_stored_answer_tells_nothing_of_what_the_condensed_question_held(settings: Settings) -> None:
    chat = FakeChat("The salary of the managing director is 250000 EUR a year, how many days of leave?")
    with client_of(settings, chat) as (client, store):
        key = begin(client)
        first = answer_id(ask(client, key, SALARY))
        ask(client, key, "And his leave?", first)
        told = read(client, key)["messages"][3]["answer"]
        assert "250000" in told["standalone_question"]
        take_away(store, "secret.md")
        assert "250000" not in client.get(f"/v1/conversations/{key}").text


# ---------------------------------------------------------------- whose they are


def test_nobody_elses_is_found(client: TestClient) -> None:
    key = begin(client, title="Ann's")
    answer = answer_id(ask(client, key))
    bob = {"X-As": "Bob"}
    base, mine = f"/v1/conversations/{key}", f"/v1/conversations/{key}/messages/{answer}"
    tries = [
        client.get(base, headers=bob),
        client.patch(base, headers=bob, json={"title": "Bob's"}),
        client.delete(base, headers=bob),
        client.get(f"{base}/export", headers=bob),
        client.post(f"{base}/messages", headers=bob, json={"content": "x?", "parent": answer}),
        client.post(f"{mine}/again", headers=bob),
        client.get(f"{mine}/events", headers=bob),
        client.post(f"{mine}/stop", headers=bob),
    ]
    assert [one.status_code for one in tries] == [404] * len(tries)
    assert all(one.json()["title"] == "Not found" for one in tries)
    assert client.get("/v1/conversations", headers=bob).json() == {"items": [], "next": None}
    assert client.get("/v1/conversations?q=annual", headers=bob).json()["items"] == []
    # not through a conversation of one's own either
    own = begin(client, "Bob")
    assert client.get(f"/v1/conversations/{own}/messages/{answer}/events", headers=bob).status_code == 404
    assert read(client, key)["title"] == "Ann's"
    assert len(read(client, key)["messages"]) == 2


def test_collections_filter_inside_the_search(client: TestClient, store: Store) -> None:
    texts = [f"The hotel allowance in Berlin is {n} EUR a night." for n in (150, 160)]
    for number, text in enumerate(texts):
        put(store, embedder_of(), f"old{number}.md", [text], title=f"old{number}", collection=f"c{number}")
    key = begin(client, collections=["c1"])
    final = ask(client, key, HOTEL)[-1]["data"]
    assert {one["title"] for one in final["citations"]} == {"old1"}
    client.patch(f"/v1/conversations/{key}", json={"collections": []})
    assert read(client, key)["collections"] == []
    final = ask(client, key, HOTEL)[-1]["data"]
    assert "travel" in {one["title"] for one in final["citations"]}
    none = ask(client, begin(client, collections=["nowhere"]), HOTEL)
    assert none[1]["data"] == {"evidence": []}


def test_answers_are_counted_recorded_and_erased(settings: Settings) -> None:
    limited = settings.model_copy(
        update={"limits": settings.limits.model_copy(update={"answers_per_minute": 1})}
    )
    with client_of(limited) as (client, _):
        key = begin(client)
        ask(client, key)
        again = client.post(f"/v1/conversations/{key}/messages", json={"content": HOTEL})
        assert (again.status_code, "retry-after" in again.headers) == (429, True)
        assert len(read(client, key)["messages"]) == 2
        assert client.app.state.limits.answering == 0  # type: ignore[attr-defined]
        ada = {"X-As": "Ada"}
        (row,) = client.get("/v1/audit", headers=ada).json()["items"]
        assert (row["question"], row["channel"]) == (LEAVE, "chat")
        assert client.delete("/v1/audit/people/a1", headers=ada).json() == {"erased": 1}
        assert client.get("/v1/conversations").json()["items"] == []
