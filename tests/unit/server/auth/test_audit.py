"""The record of answers."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update

from rag.errors import StoreError
from rag.settings import Settings
from rag.store import Store
from rag.tables_people import audit as table
from server.audit import Audit, settings_hash
from server.auth.people import Person
from server.auth.principal import OPERATOR
from tests.fakes.assistant import QUOTE, SENTENCES, answer_to

Add = Callable[..., Person]
Bearer = Callable[..., dict[str, str]]


@pytest.fixture
def record(settings: Settings, store: Store) -> Audit:
    return Audit(settings, lambda: store)


def test_every_answer_has_a_row(
    nobody: TestClient, add: Add, bearer: Bearer, record: Audit, settings: Settings
) -> None:
    anna = add("Anna")
    key = bearer(anna.id)
    began = time.time()
    for asked in ({"question": "E55?"}, {"question": "E56?", "stream": True}, {"question": "unanswerable"}):
        assert nobody.post("/v1/ask", json=asked, headers=key).status_code == 200
    assert nobody.post("/v1/ask", json={"question": " "}, headers=key).status_code == 422
    third, second, first = record.rows()
    assert (first.question, second.question, third.question) == ("E55?", "E56?", "unanswerable")
    assert (first.person_id, first.name, first.channel) == (anna.id, "Anna", "api")
    assert (first.verdict, first.model, first.revision) == ("supported", "tiny", "r1")
    assert (first.usage, first.ms, first.settings) == ({"prompt_tokens": 3}, 2.0, settings_hash(settings))
    assert began <= first.at <= time.time()
    assert [one["text"] for one in first.sentences] == list(SENTENCES)
    quoted = {
        "n": 1, "document": "d1", "start": 10, "end": 10 + len(QUOTE),
        "sha256": hashlib.sha256(QUOTE.encode()).hexdigest(),
    }  # fmt: skip
    assert first.sentences[0] == {
        "text": SENTENCES[0],
        "verdict": "supported",
        "score": 0.9,
        "quotes": [quoted],
    }
    assert second.sentences == first.sentences
    assert (third.verdict, third.sentences, third.model) == ("insufficient_context", [], "")


def test_what_cannot_be_recorded_is_not_answered(
    app: FastAPI, nobody: TestClient, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("The database is full.", "Free some space.")

    monkeypatch.setattr(app.state.audit, "_record", full)
    key = bearer()
    refused = nobody.post("/v1/ask", json={"question": "x"}, headers=key)
    assert refused.status_code == 500
    assert SENTENCES[0] not in refused.text
    streamed = nobody.post("/v1/ask", json={"question": "x", "stream": True}, headers=key).text
    assert "event: final" not in streamed
    assert "event: error" in streamed


def test_nothing_is_recorded_where_it_is_switched_off(
    app: FastAPI, nobody: TestClient, bearer: Bearer, record: Audit, settings: Settings
) -> None:
    off = settings.audit.model_copy(update={"enabled": False})
    app.state.audit.settings = settings.model_copy(update={"audit": off})
    assert nobody.post("/v1/ask", json={"question": "x"}, headers=bearer()).status_code == 200
    assert list(record.rows()) == []


async def test_rows_are_only_added(record: Audit, store: Store) -> None:
    await record.record_answer(OPERATOR, answer_to("x"), "api")
    for values in ({"verdict": "supported!"}, {"question": "another"}, {"at": 0.0}, {"sentences": []}):
        with pytest.raises(StoreError, match="only added to"), store.write(silent=True) as connection:
            connection.execute(update(table).values(**values))
    (row,) = record.rows()
    assert (row.question, row.verdict) == ("x", "supported")


async def test_a_person_is_erased_but_counts(
    nobody: TestClient, add: Add, bearer: Bearer, record: Audit
) -> None:
    anna, bert = add("Anna"), add("Bert")
    for person in (anna, anna, bert):
        await record.record_answer(person.principal, answer_to(f"{person.name}'s"), "api")
    assert nobody.delete(f"/v1/audit/people/{anna.id}", headers=bearer()).json() == {"erased": 2}
    rows = list(record.rows())
    assert [(row.name, row.question) for row in rows] == [("Bert", "Bert's"), ("", ""), ("", "")]
    assert [row.verdict for row in rows] == ["supported"] * 3
    gone = json.dumps([row.sentences for row in rows[1:]], ensure_ascii=False)
    assert SENTENCES[0] not in gone
    assert rows[1].sentences[0]["quotes"][0]["sha256"] == hashlib.sha256(QUOTE.encode()).hexdigest()
    assert nobody.delete(f"/v1/audit/people/{anna.id}", headers=bearer()).json() == {"erased": 0}


async def test_old_rows_leave(
    record: Audit, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import server.audit

    await record.record_answer(OPERATOR, answer_to("old"), "api")
    now = time.time()
    monkeypatch.setattr(server.audit.time, "time", lambda: now + 364 * 86400)
    await record.record_answer(OPERATOR, answer_to("younger"), "api")
    assert [row.question for row in record.rows()] == ["younger", "old"]
    monkeypatch.setattr(server.audit.time, "time", lambda: now + 366 * 86400)
    await record.record_answer(OPERATOR, answer_to("new"), "api")
    assert [row.question for row in record.rows()] == ["new", "younger"]
    for_good = settings.audit.model_copy(update={"retention_days": 0})
    record.settings = settings.model_copy(update={"audit": for_good})
    monkeypatch.setattr(server.audit.time, "time", lambda: now + 10_000 * 86400)
    await record.record_answer(OPERATOR, answer_to("newest"), "api")
    assert len(list(record.rows())) == 3


async def test_pages_and_filters(
    nobody: TestClient, add: Add, bearer: Bearer, record: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.audit.BATCH", 3)
    anna = add("Anna")
    for n in range(8):
        principal = anna.principal if n % 2 else OPERATOR
        await record.record_answer(principal, answer_to(f"q{n}"), "api")
    key = bearer()
    page = nobody.get("/v1/audit", params={"limit": 5}, headers=key).json()
    assert [row["question"] for row in page["items"]] == ["q7", "q6", "q5", "q4", "q3"]
    rest = nobody.get("/v1/audit", params={"limit": 5, "cursor": page["next"]}, headers=key).json()
    assert ([row["question"] for row in rest["items"]], rest["next"]) == (["q2", "q1", "q0"], None)
    hers = nobody.get("/v1/audit", params={"user": anna.id}, headers=key).json()["items"]
    assert [row["question"] for row in hers] == ["q7", "q5", "q3", "q1"]
    later = {"since": "2999-01-01T00:00:00Z"}
    assert nobody.get("/v1/audit", params=later, headers=key).json()["items"] == []
    exported = nobody.get("/v1/audit/export", headers=key)
    assert exported.headers["content-type"] == "application/jsonl"
    assert [json.loads(line)["question"] for line in exported.text.splitlines()] == [
        f"q{n}" for n in range(7, -1, -1)
    ]
    assert nobody.get("/v1/audit", params={"since": "2026-01-01T00:00:00"}, headers=key).status_code == 422


def test_settings_that_shape_answers_change_the_hash(settings: Settings) -> None:
    flagging = settings.answer.model_copy(update={"policy": "flag"})
    assert settings_hash(settings.model_copy(update={"answer": flagging})) != settings_hash(settings)
    port = settings.server.model_copy(update={"port": 1})
    assert settings_hash(settings.model_copy(update={"server": port})) == settings_hash(settings)
