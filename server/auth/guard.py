"""Dependencies of routes: who asks, when they may do what the route does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from rag.errors import ForbiddenError, SignInError
from server.auth.identity import Identity, identity, is_direct
from server.auth.limits import Limits, limits
from server.auth.principal import Principal, Role, Scope
from server.ingestion import Desk, desk

__all__ = ["administrator", "editor", "guard", "keyholder", "reader", "scraper", "uploader"]


def guard(role: Role, scope: Scope) -> Callable[..., Principal]:
    """A dependency that lets those in who have at least that role and, with an API key, that scope.

    Others meet SignInError (401), ForbiddenError (403) or TooManyRequestsError (429).
    """

    def allowed(
        found: Annotated[Identity, Depends(identity)], held: Annotated[Limits, Depends(limits)]
    ) -> Principal:
        if found.principal is None:
            raise SignInError("Nobody is signed in.", "Sign in, or send an API key as a bearer token.")
        held.count_request(found.principal)
        _check(found.principal, role, scope)
        return found.principal

    return allowed


def _check(principal: Principal, role: Role, scope: Scope) -> None:
    if not principal.role.includes(role):
        raise ForbiddenError(f"This takes the role {role}.", "Ask an administrator.")
    if not principal.may(role, scope):
        raise ForbiddenError(f"This takes an API key with the scope {scope}.", "Make such a key.")


def scraper(
    request: Request,
    at: Annotated[Desk, Depends(desk)],
    found: Annotated[Identity, Depends(identity)],
) -> None:
    """Whoever may read the figures: administrators, and with ``server.metrics_on_loopback`` this machine."""
    if at.settings.server.metrics_on_loopback and is_direct(request):
        return
    if found.principal is None:
        raise SignInError("Nobody is signed in.", "Send an API key, or set server.metrics_on_loopback.")
    _check(found.principal, Role.ADMINISTRATOR, Scope.ADMIN)


reader = guard(Role.READER, Scope.ASK)  # whoever may ask
uploader = guard(Role.READER, Scope.DOCUMENTS)  # whoever may bring documents in for themselves
editor = guard(Role.EDITOR, Scope.DOCUMENTS)  # whoever may bring documents in for others
keyholder = guard(Role.READER, Scope.ADMIN)  # whoever may make keys in their own name
administrator = guard(Role.ADMINISTRATOR, Scope.ADMIN)  # whoever may run the place
