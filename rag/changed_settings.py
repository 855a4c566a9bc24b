"""The few settings that an administrator may change while the server runs, kept in the database.

What the operator of the machine has set, in a variable or in citewell.toml, has the last word: only defaults
are changed here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import delete, insert, select

from rag.errors import SettingsChangeError
from rag.settings import Settings, origin_of
from rag.store import Store
from rag.tables import setting

__all__ = ["CHANGEABLE", "change_settings", "read_changes", "with_changes"]

logger = logging.getLogger(__name__)

PREFIX = "changed:"  # of their names in the table
CHANGEABLE = (
    "answer.policy",
    "answer.max_sentences",
    "topics.allowed",
    "topics.blocked",
    "limits.answers_per_minute",
    "limits.requests_per_minute",
)


def read_changes(store: Store) -> dict[str, Any]:
    """By name: the values that administrators have set."""
    query = select(setting).where(setting.c.name.in_([PREFIX + name for name in CHANGEABLE]))
    with store.read() as connection:
        return {row.name.removeprefix(PREFIX): json.loads(row.value) for row in connection.execute(query)}


def with_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with these values, as far as the operator has left them at their default. A value that an
    older version kept and this one does not take is left out.
    """
    for name, value in changes.items():
        if origin_of(name) != "default":
            continue
        try:
            settings = _changed(settings, name, value)
        except ValidationError:
            logger.warning("The value that was set for %s is no longer one; its default is used", name)
    return settings


def change_settings(settings: Settings, store: Store, values: Mapping[str, Any]) -> None:
    """Keep these values, None for going back to the default; all of them or none.

    Raises SettingsChangeError for a name that is not to be changed, or a value that it cannot have.
    """
    for name, value in values.items():
        if name not in CHANGEABLE:
            raise SettingsChangeError(
                f"{name[:64]} cannot be changed while the server runs.", f"Those are {', '.join(CHANGEABLE)}."
            )
        origin = origin_of(name)
        if origin != "default":
            raise SettingsChangeError(f"{name} is set in {origin}.", "Change it there, or take it out there.")
        if value is not None:
            try:
                _changed(settings, name, value)
            except ValidationError as error:
                raise SettingsChangeError(
                    f"{name}: {error.errors()[0]['msg']}.", "Give another value."
                ) from error
    with store.write() as connection:
        for name, value in values.items():
            connection.execute(delete(setting).where(setting.c.name == PREFIX + name))
            if value is not None:
                connection.execute(insert(setting).values(name=PREFIX + name, value=json.dumps(value)))


def _changed(settings: Settings, name: str, value: Any) -> Settings:  # noqa: ANN401 - validated here
    section, _, field = name.partition(".")
    known: BaseModel = getattr(settings, section)
    made = type(known).model_validate({**known.model_dump(), field: value}, strict=False)
    return settings.model_copy(update={section: made})
