"""/v1/session/oidc: to the organisation's provider and back."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from rag.errors import NotFoundError, SignInError
from server.auth.identity import role_by_groups
from server.auth.oidc import Provider, Vouched
from server.auth.people import People
from server.auth.secret import csrf_of
from server.auth.sessions import Tickets
from server.ingestion import Desk, desk
from server.problems import problem_responses
from server.routes.session import begin_session

__all__ = ["router"]

router = APIRouter(prefix="/v1/session/oidc", tags=["session"])

COOKIE = "citewell_oidc"
KIND = "oidc"
VALID_S = 600
CALLBACK = "/v1/session/oidc/callback"

At = Annotated[Desk, Depends(desk)]
Text = Annotated[str, Query(max_length=4096)]


def _provider(request: Request, at: At) -> Provider:
    if not at.settings.auth.oidc.issuer:
        raise NotFoundError("There is no such sign-in here.", "An administrator can set auth.oidc.issuer.")
    found = request.app.state.provider
    assert isinstance(found, Provider)
    return found


At_Provider = Annotated[Provider, Depends(_provider)]


def _base(request: Request, at: Desk) -> str:
    # the Host header was checked against the settings already
    return at.settings.server.public_url or f"{request.url.scheme}://{request.headers['host']}"


@router.get(
    "",
    status_code=302,
    response_class=RedirectResponse,
    responses=problem_responses(404, 421, 500, 502),
    summary="Sign in at the provider",
)
async def to_provider(request: Request, at: At, provider: At_Provider) -> RedirectResponse:
    """Sends the browser there; it comes back to the callback."""
    base, tickets = _base(request, at), Tickets(at.store)
    ticket = await run_in_threadpool(tickets.issue, KIND, VALID_S)
    # the state travels through other hands; the ticket stays in this browser
    url, kept = await provider.begin(base + CALLBACK, csrf_of(ticket))
    await run_in_threadpool(tickets.keep, KIND, ticket, kept)
    response = RedirectResponse(url, 302)
    response.set_cookie(
        COOKIE,
        ticket,
        max_age=VALID_S,
        path="/v1/session/oidc",
        httponly=True,
        samesite="lax",
        secure=base.startswith("https:"),
    )
    return response


@router.get(
    "/callback",
    status_code=303,
    response_class=RedirectResponse,
    responses=problem_responses(401, 404, 421, 422, 500, 502),
    summary="Back from the provider",
)
async def from_provider(
    request: Request,
    at: At,
    provider: At_Provider,
    state: Text = "",
    code: Text = "",
    error: Annotated[str, Query(max_length=64, pattern=r"^[\w.-]*$")] = "",
) -> RedirectResponse:
    """Begins a session for whom the provider vouches for, and sends the browser to the page."""
    ticket = request.cookies.get(COOKIE, "")
    if not hmac.compare_digest(csrf_of(ticket).encode(), state.encode()):
        raise SignInError("This sign-in was not begun in this browser, or too long ago.", "Begin again.")
    redeemed = await run_in_threadpool(Tickets(at.store).redeem, KIND, ticket)
    if redeemed is None:
        raise SignInError("This sign-in was finished already, or begun too long ago.", "Begin again.")
    if error or not code:
        raise SignInError(f"The provider refused this sign-in ({error or 'no code'}).", "Begin again.")
    vouched = await provider.finish(code, redeemed[1])
    return await run_in_threadpool(_signed_in, request, at, vouched)


def _signed_in(request: Request, at: Desk, vouched: Vouched) -> RedirectResponse:
    oidc = at.settings.auth.oidc
    person = People(at.store).vouched(
        "oidc",
        vouched.subject,
        vouched.name,
        email=vouched.email,
        groups=vouched.groups,
        role=role_by_groups(vouched.groups or [], oidc.administrators, oidc.editors),
    )
    if person is None:
        raise SignInError("This account is disabled here.", "Ask an administrator.")
    response = RedirectResponse("/", 303)
    response.delete_cookie(COOKIE, path="/v1/session/oidc")
    begin_session(request, response, at, person.id)
    return response
