"""Whatever the API's own document allows, and much that it does not, sent to a real server: it never answers
with an unexpected error, and only with what the document says.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hypothesis
import pytest
import schemathesis
from fastapi import FastAPI
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from rag.settings import ServerSettings, Settings
from rag.store import Store
from server.app import create_app
from server.auth import Role, Scope
from server.auth.keys import Keys
from server.auth.people import People
from server.listen import HttpServer, bind
from tests.fakes.served import assistant_of

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
BOUNDED = hypothesis.settings(
    max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck)
)


@contextmanager
def served(app: FastAPI, settings: Settings) -> Iterator[str]:
    """A real server in a thread, and its address."""
    listener = bind(settings)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = HttpServer(app, listener, settings)

    def run(coroutine: object) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    run(server.start())
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        run(server.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


def settings_in(folder: object) -> Settings:
    server = ServerSettings.model_construct(host="127.0.0.1", port=0)
    limits = {"requests_per_minute": 0, "answers_per_minute": 0}
    base = Settings(home=folder, limits=limits, generator={"enabled": False})
    return base.model_copy(update={"server": server})


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """Its address, and what an administrator shows it."""
    settings = settings_in(tmp_path_factory.mktemp("api"))
    store = Store.open(settings)
    ada = People(store).add("Ada", "four plain words here", role=Role.ADMINISTRATOR)
    _, key = Keys(store).add(ada.id, "a test", tuple(Scope), None)
    with served(create_app(settings, assistant_of(settings, store)), settings) as url:
        yield f"{url}/openapi.json", {"Authorization": f"Bearer {key}"}


def faults(schema: schemathesis.BaseSchema, check: Callable[[schemathesis.Case], None]) -> list[str]:
    """By operation: what the first case that failed its checks told."""
    found = []
    for operation in (result.ok() for result in schema.get_all_operations()):

        @BOUNDED
        @hypothesis.given(case=operation.as_strategy())
        def run(case: schemathesis.Case) -> None:
            check(case)

        try:
            run()
        except (Exception, BaseExceptionGroup) as error:  # all operations are told about
            found.append(f"{operation.label}: {error}")
    return found


def test_as_administrator(api: tuple[str, dict[str, str]]) -> None:
    url, shown = api

    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS, headers=shown, timeout=60)

    assert faults(schemathesis.openapi.from_url(url), check) == []


def test_as_nobody(api: tuple[str, dict[str, str]]) -> None:
    opens = {"/healthz", "/readyz", "/openapi.json", "/v1/session", "/v1/session/link"}

    def check(case: schemathesis.Case) -> None:
        response = case.call(timeout=60)
        case.validate_response(response, checks=CHECKS)
        assert case.operation.path in opens or response.status_code >= 400

    assert faults(schemathesis.openapi.from_url(api[0]), check) == []
