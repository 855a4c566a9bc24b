"""Feedback on answers, its review, and corrections as evaluation questions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rag.eval.questions import Question, item_of, numbered_rows
from rag.settings import Settings
from rag.store import Store
from tests.fakes.company import SECRET
from tests.fakes.library import take_away
from tests.fakes.served import client_of
from tests.unit.server.test_conversations import HOTEL, LEAVE, SALARY, answer_id, ask, begin, read

DOWN = {"rating": "down", "reason": "incomplete", "comment": "Days lapse.", "corrected": "25 days."}
ADA = {"X-As": "Ada"}


@pytest.fixture
def served(settings: Settings) -> Iterator[tuple[TestClient, Store]]:
    with client_of(settings) as made:
        yield made


@pytest.fixture
def client(served: tuple[TestClient, Store]) -> TestClient:
    return served[0]


def give(client: TestClient, key: str, answer: str, who: str = "Ann", **given: str) -> Any:
    return client.put(
        f"/v1/conversations/{key}/messages/{answer}/feedback", json=given, headers={"X-As": who}
    )


def test_given_changed_and_taken_back(client: TestClient) -> None:
    key = begin(client)
    answer = answer_id(ask(client, key))
    assert read(client, key)["messages"][1]["feedback"] is None
    up = give(client, key, answer, rating="up").json()
    assert (up["rating"], up["reason"], up["state"]) == ("up", "", "open")
    client.patch(f"/v1/feedback/{up['id']}", json={"state": "done"}, headers=ADA)
    down = give(client, key, answer, **DOWN).json()
    # anew: it is to be looked at again
    assert down == {**up, **DOWN}
    assert read(client, key)["messages"][1]["feedback"] == down
    gone = client.delete(f"/v1/conversations/{key}/messages/{answer}/feedback")
    assert gone.status_code == 204
    assert read(client, key)["messages"][1]["feedback"] is None


def test_what_is_refused(client: TestClient) -> None:
    key = begin(client)
    events = ask(client, key)
    answer, question = answer_id(events), events[0]["data"]["user"]["id"]
    assert give(client, key, answer, rating="meh").status_code == 422
    assert give(client, key, answer, rating="down", reason="ugly").status_code == 422
    assert give(client, key, question, rating="up").status_code == 409
    assert give(client, key, "nope", rating="up").status_code == 404
    # nobody rates what somebody else was told
    assert give(client, key, answer, who="Bob", rating="up").status_code == 404
    path = f"/v1/conversations/{key}/messages/{answer}/feedback"
    assert client.delete(path, headers={"X-As": "Bob"}).status_code == 404


def test_review(client: TestClient) -> None:
    ids = []
    for question in (LEAVE, HOTEL):
        key = begin(client)
        ids.append(give(client, key, answer_id(ask(client, key, question)), **DOWN).json()["id"])
    listed = client.get("/v1/feedback", headers=ADA).json()
    assert [one["id"] for one in listed["items"]] == ids[::-1]
    newest = listed["items"][0]
    assert (newest["user"], newest["question"], newest["state"]) == ("a1", HOTEL, "open")
    assert "140 EUR" in newest["answer"]
    first = client.get("/v1/feedback?limit=1", headers=ADA).json()
    rest = client.get(f"/v1/feedback?limit=1&cursor={first['next']}", headers=ADA).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next"] is None
    assert client.patch(f"/v1/feedback/{ids[0]}", json={"state": "done"}, headers=ADA).status_code == 204
    for state, expected in (("open", ids[1]), ("done", ids[0])):
        shown = client.get(f"/v1/feedback?state={state}", headers=ADA).json()["items"]
        assert [one["id"] for one in shown] == [expected]
    assert client.patch("/v1/feedback/nope", json={"state": "done"}, headers=ADA).status_code == 404


def test_review_is_for_administrators(client: TestClient) -> None:
    for who in ("Ann", "Eve"):
        tries = [
            client.get("/v1/feedback", headers={"X-As": who}),
            client.get("/v1/feedback/questions", headers={"X-As": who}),
            client.patch("/v1/feedback/x", json={"state": "done"}, headers={"X-As": who}),
        ]
        assert [one.status_code for one in tries] == [403] * 3


def test_the_administrator_sees_no_more_of_the_documents_than_he_may(client: TestClient) -> None:
    key = begin(client)
    answer = answer_id(ask(client, key, SALARY))
    assert SECRET in read(client, key)["messages"][1]["content"]
    give(client, key, answer, rating="down", corrected="It changed.")
    assert "250000" not in client.get("/v1/feedback", headers=ADA).text
    exported = client.get("/v1/feedback/questions", headers=ADA).text
    assert "secret" not in exported
    assert json.loads(exported)["answers"] == ["It changed."]


def test_corrections_and_helpful_answers_become_evaluation_questions(
    client: TestClient, served: tuple[TestClient, Store], tmp_path: Path
) -> None:
    key = begin(client)
    first = answer_id(ask(client, key, LEAVE))
    told = read(client, key)["messages"][1]["content"]
    second = answer_id(ask(client, key, "When do they lapse?", first))
    give(client, key, first, rating="up")
    given = give(client, key, second, **{**DOWN, "corrected": " On 31 March. "}).json()
    exported = client.get("/v1/feedback/questions", headers=ADA)
    assert exported.headers["content-type"] == "application/jsonl"
    file = tmp_path / "questions.jsonl"
    file.write_text(exported.text, "utf-8")
    question, helpful = (item_of(row) for _, row in numbered_rows(file))
    assert isinstance(question, Question)
    assert isinstance(helpful, Question)
    # nobody says what else a helpful answer might have been, but its sources are known
    assert (helpful.question, helpful.answers, helpful.sources) == (LEAVE, None, ("leave.md",))
    assert (question.question, question.answers) == ("When do they lapse?", ("On 31 March.",))
    assert question.id == given["id"]
    assert [(turn.role, turn.content) for turn in question.history] == [("user", LEAVE), ("assistant", told)]
    assert question.sources == ("leave.md",)
    assert question.note == "incomplete Days lapse."
    take_away(served[1], "leave.md")
    assert "25 days" not in client.get("/v1/feedback/questions", headers=ADA).text


def test_it_goes_with_its_conversation(client: TestClient) -> None:
    key = begin(client)
    give(client, key, answer_id(ask(client, key)), **DOWN)
    client.delete(f"/v1/conversations/{key}")
    assert client.get("/v1/feedback", headers=ADA).json()["items"] == []
