"""/v1/users and /v1/groups: accounts, roles, and who is in which group."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from rag.errors import AccountConflictError
from server.auth import Principal, Role, administrator
from server.auth.leaving import remove_account
from server.auth.people import People
from server.ingestion import Desk, desk
from server.problems import problem_responses
from server.schema_people import GroupOut, PersonChange, PersonIn, PersonOut, person_out

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["people"])

Key = Annotated[str, Path(description="Id of the account.", examples=["5f0c9b1e22d4a7b3"])]
Administrator = Annotated[Principal, Depends(administrator)]


def _people(at: Annotated[Desk, Depends(desk)]) -> People:
    return People(at.store, at.settings.auth.password_chars)


Everybody = Annotated[People, Depends(_people)]


@router.get("/users", responses=problem_responses(421, 500), summary="List the accounts")
def list_users(people: Everybody, principal: Administrator) -> list[PersonOut]:
    """By name."""
    return [person_out(one) for one in people.all()]


@router.post(
    "/users", status_code=201, responses=problem_responses(409, 421, 422, 500), summary="Add an account"
)
def add_user(people: Everybody, given: PersonIn, principal: Administrator) -> PersonOut:
    """A local one, with a password. People of a provider or proxy come by themselves."""
    added = people.add(
        given.name,
        given.password.get_secret_value(),
        role=given.role,
        groups=given.groups,
        email=given.email,
    )
    return person_out(added)


@router.patch(
    "/users/{key}", responses=problem_responses(404, 409, 421, 422, 500), summary="Change an account"
)
def change_user(people: Everybody, key: Key, change: PersonChange, principal: Administrator) -> PersonOut:
    """What is left out stays. A new password, and disabling, end all sessions of that person."""
    less = change.disabled or (change.role is not None and change.role != Role.ADMINISTRATOR)
    if key == principal.id and less:
        raise AccountConflictError(
            "You cannot take your own rights away.", "Ask another administrator, or use `citewell user`."
        )
    return person_out(people.change(key, change.values_given()))


@router.delete(
    "/users/{key}",
    status_code=204,
    responses=problem_responses(404, 409, 421, 500),
    summary="Remove an account",
)
def remove_user(at: Annotated[Desk, Depends(desk)], key: Key, principal: Administrator) -> None:
    """With its sessions, keys, conversations and private documents. What was recorded of its answers stays:
    see DELETE /v1/audit/people.
    """
    if key == principal.id:
        raise AccountConflictError(
            "You cannot remove yourself.", "Ask another administrator, or use `citewell user`."
        )
    remove_account(key, at.settings, at.store)


@router.get("/groups", responses=problem_responses(421, 500), summary="List the groups")
def list_groups(people: Everybody, principal: Administrator) -> list[GroupOut]:
    """Those that somebody is in."""
    return [GroupOut(name=name, members=count) for name, count in people.groups().items()]
