"""/v1/keys: API keys."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from rag.errors import ForbiddenError, NotFoundError
from server.auth import Principal, Role, keyholder
from server.auth.keys import Keys
from server.ingestion import Desk, desk
from server.problems import problem_responses
from server.schema_people import KeyIn, KeyMade, KeyOut, key_out

__all__ = ["router"]

router = APIRouter(prefix="/v1/keys", tags=["people"])

At = Annotated[Desk, Depends(desk)]
Holder = Annotated[Principal, Depends(keyholder)]


@router.get("", responses=problem_responses(421, 500), summary="List API keys")
def list_keys(at: At, principal: Holder) -> list[KeyOut]:
    """One's own; administrators see everybody's. The newest first."""
    everybody = principal.role == Role.ADMINISTRATOR
    return [key_out(one) for one in Keys(at.store).all(None if everybody else principal.id)]


@router.post("", status_code=201, responses=problem_responses(421, 422, 500), summary="Make an API key")
def make_key(at: At, given: KeyIn, principal: Holder) -> KeyMade:
    """In one's own name: it may do what its scopes say, as far as its owner may. Its text is told once."""
    if not set(given.scopes) <= principal.scopes:
        raise ForbiddenError("A key cannot make one that may do more.", "Leave the other scopes out.")
    expires = None if given.expires is None else given.expires.timestamp()
    key, text = Keys(at.store).add(principal.id, given.name, given.scopes, expires)
    return KeyMade(**key_out(key).model_dump(), key=text)


@router.delete(
    "/{key}", status_code=204, responses=problem_responses(404, 421, 500), summary="Revoke an API key"
)
def revoke_key(
    at: At,
    key: Annotated[str, Path(description="Id of the key.", examples=["8d0e403127d4"])],
    principal: Holder,
) -> None:
    """It is good no longer. Administrators may revoke everybody's."""
    keys = Keys(at.store)
    if principal.role != Role.ADMINISTRATOR and keys.get(key).person_id != principal.id:
        raise NotFoundError(f"There is no key {key[:40]}.", "GET /v1/keys lists yours.")
    keys.revoke(key)
