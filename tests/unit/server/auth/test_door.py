"""Where the server may listen, which hosts and proxies it believes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rag.errors import SettingsError
from rag.server_settings import ProxySettings
from rag.settings import Settings
from server.app import create_app
from server.auth.door import require_sign_in
from server.auth.people import Person
from tests.fakes.assistant import FakeAssistant

Add = Callable[..., Person]


def changed(settings: Settings, section: str, **values: Any) -> Settings:
    part = getattr(settings, section)
    return settings.model_copy(update={section: type(part)(**{**part.model_dump(), **values})})


def test_beyond_this_machine_only_with_sign_in_and_host_names(settings: Settings, add: Add) -> None:
    wide = changed(settings, "server", host="0.0.0.0", allowed_hosts=["citewell.example"])
    with pytest.raises(SettingsError, match="no sign-in"):
        require_sign_in(wide)
    anna = add("Anna")
    require_sign_in(wide)
    with pytest.raises(SettingsError, match="name no host"):
        require_sign_in(changed(settings, "server", host="0.0.0.0"))
    with pytest.raises(SettingsError, match="open_on_loopback"):
        require_sign_in(changed(wide, "server", open_on_loopback=True))
    require_sign_in(changed(settings, "server", host="0.0.0.0", public_url="https://citewell.example"))
    assert anna.role == "reader"


def test_a_disabled_account_is_no_sign_in(settings: Settings, add: Add, people: Any) -> None:
    people.change(add("Anna").id, {"disabled": True})
    wide = changed(settings, "server", host="0.0.0.0", allowed_hosts=["citewell.example"])
    with pytest.raises(SettingsError, match="no sign-in"):
        require_sign_in(wide)


@pytest.mark.parametrize(
    "auth",
    [
        {"oidc": {"issuer": "https://id.example"}},
        {"proxy": {"header": "X-User"}},
        {"proxy": {"header": "X-User", "addresses": ["not an address"]}},
    ],
)
def test_half_a_sign_in_is_refused(settings: Settings, auth: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        require_sign_in(changed(settings, "auth", **auth))


@pytest.fixture
def public(settings: Settings, add: Add) -> Iterator[TestClient]:
    add("Anna")
    served = changed(
        settings,
        "server",
        host="0.0.0.0",
        allowed_hosts=["wiki.example"],
        public_url="https://citewell.example",
    )
    with TestClient(create_app(served, FakeAssistant()), base_url="http://citewell.example") as client:
        yield client


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("citewell.example", 200), ("WIKI.example:8100", 200), ("127.0.0.1:8100", 200),
        ("evil.example", 421), ("citewell.example.evil.example", 421), ("0.0.0.0.evil.example", 421),
    ],
)  # fmt: skip
def test_hosts(public: TestClient, host: str, status: int) -> None:
    assert public.get("/healthz", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://citewell.example", 200), ("http://citewell.example", 200),
        ("https://wiki.example", 403), ("https://evil.example", 403), ("null", 403), ("", 403),
    ],
)  # fmt: skip
def test_origins_behind_a_proxy_that_ends_tls(public: TestClient, origin: str, status: int) -> None:
    from tests.unit.server.auth.conftest import PASSWORD

    given = {"name": "Anna", "password": PASSWORD}
    answered = public.post("/v1/session", json=given, headers={"Origin": origin})
    assert answered.status_code == status
    if status == 200:
        assert "; Secure" in answered.headers["set-cookie"]


PROXY = {
    "header": "X-Forwarded-User",
    "email_header": "X-Forwarded-Email",
    "groups_header": "X-Forwarded-Groups",
    "addresses": ["10.0.0.0/24"],
    "editors": ["writers"],
}
ANNA = {"X-Forwarded-User": "anna", "X-Forwarded-Groups": "staff, writers,user:operator"}


def behind(settings: Settings, peer: str) -> TestClient:
    app = create_app(changed(settings, "auth", proxy=PROXY), FakeAssistant())
    return TestClient(app, base_url="http://127.0.0.1", client=(peer, 4000))


def test_a_trusted_proxy_names_the_person(settings: Settings) -> None:
    with behind(settings, "10.0.0.7") as client:
        told = client.get("/v1/session", headers={**ANNA, "X-Forwarded-Email": "anna@example.org"}).json()
        assert told["sign_in"]["proxy"] is True
        user = told["user"]
        assert (user["name"], user["email"], user["role"]) == ("anna", "anna@example.org", "editor")
        assert user["groups"] == ["staff", "writers"]
        less = client.get("/v1/session", headers={**ANNA, "X-Forwarded-Groups": "staff"}).json()["user"]
        assert (less["id"], less["groups"], less["role"]) == (user["id"], ["staff"], "reader")
        asked = {"json": {"question": "x"}}
        assert client.post("/v1/ask", headers=ANNA, **asked).status_code == 403, "no token of the page"
        token = {"X-CSRF-Token": told["csrf"]}
        assert client.post("/v1/ask", headers={**ANNA, **token}, **asked).status_code == 200
        other = {**ANNA, "X-Forwarded-User": "bert", **token}
        assert client.post("/v1/ask", headers=other, **asked).status_code == 403, "another person's token"
        twice = [("X-Forwarded-User", "anna"), ("X-Forwarded-User", "root")]
        assert client.get("/v1/session", headers=twice).json()["user"] is None


@pytest.mark.parametrize("peer", ["10.0.1.7", "127.0.0.1", "testclient"])
def test_anybody_elses_header_is_not_believed(settings: Settings, peer: str) -> None:
    with behind(settings, peer) as client:
        assert client.get("/v1/session", headers=ANNA).json()["user"] is None
        assert client.get("/v1/search", params={"q": "x"}, headers=ANNA).status_code == 401


def test_an_empty_list_trusts_nobody() -> None:
    from server.auth.identity import is_trusted_proxy

    assert not is_trusted_proxy("127.0.0.1", ProxySettings(header="X-User"))
    assert is_trusted_proxy("::1", ProxySettings(header="X-User", addresses=["::1"]))


def test_metrics_for_this_machine_alone(settings: Settings) -> None:
    app = create_app(changed(settings, "server", metrics_on_loopback=True), FakeAssistant())
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        assert client.get("/metrics").status_code == 200
        assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
        assert client.get("/v1/users").status_code == 401
    with TestClient(app, base_url="http://127.0.0.1", client=("10.0.0.7", 1)) as client:
        assert client.get("/metrics").status_code == 401


def test_headers_that_protect(nobody: TestClient) -> None:
    for path in ("/healthz", "/v1/users", "/nowhere"):
        headers = nobody.get(path).headers
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
