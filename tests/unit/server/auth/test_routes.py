"""Every route of the application, and who may knock: a new route needs a row here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Route

from server.auth.people import Person
from server.auth.principal import Role, Scope

ANYBODY = None
READER = (Role.READER, Scope.ASK)
UPLOADER = (Role.READER, Scope.DOCUMENTS)
EDITOR = (Role.EDITOR, Scope.DOCUMENTS)
UPLOADER = (Role.READER, Scope.DOCUMENTS)
KEYHOLDER = (Role.READER, Scope.ADMIN)
ADMINISTRATOR = (Role.ADMINISTRATOR, Scope.ADMIN)

# what it takes to get in: at least that role, and (with an API key) that scope
ALLOWED: dict[tuple[str, str], tuple[Role, Scope] | None] = {
    ("GET", "/openapi.json"): ANYBODY,
    ("GET", "/healthz"): ANYBODY,
    ("GET", "/readyz"): ANYBODY,
    ("GET", "/metrics"): ADMINISTRATOR,
    ("GET", "/v1/session"): ANYBODY,
    ("POST", "/v1/session"): ANYBODY,
    ("DELETE", "/v1/session"): ANYBODY,
    ("GET", "/v1/session/link"): ANYBODY,
    ("GET", "/v1/session/oidc"): ANYBODY,
    ("GET", "/v1/session/oidc/callback"): ANYBODY,
    ("POST", "/v1/slack/events"): ANYBODY,  # its signature lets it in: tests/unit/server/slack
    ("POST", "/v1/ask"): READER,
    ("GET", "/v1/search"): READER,
    ("POST", "/v1/chat/completions"): READER,
    ("GET", "/v1/models"): READER,
    ("GET", "/v1/models/{name}"): READER,
    ("POST", "/v1/embeddings"): READER,
    ("POST", "/mcp"): READER,
    ("POST", "/v1/check"): READER,
    ("GET", "/v1/conversations"): READER,
    ("POST", "/v1/conversations"): READER,
    ("GET", "/v1/conversations/{key}"): READER,
    ("PATCH", "/v1/conversations/{key}"): READER,
    ("DELETE", "/v1/conversations/{key}"): READER,
    ("GET", "/v1/conversations/{key}/export"): READER,
    ("POST", "/v1/conversations/{key}/messages"): READER,
    ("POST", "/v1/conversations/{key}/messages/{answer}/again"): READER,
    ("GET", "/v1/conversations/{key}/messages/{answer}/events"): READER,
    ("POST", "/v1/conversations/{key}/messages/{answer}/stop"): READER,
    ("PUT", "/v1/conversations/{key}/messages/{answer}/feedback"): READER,
    ("DELETE", "/v1/conversations/{key}/messages/{answer}/feedback"): READER,
    ("GET", "/v1/feedback"): ADMINISTRATOR,
    ("PATCH", "/v1/feedback/{mark}"): ADMINISTRATOR,
    ("GET", "/v1/feedback/questions"): ADMINISTRATOR,
    ("GET", "/v1/collections"): READER,
    ("GET", "/v1/documents"): READER,
    # for others it takes an editor
    ("POST", "/v1/documents"): UPLOADER,
    ("GET", "/v1/documents/{key}"): READER,
    ("DELETE", "/v1/documents/{key}"): UPLOADER,
    ("GET", "/v1/documents/{key}/original"): READER,
    ("GET", "/v1/documents/{key}/pages/{number}"): READER,
    ("GET", "/v1/documents/{key}/text"): READER,
    ("GET", "/v1/documents/{key}/boxes"): READER,
    ("GET", "/v1/jobs"): EDITOR,
    ("GET", "/v1/jobs/{key}"): UPLOADER,
    ("POST", "/v1/jobs/{key}/cancel"): EDITOR,
    ("GET", "/v1/sources"): EDITOR,
    ("POST", "/v1/sources"): ADMINISTRATOR,
    ("GET", "/v1/sources/{name}"): EDITOR,
    ("PATCH", "/v1/sources/{name}"): ADMINISTRATOR,
    ("DELETE", "/v1/sources/{name}"): ADMINISTRATOR,
    ("POST", "/v1/sources/{name}/sync"): EDITOR,
    ("GET", "/v1/users"): ADMINISTRATOR,
    ("POST", "/v1/users"): ADMINISTRATOR,
    ("PATCH", "/v1/users/{key}"): ADMINISTRATOR,
    ("DELETE", "/v1/users/{key}"): ADMINISTRATOR,
    ("GET", "/v1/groups"): ADMINISTRATOR,
    ("GET", "/v1/keys"): KEYHOLDER,
    ("POST", "/v1/keys"): KEYHOLDER,
    ("DELETE", "/v1/keys/{key}"): KEYHOLDER,
    ("GET", "/v1/settings"): ADMINISTRATOR,
    ("PATCH", "/v1/settings"): ADMINISTRATOR,
    ("GET", "/v1/audit"): ADMINISTRATOR,
    ("GET", "/v1/audit/export"): ADMINISTRATOR,
    ("GET", "/v1/usage"): ADMINISTRATOR,
    ("GET", "/v1/evaluations"): ADMINISTRATOR,
    ("POST", "/v1/evaluations"): ADMINISTRATOR,
    ("GET", "/v1/evaluations/{key}"): ADMINISTRATOR,
    ("DELETE", "/v1/evaluations/{key}"): ADMINISTRATOR,
    ("GET", "/v1/evaluations/{key}/report"): ADMINISTRATOR,
    ("GET", "/v1/evaluations/{key}/compared/{other}"): ADMINISTRATOR,
    ("POST", "/v1/evaluations/{key}/resume"): ADMINISTRATOR,
    ("POST", "/v1/evaluations/{key}/cancel"): ADMINISTRATOR,
    ("DELETE", "/v1/audit/people/{user_id}"): ADMINISTRATOR,
}
# those that say themselves that nobody is signed in, with these credentials
REFUSES_ITSELF = {
    ("POST", "/v1/slack/events"),
    ("POST", "/v1/session"),
    ("GET", "/v1/session/link"),
    ("GET", "/v1/session/oidc"),
    ("GET", "/v1/session/oidc/callback"),
}
REQUESTS: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/ask"): {"json": {"question": "x"}},
    ("GET", "/v1/search"): {"params": {"q": "x"}},
}


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            yield method.upper(), path
    # what the document leaves out; routers may be included as they are or route by route
    routers = [router for route in app.routes if (router := getattr(route, "original_router", None))]
    for route in (*app.routes, *(route for router in routers for route in router.routes)):
        if isinstance(route, Route) and not route.include_in_schema:
            yield from ((method, route.path) for method in (route.methods or set()) - {"HEAD"})


def test_routers_are_looked_into(app: FastAPI) -> None:
    assert ("POST", "/mcp") in set(routes_of(app))


def test_every_route_has_a_row(app: FastAPI) -> None:
    assert set(routes_of(app)) == set(ALLOWED)


@pytest.fixture
def callers(
    add: Callable[..., Person], bearer: Callable[..., dict[str, str]]
) -> dict[str, tuple[Role, frozenset[Scope], dict[str, str]]]:
    """By name: role, scopes and headers of everybody who may knock."""
    found = {}
    for role in Role:
        person = add(f"the {role}", role)
        for scopes in (*((scope,) for scope in Scope), tuple(Scope)):
            name = f"{role} with {'+'.join(scopes)}"
            found[name] = (role, frozenset(scopes), bearer(person.id, *scopes))
    return found


@pytest.mark.parametrize("route", ALLOWED, ids=" ".join)
def test_who_may_do_what(
    route: tuple[str, str],
    nobody: TestClient,
    callers: dict[str, tuple[Role, frozenset[Scope], dict[str, str]]],
) -> None:
    method, path = route
    needed = ALLOWED[route]
    path = path.replace("{", "").replace("}", "")  # nothing is called so
    sent = REQUESTS.get(route, {})
    refused = nobody.request(method, path, follow_redirects=False, **sent)
    if needed is None and route not in REFUSES_ITSELF:
        assert refused.status_code < 400, refused.text
    elif needed is not None:
        assert refused.status_code == 401
        assert refused.headers["content-type"] == "application/problem+json"
    for name, (role, scopes, headers) in callers.items():
        answered = nobody.request(method, path, headers=headers, follow_redirects=False, **sent)
        if needed is None or (role.includes(needed[0]) and needed[1] in scopes):
            assert route in REFUSES_ITSELF or answered.status_code not in (401, 403), name
        else:
            assert answered.status_code == 403, name
        assert answered.status_code < 500, (name, answered.text)


@pytest.mark.parametrize("route", [route for route, needed in ALLOWED.items() if needed], ids=" ".join)
def test_a_wrong_key_is_let_in_nowhere(route: tuple[str, str], nobody: TestClient) -> None:
    method, path = route
    answered = nobody.request(method, path, headers={"Authorization": "Bearer cw_guessed"})
    assert answered.status_code == 401
    assert answered.headers["www-authenticate"] == "Bearer"


def test_what_may_be_refused_is_documented(app: FastAPI) -> None:
    document = app.openapi()
    for (method, path), needed in ALLOWED.items():
        if needed and path != "/mcp":  # not in the document
            told = set(document["paths"][path][method.lower()]["responses"])
            assert {"401", "403", "429"} <= told, path
