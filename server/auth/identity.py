"""Who sends a request: by API key, by the name that a trusted proxy gives, or by session cookie."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from rag.errors import ForbiddenError, SignInError
from rag.server_settings import ProxySettings
from rag.settings import Settings
from server.auth.keys import Keys
from server.auth.operator import sign_in_configured
from server.auth.people import People
from server.auth.principal import OPERATOR, Principal, Role
from server.auth.secret import csrf_of, home_secret
from server.auth.sessions import COOKIE, Sessions
from server.ingestion import Desk, desk
from server.middleware import is_loopback

__all__ = ["Identity", "client_address", "identity", "is_direct", "is_trusted_proxy", "role_by_groups"]

CSRF_HEADER = "X-CSRF-Token"
_READING = {"GET", "HEAD", "OPTIONS"}
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")

_bearer = HTTPBearer(auto_error=False, description="An API key: `citewell key add`.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="A session, begun by signing in.")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sends it, if anybody known. ``csrf`` is what a browser has to send along with what changes
    something, "" for programs.
    """

    principal: Principal | None
    csrf: str = ""


def is_trusted_proxy(peer: str, settings: ProxySettings) -> bool:
    """Whether the connection comes from a proxy that the settings name."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(one, strict=False) for one in settings.addresses)


def _peer(request: Request) -> str:
    return request.client.host if request.client else ""


def client_address(request: Request, settings: ProxySettings) -> str:
    """Where the request comes from: the connection's other end, or whom a trusted proxy forwards for."""
    peer = _peer(request)
    forwarded = request.headers.getlist("x-forwarded-for")
    if forwarded and is_trusted_proxy(peer, settings):
        # the last entry is the proxy's own; those before it are what the client claimed
        return forwarded[-1].rpartition(",")[2].strip() or peer
    return peer


def role_by_groups(groups: list[str], administrators: list[str], editors: list[str]) -> Role | None:
    """The role that groups give; None where the settings name no groups for roles."""
    if not administrators and not editors:
        return None
    if set(groups) & set(administrators):
        return Role.ADMINISTRATOR
    return Role.EDITOR if set(groups) & set(editors) else Role.READER


def _by_proxy(request: Request, at: Desk, people: People) -> Identity | None:
    proxy = at.settings.auth.proxy
    if not proxy.header or not is_trusted_proxy(_peer(request), proxy):
        return None
    named = request.headers.getlist(proxy.header)
    if len(named) != 1 or not named[0].strip():
        return None
    listed = request.headers.get(proxy.groups_header) if proxy.groups_header else None
    groups = None if listed is None else [one.strip() for one in listed.split(",") if one.strip()]
    person = people.vouched(
        "proxy",
        named[0].strip(),
        named[0].strip(),
        email=request.headers.get(proxy.email_header, "") if proxy.email_header else "",
        groups=groups,
        role=role_by_groups(groups or [], proxy.administrators, proxy.editors),
    )
    if person is None:
        return None
    # the proxy's own cookie is sent along by the browser whoever wrote the page
    return Identity(person.principal, csrf_of(home_secret(at.store) + person.id))


def is_direct(request: Request) -> bool:
    """Whether a program on this machine sends it, and no proxy on this machine for somebody else."""
    return not _is_forwarded(request) and is_loopback(_peer(request))


def _is_forwarded(request: Request) -> bool:
    return any(name in request.headers for name in _FORWARDED)


def _is_open(request: Request, settings: Settings, at: Desk) -> bool:
    """Whether whoever is on this machine counts as its operator. Only on loopback: server/auth/door.py."""
    wanted = settings.server.open_on_loopback and not _is_forwarded(request)
    return wanted and not sign_in_configured(settings, at.store)


def _found(request: Request, at: Desk, key: str | None, cookie: str | None) -> Identity:
    people = People(at.store, at.settings.auth.password_chars)
    if key is not None:
        held = Keys(at.store).holder(key)
        if held is None:
            raise SignInError(
                "This API key is not known, or has expired.", "`citewell key add` makes a new one."
            )
        return Identity(replace(people.get(held[0]).principal, scopes=held[1]))
    proxied = _by_proxy(request, at, people)
    if proxied is not None:
        return proxied
    person_id = Sessions(at.store, at.settings.auth).person_id(cookie) if cookie else None
    if cookie and person_id is not None:
        return Identity(people.saw(person_id).principal, csrf_of(cookie))
    return Identity(OPERATOR if _is_open(request, at.settings, at) else None)


def identity(
    request: Request,
    at: Annotated[Desk, Depends(desk)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> Identity:
    """Dependency: who sends this. Raises SignInError for a bad key, ForbiddenError for what a browser sends
    without the page having asked for it.
    """
    found = _found(request, at, bearer.credentials if bearer else None, cookie)
    if (
        found.csrf
        and request.method not in _READING
        and not _same(request.headers.get(CSRF_HEADER), found.csrf)
    ):
        raise ForbiddenError(
            f"The header {CSRF_HEADER} is missing or not this session's.",
            "Take its value from GET /v1/session; programs use an API key instead.",
        )
    return found


def _same(given: str | None, wanted: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), wanted.encode())
