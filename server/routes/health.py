"""GET /healthz and /readyz: for those who watch the server."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response

from server.generator_state import generator_answers
from server.readiness import Readiness, readiness
from server.schema import HealthOut, ReadinessOut

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Does the process live?")
async def healthz() -> HealthOut:
    """Answers as long as the process does."""
    return HealthOut()


@router.get(
    "/readyz",
    responses={503: {"model": ReadinessOut, "description": "Not yet, or not at all"}},
    summary="Are questions answered?",
)
async def readyz(state: Annotated[Readiness, Depends(readiness)], response: Response) -> ReadinessOut:
    """200 when questions are answered, also when (``degraded``) only with quotes; 503 before that."""
    settings = state.settings
    generator: Literal["ready", "down", "off"] = "off"
    if settings.generator.enabled:
        generator = "ready" if await generator_answers(settings) else "down"
    if state.assistant is None:
        response.status_code = 503
        part: Literal["starting", "failed"] = "failed" if state.error else "starting"
        detail = state.error.message if state.error else "The assistant is being opened."
        return ReadinessOut(status=part, generator=generator, index=part, database=part, detail=detail)
    if generator == "down":
        detail = f"No generator answers at {settings.generator_url}: answers are verified quotes."
        return ReadinessOut(
            status="degraded", generator=generator, index="ready", database="ready", detail=detail
        )
    return ReadinessOut(status="ready", generator=generator, index="ready", database="ready", detail="")
