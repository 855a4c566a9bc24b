"""Signing in and out, with a password or a link, and what a page of somebody else cannot do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import argon2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

import server.auth.passwords
from rag.settings import Settings
from rag.store import Store
from rag.tables_people import person, session, ticket
from server.auth.operator import HEADER_FILE, link_for, operator_key, welcome
from server.auth.people import People, Person
from server.auth.sessions import COOKIE
from tests.unit.server.auth.conftest import LOCAL, PASSWORD

Add = Callable[..., Person]
SignIn = Callable[[str], dict[str, str]]


def who(client: TestClient) -> str | None:
    user = client.get("/v1/session").json()["user"]
    return None if user is None else user["name"]


def test_nobody_is_told_how_to_sign_in(nobody: TestClient, add: Add) -> None:
    told = nobody.get("/v1/session").json()
    assert told["user"] is None
    assert told["csrf"] == ""
    assert told["sign_in"] == {"password": False, "oidc": None, "proxy": False}
    add("Anna")
    assert nobody.get("/v1/session").json()["sign_in"]["password"] is True


def test_in_and_out(nobody: TestClient, add: Add, signed_in: SignIn) -> None:
    anna = add("Anna Kim", "editor", groups=["staff"], email="anna@example.org")
    answered = nobody.post("/v1/session", json={"name": "anna KIM", "password": PASSWORD})
    assert answered.json()["user"] == {
        "id": anna.id, "name": "Anna Kim", "email": "anna@example.org", "role": "editor", "groups": ["staff"],
    }  # fmt: skip
    cookie = answered.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert who(nobody) == "Anna Kim"
    csrf = nobody.get("/v1/session").json()["csrf"]
    assert csrf == answered.json()["csrf"]
    kept = nobody.cookies[COOKIE]
    assert nobody.delete("/v1/session", headers={"X-CSRF-Token": csrf}).status_code == 204
    assert COOKIE not in nobody.cookies
    nobody.cookies.set(COOKIE, kept)
    assert who(nobody) is None, "a cookie that somebody kept is worth nothing"


@pytest.mark.parametrize(
    ("name", "password"), [("Anna", "wrong"), ("nobody", PASSWORD), ("operator", ""), ("Anna", "x" * 2000)]
)
def test_wrong(nobody: TestClient, add: Add, name: str, password: str) -> None:
    add("Anna")
    refused = nobody.post("/v1/session", json={"name": name, "password": password or "x"})
    assert refused.status_code == 401
    assert refused.json()["detail"] == "There is no account with this name and password."
    assert "set-cookie" not in refused.headers


def test_a_disabled_person_is_out_at_once(
    nobody: TestClient, add: Add, people: People, signed_in: SignIn, bearer: Callable[..., dict[str, str]]
) -> None:
    anna = add("Anna")
    key = bearer(anna.id)
    signed_in("Anna")
    assert nobody.get("/v1/search", params={"q": "x"}, headers=key).status_code == 200
    people.change(anna.id, {"disabled": True})
    assert who(nobody) is None
    assert nobody.get("/v1/search", params={"q": "x"}, headers=key).status_code == 401
    assert nobody.post("/v1/session", json={"name": "Anna", "password": PASSWORD}).status_code == 401


def test_a_new_password_ends_sessions(
    nobody: TestClient, add: Add, people: People, signed_in: SignIn
) -> None:
    anna = add("Anna")
    signed_in("Anna")
    people.change(anna.id, {"password": "other plain words"})
    assert who(nobody) is None
    assert people.with_password("Anna", PASSWORD) is None
    assert people.with_password("Anna", "other plain words") is not None


def test_only_hashes_are_kept(
    nobody: TestClient, add: Add, store: Store, signed_in: SignIn, settings: Settings
) -> None:
    add("Anna")
    signed_in("Anna")
    secret = nobody.cookies[COOKIE]
    key = operator_key(settings, store)
    with store.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(FULL)")
    files = b"".join(path.read_bytes() for path in settings.home.glob("citewell.db*"))
    for told in (secret, key, PASSWORD):
        assert told.encode() not in files


def test_sessions_end_when_idle_and_slide_when_used(
    nobody: TestClient, add: Add, store: Store, signed_in: SignIn, settings: Settings
) -> None:
    add("Anna")
    signed_in("Anna")
    idle_s, max_s = settings.auth.session_idle_h * 3600, settings.auth.session_max_h * 3600

    def moved(**values: float) -> None:
        with store.write(silent=True) as connection:
            connection.execute(update(session).values(**values))

    def ends() -> float:
        with store.read() as connection:
            return connection.execute(select(session.c.expires)).scalar_one()

    now = time.time()
    moved(expires=now + idle_s / 2)
    assert who(nobody) == "Anna"
    assert ends() == pytest.approx(now + idle_s, abs=30)
    moved(created=now - max_s + 60)
    moved(expires=now + 30)
    assert who(nobody) == "Anna"
    assert ends() <= now + 60 + 30, "no session outlives its longest time"
    moved(expires=now - 1)
    assert who(nobody) is None


def test_what_changes_something_needs_the_token(nobody: TestClient, add: Add, signed_in: SignIn) -> None:
    add("Anna")
    token = signed_in("Anna")
    asked = {"json": {"question": "x"}}
    assert nobody.post("/v1/ask", **asked).status_code == 403
    refused = nobody.post("/v1/ask", headers={"X-CSRF-Token": "0" * 64}, **asked)
    assert (refused.status_code, refused.json()["title"]) == (403, "Forbidden")
    assert nobody.delete("/v1/session").status_code == 403
    assert nobody.post("/v1/ask", headers=token, **asked).status_code == 200
    assert nobody.get("/v1/search", params={"q": "x"}).status_code == 200


def test_a_key_needs_no_token(nobody: TestClient, add: Add, bearer: Callable[..., dict[str, str]]) -> None:
    anna = add("Anna")
    assert nobody.post("/v1/ask", json={"question": "x"}, headers=bearer(anna.id)).status_code == 200


def test_the_operators_link_is_good_once(nobody: TestClient, settings: Settings, store: Store) -> None:
    link = welcome(settings, LOCAL).link
    assert link.startswith(f"{LOCAL}/v1/session/link?token=")
    followed = nobody.get(link, follow_redirects=False)
    assert (followed.status_code, followed.headers["location"]) == (303, "/")
    assert nobody.get("/v1/session").json()["user"]["role"] == "administrator"
    assert nobody.get("/v1/search", params={"q": "x"}).status_code == 200
    nobody.cookies.clear()
    again = nobody.get(link, follow_redirects=False)
    assert (again.status_code, again.json()["title"]) == (401, "Sign in")
    late = link_for("operator", store, LOCAL)
    with store.write(silent=True) as connection:
        connection.execute(update(ticket).values(expires=time.time() - 1))
    assert nobody.get(late, follow_redirects=False).status_code == 401


def test_no_link_where_people_sign_in(settings: Settings, add: Add) -> None:
    add("Anna")
    assert welcome(settings, LOCAL).link == ""


def test_the_operators_key_lies_in_a_file_for_one_reader(
    nobody: TestClient, settings: Settings, store: Store
) -> None:
    key = operator_key(settings, store)
    path = settings.home / HEADER_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    name, _, value = path.read_text().strip().partition(": ")
    assert (name, value) == ("Authorization", f"Bearer {key}")
    assert nobody.get("/v1/users", headers={name: value}).status_code == 200
    assert operator_key(settings, store) == key, "it stays, so that scripts go on"
    known = nobody.get("/v1/keys", headers={name: value}).json()
    assert nobody.delete(f"/v1/keys/{known[0]['id']}", headers={name: value}).status_code == 204
    assert nobody.get("/v1/users", headers={name: value}).status_code == 401
    assert operator_key(settings, store) != key, "revoked: the next start makes another"


def test_open_on_loopback_ends_with_the_first_account(
    settings: Settings, nobody: TestClient, add: Add
) -> None:
    state = nobody.app.state  # type: ignore[attr-defined]
    wide = settings.server.model_copy(update={"open_on_loopback": True})
    state.ingestion._settings = settings.model_copy(update={"server": wide})
    asked = {"params": {"q": "x"}}
    assert nobody.get("/v1/search", **asked).status_code == 200
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        forwarded = nobody.get("/v1/search", headers={header: "203.0.113.9"}, **asked)
        assert forwarded.status_code == 401, "a proxy on this machine speaks for somebody else"
    add("Anna")
    assert nobody.get("/v1/search", **asked).status_code == 401


def test_secrets_are_not_logged(
    nobody: TestClient, add: Add, settings: Settings, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    add("Anna")
    link = link_for("operator", store, LOCAL)
    key = operator_key(settings, store)
    nobody.get("/v1/search", params={"q": "x"}, headers={"Authorization": f"Bearer {key}"})
    nobody.get("/v1/search", params={"q": "x"}, headers={"Authorization": f"Bearer {key}x"})
    nobody.get(link, follow_redirects=False)
    answered = nobody.post("/v1/session", json={"name": "Anna", "password": PASSWORD})
    nobody.post("/v1/session", json={"name": "Anna", "password": ["a secret in a list"]})
    nobody.post("/v1/session", json={"name": "Anna", "password": "wrong-secret"})
    secrets = (
        key, link.partition("token=")[2], nobody.cookies[COOKIE], answered.json()["csrf"], PASSWORD, "secret",
    )  # fmt: skip
    lines = [
        record.getMessage() + str(record.exc_info or "")
        for record in caplog.records
        if not record.name.startswith(("httpx", "httpcore"))  # the test's own client
    ]
    assert any(line.startswith("POST /v1/session 401") for line in lines)
    for secret in secrets:
        assert not [line for line in lines if secret in line]


def test_a_password_is_not_repeated_in_errors(nobody: TestClient) -> None:
    refused = nobody.post("/v1/session", json={"name": "Anna", "password": ["hunter2"]})
    assert refused.status_code == 422
    assert "hunter2" not in refused.text


def test_a_weak_hash_is_made_anew(
    people: People, add: Add, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("Anna")
    dearer = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    monkeypatch.setattr(server.auth.passwords, "_HASHER", dearer)
    assert people.with_password("Anna", PASSWORD) is not None
    with store.read() as connection:
        kept = connection.execute(select(person.c.password).where(person.c.origin == "local")).scalar_one()
    assert "m=16,t=2" in kept
    assert people.with_password("Anna", PASSWORD) is not None
