"""GET /v1/usage: what was asked of the assistant, day by day."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from server.auth import Principal, administrator
from server.ingestion import Desk, desk
from server.problems import problem_responses
from server.schema_operations import UsageOut, usage_out
from server.usage import usage

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["audit"])


@router.get("/usage", responses=problem_responses(401, 403, 421, 422, 500), summary="Usage by day")
def get_usage(
    at: Annotated[Desk, Depends(desk)],
    principal: Annotated[Principal, Depends(administrator)],
    days: Annotated[int, Query(ge=1, le=366, description="Days up to today.")] = 30,
) -> UsageOut:
    """Answers, verdicts, tokens and times, from the record of answers: nothing of it where that is off, and
    no further back than it is kept. Days are those of UTC.
    """
    return usage_out(usage(at.store, days))
