"""The settings that an administrator may change while the server runs."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import insert
from typer.testing import CliRunner

from rag.assistant import Assistant
from rag.changed_settings import CHANGEABLE, PREFIX, read_changes, with_changes
from rag.index.dense import DenseIndex
from rag.searcher import Searcher
from rag.settings import Settings
from rag.store import Store
from rag.tables import setting
from server.app import create_app
from server.auth.people import Person
from server.cli import app as command
from tests.fakes.assistant import FakeAssistant
from tests.fakes.embedder import HashingEmbedder
from tests.fakes.library import put
from tests.unit.server.auth.conftest import LOCAL

Bearer = Callable[..., dict[str, str]]


def by_name(answered: Any) -> dict[str, dict[str, Any]]:
    assert answered.status_code == 200, answered.text
    return {one["name"]: one for one in answered.json()}


def test_shown_changed_and_taken_back(nobody: TestClient, bearer: Bearer, assistant: FakeAssistant) -> None:
    key = bearer()
    shown = by_name(nobody.get("/v1/settings", headers=key))
    assert list(shown) == list(CHANGEABLE)
    policy = shown["answer.policy"]
    assert (policy["value"], policy["default"], policy["type"]) == ("strict", "strict", "string")
    assert (policy["choices"], policy["origin"]) == (["strict", "flag"], "default")
    assert policy["description"].startswith("strict replaces")
    assert shown["answer.max_sentences"]["type"] == "integer"
    assert shown["topics.blocked"]["type"] == "array"
    wanted = {"answer.policy": "flag", "topics.blocked": ["工资", "salaries"], "answer.max_sentences": 5}
    changed = by_name(nobody.patch("/v1/settings", json=wanted, headers=key))
    assert {name: changed[name]["value"] for name in wanted} == wanted
    assert {changed[name]["origin"] for name in wanted} == {"administrator"}
    assert changed["answer.policy"]["default"] == "strict"
    nobody.post("/v1/ask", json={"question": "x"}, headers=key)
    assert assistant.configured[-1].answer.policy == "flag"
    assert assistant.configured[-1].topics.blocked == ["工资", "salaries"]
    back = {"answer.policy": None, "topics.blocked": None}
    kept = by_name(nobody.patch("/v1/settings", json=back, headers=key))
    assert (kept["answer.policy"]["value"], kept["answer.policy"]["origin"]) == ("strict", "default")
    assert kept["answer.max_sentences"]["value"] == 5
    nobody.post("/v1/ask", json={"question": "x"}, headers=key)
    assert assistant.configured[-1].answer.policy == "strict"
    times = len(assistant.configured)
    nobody.post("/v1/ask", json={"question": "x"}, headers=key)
    assert len(assistant.configured) == times, "only when something was changed"


@pytest.mark.parametrize(
    "wrong",
    [
        {"server.host": "0.0.0.0"},
        {"auth.proxy": {}},
        {"answer.policy": "lenient"},
        {"answer.max_sentences": 0},
        {"answer.max_sentences": "many"},
        {"topics.allowed": "one"},
        {"limits.answers_per_minute": -1},
        {"x" * 1000: 1},
    ],
    ids=lambda wrong: next(iter(wrong))[:30],
)
def test_what_is_not_to_be_changed(
    nobody: TestClient, bearer: Bearer, store: Store, wrong: dict[str, Any]
) -> None:
    refused = nobody.patch("/v1/settings", json={"answer.policy": "flag", **wrong}, headers=bearer())
    assert (refused.status_code, refused.json()["title"]) == (422, "Settings change")
    assert refused.json()["remedy"]
    assert read_changes(store) == {}, "all of them or none"


def test_the_operator_has_the_last_word(
    nobody: TestClient, bearer: Bearer, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    key = bearer()
    nobody.patch("/v1/settings", json={"answer.policy": "flag"}, headers=key)
    monkeypatch.setenv("CITEWELL_ANSWER__POLICY", "strict")
    shown = by_name(nobody.get("/v1/settings", headers=key))["answer.policy"]
    assert (shown["value"], shown["origin"]) == ("strict", "CITEWELL_ANSWER__POLICY")
    refused = nobody.patch("/v1/settings", json={"answer.policy": "flag"}, headers=key)
    assert refused.status_code == 422
    assert "CITEWELL_ANSWER__POLICY" in refused.json()["detail"]


def test_a_value_of_another_version_is_left_out(
    settings: Settings, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with store.write() as connection:
        for name, value in (("answer.policy", '"whatever"'), ("answer.max_sentences", "7")):
            connection.execute(insert(setting).values(name=PREFIX + name, value=value))
    chosen = with_changes(settings, read_changes(store))
    assert (chosen.answer.policy, chosen.answer.max_sentences) == ("strict", 7)
    assert "answer.policy" in caplog.text


def test_limits_follow(
    nobody: TestClient, bearer: Bearer, add: Callable[..., Person], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    anna = bearer(add("Anna").id)
    for _ in range(2):
        assert nobody.post("/v1/ask", json={"question": "x"}, headers=anna).status_code == 200
    nobody.patch("/v1/settings", json={"limits.answers_per_minute": 1}, headers=bearer())
    statuses = [nobody.post("/v1/ask", json={"question": "x"}, headers=anna).status_code for _ in range(3)]
    assert statuses[-1] == 429
    assert any("operator changed settings: limits.answers_per_minute" in line for line in caplog.messages)


@pytest.fixture
def real(settings: Settings, store: Store) -> Iterator[TestClient]:
    embedder = HashingEmbedder(common=0.78)
    put(store, embedder, "leave.txt", ["Employees have 25 days of annual leave.", "The sun is a star."])
    index = DenseIndex(store, settings.index_dir, embedder)
    opened = Assistant(settings, store, Searcher(store, embedder, index), None)
    with TestClient(create_app(settings, opened), base_url=LOCAL) as made:
        yield made


def test_a_blocked_topic_holds_from_the_next_question_on(real: TestClient, bearer: Bearer) -> None:
    key = bearer()
    asked = {"json": {"question": "How many days of annual leave do employees have?"}, "headers": key}
    assert "25 days" in real.post("/v1/ask", **asked).json()["answer"]
    topic = {"topics.blocked": ["How many days of annual leave do employees have?"]}
    assert real.patch("/v1/settings", json=topic, headers=key).status_code == 200
    refused = real.post("/v1/ask", **asked).json()
    assert refused["verdict"] == "off_topic"
    assert "25 days" not in refused["answer"]
    real.patch("/v1/settings", json={"topics.blocked": None}, headers=key)
    assert "25 days" in real.post("/v1/ask", **asked).json()["answer"]


def test_another_server_of_the_home_follows(
    app: FastAPI, nobody: TestClient, bearer: Bearer, settings: Settings
) -> None:
    other = FakeAssistant()
    key = bearer()
    with TestClient(create_app(settings, other), base_url=LOCAL) as second:
        second.post("/v1/ask", json={"question": "x"}, headers=key)
        nobody.patch("/v1/settings", json={"answer.max_sentences": 9}, headers=key)
        second.post("/v1/ask", json={"question": "x"}, headers=key)
    assert [one.answer.max_sentences for one in other.configured] == [3, 9]


def test_config_show_tells_who_changed_it(nobody: TestClient, bearer: Bearer) -> None:
    nobody.patch("/v1/settings", json={"answer.policy": "flag"}, headers=bearer())
    told = json.loads(CliRunner().invoke(command, ["config", "show", "--json"]).output)
    (policy,) = [one for one in told if one["name"] == "answer.policy"]
    assert (policy["value"], policy["origin"]) == ("flag", "administrator")
