"""/v1/audit: the record of answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AwareDatetime
from starlette.responses import StreamingResponse

from server.audit import Audit, auditing
from server.auth import Principal, administrator
from server.problems import problem_responses
from server.schema_people import AuditOut, ErasedOut, recorded_out

__all__ = ["router"]

router = APIRouter(prefix="/v1/audit", tags=["audit"])

Record = Annotated[Audit, Depends(auditing)]
Administrator = Annotated[Principal, Depends(administrator)]
User = Annotated[str | None, Query(description="Only answers to the person of this id.")]
Since = Annotated[AwareDatetime | None, Query(description="Not before this time, with its zone.")]
Until = Annotated[AwareDatetime | None, Query(description="Before this time, with its zone.")]
JSONL = "application/jsonl"


def _seconds(moment: AwareDatetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


@router.get("", responses=problem_responses(421, 422, 500), summary="List recorded answers")
def list_recorded(
    record: Record,
    principal: Administrator,
    user: User = None,
    since: Since = None,
    until: Until = None,
    cursor: Annotated[int | None, Query(ge=0, lt=2**63, description="``next`` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Answers at most.")] = 50,
) -> AuditOut:
    """The newest first."""
    found = list(
        record.rows(
            person_id=user, since=_seconds(since), until=_seconds(until), before=cursor, limit=limit + 1
        )
    )
    more = len(found) > limit
    return AuditOut(
        items=[recorded_out(row) for row in found[:limit]], next=str(found[limit - 1].id) if more else None
    )


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={
        200: {"content": {JSONL: {"schema": {"type": "string"}}}},
        **problem_responses(421, 422, 500),
    },
    summary="Export recorded answers",
)
def export(
    record: Record, principal: Administrator, user: User = None, since: Since = None, until: Until = None
) -> StreamingResponse:
    """All of them as JSON lines, the newest first."""

    def lines() -> Iterator[str]:
        for row in record.rows(person_id=user, since=_seconds(since), until=_seconds(until)):
            yield recorded_out(row).model_dump_json() + "\n"

    named = {"Content-Disposition": 'attachment; filename="citewell-audit.jsonl"'}
    return StreamingResponse(lines(), media_type=JSONL, headers=named)


@router.delete("/people/{user_id}", responses=problem_responses(421, 500), summary="Erase a person")
def erase(
    record: Record,
    principal: Administrator,
    user_id: Annotated[str, Path(description="Id of the account, which may be gone already.", min_length=1)],
) -> ErasedOut:
    """Name, questions and answers go out of the record; the rows stay, for counting."""
    return ErasedOut(erased=record.erase(user_id))
