"""/v1/settings: those that an administrator may change while the server runs."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends

from rag.changed_settings import CHANGEABLE, change_settings, read_changes, with_changes
from rag.settings import origin_of
from server.auth import Principal, administrator
from server.ingestion import Desk, desk
from server.problems import problem_responses
from server.schema_settings import SettingOut

__all__ = ["router"]

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/settings", tags=["settings"])

At = Annotated[Desk, Depends(desk)]
Administrator = Annotated[Principal, Depends(administrator)]
Values = Annotated[
    dict[str, Any],
    Body(
        description="Values by name; null goes back to the default.",
        examples=[{"answer.policy": "flag", "answer.max_sentences": None}],
    ),
]


def _shown(at: Desk) -> list[SettingOut]:
    changes = read_changes(at.store)
    current = with_changes(at.settings, changes)
    found = []
    for name in CHANGEABLE:
        section, _, field = name.partition(".")
        known = getattr(current, section)
        schema = type(known).model_json_schema()["properties"][field]
        origin = origin_of(name)
        if origin == "default" and name in changes:
            origin = "administrator"
        found.append(
            SettingOut(
                name=name,
                value=getattr(known, field),
                default=getattr(getattr(at.settings, section), field),
                description=schema["description"],
                type=schema["type"],
                choices=schema.get("enum", []),
                origin=origin,
            )
        )
    return found


@router.get("", responses=problem_responses(421, 500), summary="Settings that may be changed")
def list_settings(at: At, principal: Administrator) -> list[SettingOut]:
    """Each with its value, and the default that it can go back to."""
    return _shown(at)


@router.patch("", responses=problem_responses(421, 422, 500), summary="Change settings")
def change(at: At, values: Values, principal: Administrator) -> list[SettingOut]:
    """All of them or none; they hold from the next answer on, for every server of this home."""
    change_settings(at.settings, at.store, values)
    logger.info("%s changed settings: %s", principal.id, ", ".join(values))
    return _shown(at)
