"""Every error has a status, and every response to an error is a problem document."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from rag import errors
from rag.settings import Settings
from server.app import create_app
from server.problems import STATUS, problem_of, status_of
from tests.fakes.assistant import FakeAssistant

KEYS = {"type", "title", "status", "detail", "remedy", "request_id", "errors"}


def test_every_error_class_is_in_the_table() -> None:
    assert {kind.__name__ for kind in STATUS} == set(errors.__all__)
    assert all(400 <= status < 600 for status in STATUS.values())


def test_a_class_that_is_not_in_the_table_has_the_status_of_the_one_above() -> None:
    class Special(errors.NotFoundError):
        pass

    assert status_of(Special("gone")) == 404


def test_names() -> None:
    problem = problem_of(errors.GeneratorUnavailableError("down", "start it"))
    assert problem.type == "urn:citewell:problem:generator-unavailable"
    assert problem.title == "Generator unavailable"
    assert (problem.status, problem.detail, problem.remedy) == (503, "down", "start it")


@pytest.mark.parametrize("kind", STATUS, ids=lambda kind: kind.__name__)
def test_every_error_is_answered_as_a_problem(kind: type[errors.CitewellError], settings: Settings) -> None:
    app = create_app(settings, FakeAssistant(kind("What happened 发生.", "What to do.")))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answered = client.post("/v1/ask", json={"question": "x?"})
    assert answered.status_code == STATUS[kind]
    assert answered.headers["content-type"] == "application/problem+json"
    body = answered.json()
    assert set(body) == KEYS
    assert (body["detail"], body["remedy"], body["status"]) == (
        "What happened 发生.", "What to do.", STATUS[kind],
    )  # fmt: skip
    assert body["request_id"] == answered.headers["x-request-id"]
    assert ("retry-after" in answered.headers) == (STATUS[kind] in (429, 503))
    assert ("www-authenticate" in answered.headers) == (STATUS[kind] == 401)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "location"),
    [
        ("POST", "/v1/ask", {}, 422, "body.question"),
        ("POST", "/v1/ask", {"question": ""}, 422, "body.question"),
        ("POST", "/v1/ask", {"question": "x", "colour": 1}, 422, "body.colour"),
        ("POST", "/v1/ask", {"question": "x", "history": [{"role": "system", "content": "y"}]}, 422, None),
        ("GET", "/v1/search", None, 422, "query.q"),
        ("GET", "/v1/search?q=x&k=0", None, 422, "query.k"),
        ("GET", "/v1/search?q=x&k=many", None, 422, "query.k"),
        ("GET", "/nowhere", None, 404, None),
        ("GET", "/v1/ask", None, 405, None),
        ("GET", "/docs", None, 404, None),
    ],
)
def test_plain_http_errors_are_problems(
    client: TestClient, method: str, path: str, body: object, status: int, location: str | None
) -> None:
    answered = client.request(method, path, json=body)
    assert answered.status_code == status
    assert answered.headers["content-type"] == "application/problem+json"
    problem = answered.json()
    assert set(problem) == KEYS
    assert problem["status"] == status
    if location:
        assert location in [invalid["location"] for invalid in problem["errors"]]
    if status == 405:
        assert answered.headers["allow"] == "POST"


def test_a_body_that_is_not_json(client: TestClient) -> None:
    answered = client.post("/v1/ask", content=b"{", headers={"content-type": "application/json"})
    assert (answered.status_code, answered.headers["content-type"]) == (422, "application/problem+json")


def test_what_was_given_is_not_repeated(client: TestClient) -> None:
    answered = client.post("/v1/ask", json={"question": ["our secret"]})
    assert answered.status_code == 422
    assert "secret" not in answered.text


def test_the_unexpected_is_a_problem_too_and_tells_nothing(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings, FakeAssistant(RuntimeError("password is hunter2")))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answered = client.post("/v1/ask", json={"question": "x?"}, headers={"X-Request-ID": "abc-1"})
        streamed = client.post("/v1/ask", json={"question": "x?", "stream": True})
    assert answered.status_code == 500
    assert answered.headers["content-type"] == "application/problem+json"
    assert answered.json()["request_id"] == answered.headers["x-request-id"] == "abc-1"
    assert "hunter2" not in answered.text + streamed.text
    assert "event: error" in streamed.text
    assert "hunter2" in caplog.text
