"""What is sent about the use and the quality of the assistant."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from server.usage import DayOfUse

__all__ = ["UsageOut", "usage_out"]

_DAY: JsonDict = {
    "day": "2026-11-25",
    "answers": 41,
    "people": 9,
    "abstentions": 4,
    "verdicts": {"insufficient_context": 4, "quoted": 12, "supported": 25},
    "channels": {"api": 3, "chat": 38},
    "prompt_tokens": 11120,
    "completion_tokens": 1430,
    "median_ms": 2310.0,
    "p95_ms": 4120.5,
}


class DayOfUseOut(BaseModel):
    """One day in UTC."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DAY]})

    day: date
    answers: int
    people: int = Field(description="People who were given answers; those who were erased are not counted.")
    abstentions: int = Field(description="Answers that say that there is none.")
    verdicts: dict[str, int]
    channels: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    median_ms: float | None = Field(description="Null on a day without answers.")
    p95_ms: float | None = Field(description="Null on a day without answers.")


class UsageOut(BaseModel):
    """Days in their order, none left out."""

    days: list[DayOfUseOut]


def usage_out(days: Sequence[DayOfUse]) -> UsageOut:
    """Usage as it is sent."""
    return UsageOut(days=[DayOfUseOut(**dataclasses.asdict(day)) for day in days])
