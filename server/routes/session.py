"""/v1/session: who is signed in; sign in and out."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from rag.errors import SignInError
from server.auth.identity import Identity, client_address, identity
from server.auth.limits import Limits, limits
from server.auth.operator import LINK
from server.auth.people import People
from server.auth.secret import csrf_of
from server.auth.sessions import COOKIE, Sessions, Tickets
from server.ingestion import Desk, desk
from server.problems import problem_responses
from server.schema_people import OidcOut, SessionOut, SignIn, SignInOut, user_out

__all__ = ["begin_session", "router"]

router = APIRouter(prefix="/v1/session", tags=["session"])

At = Annotated[Desk, Depends(desk)]


def _session_out(at: Desk, found: Identity) -> SessionOut:
    auth, people = at.settings.auth, People(at.store)
    email = "" if found.principal is None else people.get(found.principal.id).email
    return SessionOut(
        user=None if found.principal is None else user_out(found.principal, email),
        csrf=found.csrf,
        sign_in=SignInOut(
            password=people.any_local(),
            oidc=OidcOut(name=auth.oidc.name) if auth.oidc.issuer else None,
            proxy=bool(auth.proxy.header),
        ),
        version=metadata.version("citewell"),
    )


def begin_session(request: Request, response: Response, at: Desk, person_id: str) -> str:
    """Sign the browser in and return the session's secret. A session that it had before is ended: whoever set
    that cookie must not share this one.
    """
    sessions = Sessions(at.store, at.settings.auth)
    if COOKIE in request.cookies:
        sessions.end(request.cookies[COOKIE])
    secret = sessions.begin(person_id)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(at.settings.auth.session_max_h * 3600),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https" or at.settings.server.public_url.startswith("https:"),
    )
    return secret


@router.get("", responses=problem_responses(401, 421, 500), summary="Who is signed in")
def show_session(at: At, found: Annotated[Identity, Depends(identity)]) -> SessionOut:
    """Also when that is nobody: ``user`` is null then, and ``sign_in`` tells how to change that."""
    return _session_out(at, found)


@router.post("", responses=problem_responses(401, 403, 421, 422, 429, 500), summary="Sign in")
def sign_in(
    at: At, given: SignIn, request: Request, response: Response, held: Annotated[Limits, Depends(limits)]
) -> SessionOut:
    """With a local account. Sets the cookie of a new session."""
    address = client_address(request, at.settings.auth.proxy)
    with held.signing_in(f"from {address}", f"as {given.name.casefold()}"):
        person = People(at.store).with_password(given.name, given.password.get_secret_value())
        if person is None:
            raise SignInError("There is no account with this name and password.", "Check both.")
    secret = begin_session(request, response, at, person.id)
    return _session_out(at, Identity(person.principal, csrf_of(secret)))


@router.delete("", status_code=204, responses=problem_responses(401, 403, 421, 500), summary="Sign out")
def sign_out(
    at: At, request: Request, response: Response, found: Annotated[Identity, Depends(identity)]
) -> None:
    """Ends the session, if there is one."""
    if COOKIE in request.cookies:
        Sessions(at.store, at.settings.auth).end(request.cookies[COOKIE])
        response.delete_cookie(COOKIE, httponly=True, samesite="lax")


@router.get(
    "/link",
    status_code=303,
    response_class=RedirectResponse,
    responses=problem_responses(401, 421, 422, 500),
    summary="Sign in with a link",
)
def follow_link(
    at: At, request: Request, token: Annotated[str, Query(min_length=1, max_length=200)]
) -> RedirectResponse:
    """The link that the server prints at its start, or `citewell user link`. It is good for one use."""
    redeemed = Tickets(at.store).redeem(LINK, token)
    if redeemed is None or redeemed[0] is None:
        raise SignInError(
            "This link was used already, or has expired.", "`citewell user link` makes a new one."
        )
    response = RedirectResponse("/", 303)
    begin_session(request, response, at, redeemed[0])
    return response
