"""Settings as they travel over HTTP."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["SettingOut"]


class SettingOut(BaseModel):
    """A setting that may be changed while the server runs. ``type`` is JSON Schema's; ``choices`` are all its
    values, where they are few. ``origin``: default, administrator, or the variable or file that fixes it.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "answer.policy",
                    "value": "flag",
                    "default": "strict",
                    "description": "strict replaces or drops a sentence that fails its check; flag shows it.",
                    "type": "string",
                    "choices": ["strict", "flag"],
                    "origin": "administrator",
                }
            ]
        },
    )

    name: str
    value: Any
    default: Any
    description: str
    type: str
    choices: list[str]
    origin: str
