"""Accounts, groups and keys, over HTTP and at the command line."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

import server.auth.keys
from rag.errors import AccountConflictError, AccountError, NotFoundError
from rag.store import Store
from rag.types import User
from server.auth.keys import Keys
from server.auth.people import People, Person
from server.auth.principal import OPERATOR, Role, Scope
from tests.unit.server.auth.conftest import PASSWORD

Add = Callable[..., Person]
Bearer = Callable[..., dict[str, str]]


def test_an_account_comes_changes_and_goes(nobody: TestClient, bearer: Bearer) -> None:
    key = bearer()
    given = {"name": " Anna Kim ", "password": PASSWORD, "groups": ["staff", "board", "staff"]}
    made = nobody.post("/v1/users", json=given, headers=key)
    assert made.status_code == 201
    anna = made.json()
    assert (anna["name"], anna["role"], anna["groups"]) == ("Anna Kim", "reader", ["board", "staff"])
    assert (anna["origin"], anna["disabled"], anna["seen"]) == ("local", False, None)
    assert "password" not in made.text
    path = f"/v1/users/{anna['id']}"
    changed = nobody.patch(
        path, json={"role": "editor", "groups": ["staff"], "name": "Anna Lee"}, headers=key
    )
    assert changed.json() == {**anna, "role": "editor", "groups": ["staff"], "name": "Anna Lee"}
    assert nobody.get("/v1/users", headers=key).json() == [changed.json()]
    assert nobody.get("/v1/groups", headers=key).json() == [{"name": "staff", "members": 1}]
    assert nobody.post("/v1/session", json={"name": "anna lee", "password": PASSWORD}).status_code == 200
    nobody.cookies.clear()
    assert nobody.delete(path, headers=key).status_code == 204
    assert nobody.delete(path, headers=key).status_code == 404
    assert nobody.get("/v1/groups", headers=key).json() == []


@pytest.mark.parametrize(
    ("wrong", "status", "word"),
    [
        ({"name": "ANNA"}, 409, "already"),
        ({"name": "ＡＮＮＡ"}, 409, "already"),
        ({"name": "Operator"}, 409, "operator"),
        ({"name": "  "}, 422, "name"),
        ({"name": "a\nb"}, 422, "name"),
        ({"password": "short"}, 422, "10 characters"),
        ({"password": "x" * 12}, 422, "guessed"),
        ({"name": "berthold-maier", "password": "Berthold-Maier"}, 422, "guessed"),
        ({"groups": ["user:operator"]}, 422, "user:"),
        ({"groups": ["*"]}, 422, "group"),
        ({"groups": ["!"]}, 422, "group"),
        ({"role": "king"}, 422, "not valid"),
    ],
)
def test_what_an_account_cannot_be(
    nobody: TestClient, add: Add, bearer: Bearer, wrong: dict[str, object], status: int, word: str
) -> None:
    add("Anna")
    given = {"name": "Bert", "password": PASSWORD, **wrong}
    refused = nobody.post("/v1/users", json=given, headers=bearer())
    assert refused.status_code == status
    assert word in refused.text
    assert [one["name"] for one in nobody.get("/v1/users", headers=bearer()).json()] == ["Anna"]


def test_nobody_takes_his_own_rights_away(nobody: TestClient, add: Add, bearer: Bearer) -> None:
    boss = add("Boss", "administrator")
    key = bearer(boss.id)
    path = f"/v1/users/{boss.id}"
    for change in ({"role": "reader"}, {"disabled": True}):
        assert nobody.patch(path, json=change, headers=key).status_code == 409
    assert nobody.delete(path, headers=key).status_code == 409
    assert nobody.patch(path, json={"email": "b@example.org"}, headers=key).status_code == 200
    for path in ("/v1/users/operator",):
        assert nobody.patch(path, json={"role": "reader"}, headers=key).status_code == 409
        assert nobody.delete(path, headers=key).status_code == 409


def test_a_name_may_be_taken_over_only_when_free(people: People, add: Add) -> None:
    anna, bert = add("Anna"), add("Bert")
    with pytest.raises(AccountConflictError):
        people.change(bert.id, {"name": "anna"})
    assert people.change(anna.id, {"name": "ANNA"}).name == "ANNA", "one's own name in another form"
    with pytest.raises(NotFoundError):
        people.change("nobody", {"name": "x"})


def test_what_people_are_to_the_answer_path(people: People, add: Add) -> None:
    anna = add("Anna", groups=["staff"])
    assert anna.principal.user == User(anna.id, ("staff", f"user:{anna.id}"))
    assert people.get("operator").principal.user == User("operator", None)
    boss = add("Boss", "administrator")
    assert boss.principal.user == User(boss.id, (f"user:{boss.id}",)), "running the place opens no documents"


def test_vouched_for_by_somebody_else(people: People) -> None:
    anna = people.vouched("oidc", "iss anna", "Anna", groups=["staff", "user:operator", "*", ""])
    assert anna is not None
    assert (anna.groups, anna.role) == (("staff",), Role.READER)
    other = people.vouched("proxy", "iss anna", "Anna")
    assert other is not None
    assert other.id != anna.id, "one provider does not speak for another"
    people.change(anna.id, {"role": "editor"})
    again = people.vouched("oidc", "iss anna", "Anna Kim", email="a@example.org", groups=["board"])
    assert again is not None
    assert (again.id, again.name, again.groups, again.role) == (anna.id, "Anna Kim", ("board",), Role.EDITOR)
    kept = people.vouched("oidc", "iss anna", "Anna Kim")
    assert kept is not None
    assert kept.groups == ("board",)
    with pytest.raises(AccountConflictError):
        people.change(anna.id, {"password": PASSWORD})
    people.change(anna.id, {"disabled": True})
    assert people.vouched("oidc", "iss anna", "Anna Kim") is None


def test_several_of_one_name(people: People, add: Add) -> None:
    anna = add("Anna")
    people.vouched("oidc", "iss anna", "Anna")
    with pytest.raises(AccountError, match="Several"):
        people.named("anna")
    assert people.named(anna.id) == anna


def test_keys_of_ones_own(nobody: TestClient, add: Add, bearer: Bearer) -> None:
    anna, bert = add("Anna"), add("Bert")
    mine, other = bearer(anna.id), bearer(bert.id)
    made = nobody.post("/v1/keys", json={"name": "search page", "scopes": ["ask"]}, headers=mine)
    assert made.status_code == 201
    key = made.json()
    assert key["key"].startswith("cw_")
    use = {"Authorization": f"Bearer {key['key']}"}
    assert nobody.get("/v1/search", params={"q": "x"}, headers=use).status_code == 200
    listed = nobody.get("/v1/keys", headers=mine).json()
    assert [one["name"] for one in listed] == ["search page", "a test"]
    assert {one["owner"] for one in listed} == {"Anna"}
    assert all("key" not in one for one in listed)
    assert len(nobody.get("/v1/keys", headers=bearer()).json()) == 4, "the operator sees everybody's"
    assert nobody.delete(f"/v1/keys/{key['id']}", headers=other).status_code == 404
    assert nobody.get("/v1/search", params={"q": "x"}, headers=use).status_code == 200
    assert nobody.delete(f"/v1/keys/{key['id']}", headers=mine).status_code == 204
    assert nobody.get("/v1/search", params={"q": "x"}, headers=use).status_code == 401


def test_a_key_makes_none_that_may_do_more(nobody: TestClient, add: Add, bearer: Bearer) -> None:
    boss = add("Boss", "administrator")
    narrow = bearer(boss.id, Scope.ADMIN)
    wanted = {"name": "x", "scopes": ["ask", "admin"]}
    assert nobody.post("/v1/keys", json=wanted, headers=narrow).status_code == 403
    assert nobody.post("/v1/keys", json={"name": "x", "scopes": ["admin"]}, headers=narrow).status_code == 201


def test_a_key_expires(
    nobody: TestClient, add: Add, bearer: Bearer, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, now = add("Anna"), time.time()
    short = bearer(anna.id, expires=now + 3600)
    asked = {"params": {"q": "x"}}
    assert nobody.get("/v1/search", headers=short, **asked).status_code == 200
    with monkeypatch.context() as later:
        later.setattr(server.auth.keys, "time", SimpleNamespace(time=lambda: now + 3601))
        assert nobody.get("/v1/search", headers=short, **asked).status_code == 401
    past = {"name": "x", "scopes": ["ask"], "expires": "2020-01-01T00:00:00Z"}
    assert nobody.post("/v1/keys", json=past, headers=bearer(anna.id)).status_code == 422
    with pytest.raises(AccountError):
        Keys(store).add(OPERATOR.id, "x", [])


def test_a_key_follows_its_owners_role(nobody: TestClient, people: People, add: Add, bearer: Bearer) -> None:
    anna = add("Anna", "editor")
    key = bearer(anna.id)
    assert nobody.get("/v1/sources", headers=key).status_code == 200
    people.change(anna.id, {"role": "reader"})
    refused = nobody.get("/v1/sources", headers=key)
    assert (refused.status_code, refused.json()["detail"]) == (403, "This takes the role editor.")
