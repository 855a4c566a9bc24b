"""POST /v1/check over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from rag.settings import Settings
from tests.fakes.served import client_of

SOURCES = [
    {"title": "Leave", "text": "Employees have 25 days of annual leave. Unused days lapse on 31 March."},
    {"text": "员工出差住宿费上限为每晚600元。"},
]


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with client_of(settings) as (made, _):
        yield made


def test_claims_with_verdicts_and_quotes(client: TestClient) -> None:
    text = "员工出差住宿费上限为每晚600元。Employees have 30 days of annual leave."
    checked = client.post("/v1/check", json={"text": text, "sources": SOURCES}).json()
    assert [claim["verdict"] for claim in checked["claims"]] == ["supported", "unsupported"]
    assert checked["verdict"] == "partial"
    quotes = {one["n"]: one for one in checked["quotes"]}
    (n, *_) = checked["claims"][0]["citations"]
    assert (quotes[n]["source"], quotes[n]["quote"]) == (2, SOURCES[1]["text"])
    for quote in quotes.values():
        assert SOURCES[quote["source"] - 1]["text"][quote["start"] : quote["end"]] == quote["quote"]


@pytest.mark.parametrize(
    "body",
    [
        {"text": "x", "sources": []},
        {"text": "", "sources": SOURCES},
        {"text": "?!", "sources": SOURCES},
        {"text": "x", "sources": [{"text": ""}]},
        {"text": "x" * 20_001, "sources": SOURCES},
        {"text": "x", "sources": SOURCES, "colour": "red"},
    ],
)
def test_what_is_refused(client: TestClient, body: dict[str, object]) -> None:
    refused = client.post("/v1/check", json=body)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
