"""Sign-in at a provider that speaks the protocol."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import OctKey, RSAKey

from rag.errors import SettingsError
from rag.settings import Settings
from server.app import create_app
from server.auth.door import require_sign_in
from server.auth.people import People
from tests.fakes.assistant import FakeAssistant
from tests.fakes.provider import CLIENT, SECRET, FakeProvider, running
from tests.unit.server.auth.conftest import LOCAL
from tests.unit.server.auth.test_door import changed


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with running() as made:
        yield made


@pytest.fixture
def client(settings: Settings, provider: FakeProvider) -> Iterator[TestClient]:
    oidc = {
        "issuer": provider.issuer, "name": "Company", "client_id": CLIENT, "client_secret": SECRET,
        "administrators": ["it"], "editors": ["writers"],
    }  # fmt: skip
    chosen = changed(settings, "auth", oidc=oidc)
    with TestClient(create_app(chosen, FakeAssistant()), base_url=LOCAL, follow_redirects=False) as made:
        yield made


def back(client: TestClient) -> str:
    """Begin a sign-in and let the provider do its part: the address that it sends the browser back to."""
    sent = client.get("/v1/session/oidc")
    assert sent.status_code == 302, sent.text
    assert "HttpOnly" in sent.headers["set-cookie"]
    answered = httpx.get(sent.headers["location"], trust_env=False)
    assert answered.status_code == 302
    return answered.headers["location"]


def sign_in(client: TestClient) -> Any:
    return client.get(back(client))


def user(client: TestClient) -> Any:
    return client.get("/v1/session").json()["user"]


def test_there_and_back(client: TestClient, provider: FakeProvider) -> None:
    assert client.get("/v1/session").json()["sign_in"] == {
        "password": False, "oidc": {"name": "Company"}, "proxy": False,
    }  # fmt: skip
    provider.claims["groups"] = ["staff", "writers", "user:operator", "*", 7]
    answered = sign_in(client)
    assert (answered.status_code, answered.headers["location"]) == (303, "/")
    first = user(client)
    assert (first["name"], first["email"], first["role"]) == ("Anna Kim", "anna@example.org", "editor")
    assert first["groups"] == ["staff", "writers"]
    assert client.get("/v1/search", params={"q": "x"}).status_code == 200
    provider.claims |= {"groups": ["it"], "name": "Anna Lee"}
    sign_in(client)
    again = user(client)
    assert (again["id"], again["name"], again["role"], again["groups"]) == (
        first["id"], "Anna Lee", "administrator", ["it"],
    )  # fmt: skip
    provider.claims |= {"sub": "other", "groups": []}
    sign_in(client)
    other = user(client)
    assert other["id"] != first["id"]
    assert (other["role"], other["groups"]) == ("reader", [])


def test_groups_may_stand_in_the_user_info(client: TestClient, provider: FakeProvider) -> None:
    provider.info = {"sub": "anna-1", "groups": ["staff"], "name": "ignored"}
    assert sign_in(client).status_code == 303
    assert (user(client)["groups"], user(client)["name"]) == (["staff"], "Anna Kim")
    provider.info = {"sub": "somebody else", "groups": ["it"]}
    sign_in(client)
    assert user(client)["groups"] == ["staff"], "what is told of another person does not count"


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"},
        {"aud": "another client"},
        {"aud": [CLIENT, "another client"], "azp": "another client"},
        {"nonce": "another sign-in's"},
        {"exp": int(time.time()) - 3600},
        {"sub": None},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_token_that_is_not_for_this_is_refused(
    client: TestClient, provider: FakeProvider, wrong: dict[str, Any]
) -> None:
    provider.claims |= wrong
    refused = sign_in(client)
    assert (refused.status_code, refused.json()["title"]) == (401, "Sign in")
    assert user(client) is None


def test_a_forged_token_is_refused(client: TestClient, provider: FakeProvider) -> None:
    provider.forges_with = RSAKey.generate_key(2048)
    assert sign_in(client).status_code == 401
    # a shared secret that anybody knows: the public key itself, or that of the client
    provider.algorithm, provider.forges_with = "HS256", OctKey.import_key(SECRET * 3)
    assert sign_in(client).status_code == 401
    assert user(client) is None


def test_a_new_key_of_the_provider_is_fetched(client: TestClient, provider: FakeProvider) -> None:
    assert sign_in(client).status_code == 303
    provider.renew_key()
    assert sign_in(client).status_code == 303


def test_only_the_browser_that_began_may_finish_and_once(client: TestClient) -> None:
    location = back(client)
    kept = client.cookies["citewell_oidc"]
    client.cookies.clear()
    assert client.get(location).status_code == 401, "another browser, made to follow the link"
    client.cookies.set("citewell_oidc", kept)
    assert client.get(location.replace("state=", "state=0")).status_code == 401
    assert client.get(location).status_code == 303
    client.cookies.clear()
    client.cookies.set("citewell_oidc", kept)
    assert client.get(location).status_code == 401


def test_a_refusal_is_told(client: TestClient, provider: FakeProvider) -> None:
    provider.refuses = "access_denied"
    refused = sign_in(client)
    assert refused.status_code == 401
    assert "access_denied" in refused.json()["detail"]


def test_who_is_disabled_here_stays_out(client: TestClient, store: Any) -> None:
    sign_in(client)
    People(store).change(user(client)["id"], {"disabled": True})
    assert user(client) is None
    refused = sign_in(client)
    assert (refused.status_code, refused.json()["detail"]) == (401, "This account is disabled here.")


def test_a_provider_that_is_another_or_down(
    client: TestClient, provider: FakeProvider, settings: Settings
) -> None:
    provider.calls_itself = "https://evil.example"
    refused = client.get("/v1/session/oidc")
    assert (refused.status_code, refused.json()["title"]) == (502, "Provider")
    down = changed(settings, "auth", oidc={"issuer": "http://127.0.0.1:9", "client_id": CLIENT})
    with TestClient(create_app(down, FakeAssistant()), base_url=LOCAL) as other:
        assert other.get("/v1/session/oidc", follow_redirects=False).status_code == 502


def test_without_a_provider_there_is_no_such_sign_in(nobody: TestClient) -> None:
    assert nobody.get("/v1/session/oidc").status_code == 404


def test_secrets_are_not_logged(
    client: TestClient, provider: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    location = back(client)
    client.get(location)
    code = location.partition("code=")[2].partition("&")[0] or location.partition("code=")[2]
    mine = [r.getMessage() for r in caplog.records if r.name.startswith(("server", "authlib"))]
    assert any("/v1/session/oidc/callback 303" in line for line in mine)
    assert not [line for line in mine if SECRET in line or code in line or "at-1" in line]


def test_the_providers_address_is_https(settings: Settings, add: Callable[..., Any]) -> None:
    plain = changed(settings, "auth", oidc={"issuer": "http://id.example", "client_id": "x"})
    with pytest.raises(SettingsError, match="https"):
        require_sign_in(plain)


def test_the_callback_is_where_people_see_the_server(settings: Settings, provider: FakeProvider) -> None:
    public = changed(settings, "server", public_url="https://citewell.example")
    oidc = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET}
    chosen = changed(public, "auth", oidc=oidc)
    with TestClient(create_app(chosen, FakeAssistant()), base_url="http://citewell.example") as client:
        sent = client.get("/v1/session/oidc", follow_redirects=False)
    assert (
        "redirect_uri=https%3A%2F%2Fcitewell.example%2Fv1%2Fsession%2Foidc%2Fcallback"
        in sent.headers["location"]
    )
    assert "Secure" in sent.headers["set-cookie"]
