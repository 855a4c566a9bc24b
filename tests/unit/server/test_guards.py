"""Every route about conversations, documents, feedback and checks asks who is there."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from pydantic import BaseModel

from server import schema_check, schema_conversations, schema_documents
from server.auth import administrator, reader, uploader
from server.routes import check, conversations, documents, feedback, library, messages, viewer

_MINE = re.compile(r"/v1/(conversations|documents|collections|feedback|check)")
ROUTERS = (check, conversations, documents, feedback, library, messages, viewer)
ROUTES = [route for part in ROUTERS for route in part.router.routes if isinstance(route, APIRoute)]
FOR_ADMINISTRATORS = {
    ("GET", "/v1/feedback"),
    ("PATCH", "/v1/feedback/{mark}"),
    ("GET", "/v1/feedback/questions"),
}


def asked(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from asked(inner)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{min(route.methods)} {route.path}")
def test_every_route_is_guarded(route: APIRoute) -> None:
    guards = set(asked(route.dependant))
    assert len(guards & {reader, uploader, administrator}) == 1
    wanted = (min(route.methods), route.path) in FOR_ADMINISTRATORS
    assert (administrator in guards) == wanted


def test_these_are_all(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    mine = {
        path for path in paths if re.match(r"/v1/(conversations|documents|collections|feedback|check)", path)
    }
    assert mine == {route.path for route in ROUTES}


def models() -> Iterator[type[BaseModel]]:
    for module in (schema_check, schema_conversations, schema_documents):
        for found in vars(module).values():
            if (
                isinstance(found, type)
                and issubclass(found, BaseModel)
                and found.__module__ == module.__name__
            ):
                yield found


@pytest.mark.parametrize("model", sorted(set(models()), key=str), ids=lambda model: model.__name__)
def test_examples_are_what_they_are_examples_of(model: type[BaseModel]) -> None:
    for example in model.model_json_schema().get("examples", ()):
        again = model.model_validate(example).model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert again == example


@pytest.mark.parametrize(
    "given", ['["NaN", "x"]', '[1e308, "x"]', "[1]", "1", "{}", '["9" * 99, "x"]', "[null, 1]"]
)
def test_cursors_that_were_never_given(client: TestClient, given: str) -> None:
    sent = base64.urlsafe_b64encode(given.encode()).decode()
    for path in ("documents", "conversations", "feedback"):
        assert client.get(f"/v1/{path}", params={"cursor": sent}).status_code == 422


@pytest.mark.parametrize("number", ["9" * 400, "-1", "1.5", "x"])
def test_strange_values_are_refused(client: TestClient, number: str) -> None:
    for path in (
        f"/v1/documents?limit={number}",
        f"/v1/documents/x/pages/{number}",
        f"/v1/documents/x/text?start={number}",
        f"/v1/conversations?limit={number}",
        f"/v1/feedback?limit={number}",
        f"/v1/documents?cursor={number}",
    ):
        assert client.get(path).status_code == 422, path
    for key in ("file-" + number, "file-٣", "%00", "a" * 5000):
        assert client.get(f"/v1/documents/{key}").status_code == 404
