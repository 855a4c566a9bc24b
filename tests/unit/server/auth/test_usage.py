from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import server.audit
from rag.settings import Settings
from rag.types import Answer, AnswerVerdict
from server.auth.principal import OPERATOR
from tests.fakes.assistant import answer_to

NOON = 1_795_608_000.0  # 2026-11-25T12:00Z
DAY_S = 86_400


def timed(ms: float, verdict: AnswerVerdict = AnswerVerdict.SUPPORTED) -> Answer:
    return dataclasses.replace(answer_to("How?"), verdict=verdict, timings_ms={"total": ms, "embed": ms / 2})


async def test_days(
    app: FastAPI, nobody: TestClient, bearer: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = bearer()
    record = app.state.audit
    told = [
        (NOON - 2 * DAY_S, timed(10.0)),
        (NOON, timed(100.0)),
        (NOON - 43_199, timed(300.0, AnswerVerdict.OFF_TOPIC)),  # the first second of the day
        (NOON, timed(200.0, AnswerVerdict.INSUFFICIENT_CONTEXT)),
    ]
    for at, answer in told:
        monkeypatch.setattr(server.audit.time, "time", lambda at=at: at)
        await record.record_answer(OPERATOR, answer, "chat")
    monkeypatch.setattr(server.audit.time, "time", lambda: NOON)
    found = nobody.get("/v1/usage", params={"days": 3}, headers=key).json()["days"]
    assert [day["day"] for day in found] == ["2026-11-23", "2026-11-24", "2026-11-25"]
    assert [day["answers"] for day in found] == [1, 0, 3]
    assert found[1] == {
        "day": "2026-11-24", "answers": 0, "people": 0, "abstentions": 0, "verdicts": {}, "channels": {},
        "prompt_tokens": 0, "completion_tokens": 0, "median_ms": None, "p95_ms": None,
    }  # fmt: skip
    assert found[2] == {
        "day": "2026-11-25", "answers": 3, "people": 1, "abstentions": 2,
        "verdicts": {"insufficient_context": 1, "off_topic": 1, "supported": 1}, "channels": {"chat": 3},
        "prompt_tokens": 9, "completion_tokens": 0, "median_ms": 200.0, "p95_ms": 290.0,
    }  # fmt: skip
    assert record.erase(OPERATOR.id) == 4
    erased = nobody.get("/v1/usage", params={"days": 1}, headers=key).json()["days"]
    assert [(day["answers"], day["people"]) for day in erased] == [(3, 0)]


def test_for_administrators(
    nobody: TestClient, bearer: Callable[..., dict[str, str]], add: Callable[..., object], settings: Settings
) -> None:
    assert nobody.get("/v1/usage").status_code == 401
    anna = add("anna")
    assert nobody.get("/v1/usage", headers=bearer(anna.id)).status_code == 403
    assert nobody.get("/v1/usage", params={"days": 0}, headers=bearer()).status_code == 422
