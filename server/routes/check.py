"""POST /v1/check: an answer from elsewhere, held to sources that come with it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from rag.access import access_scope
from rag.assistant import Assistant
from rag.examine import examine
from rag.settings import Settings
from server.auth import Principal, reader
from server.problems import problem_responses
from server.readiness import Readiness, open_assistant, readiness
from server.schema_check import CheckIn, CheckOut, check_out

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["answers"])


@router.post(
    "/check",
    responses=problem_responses(400, 401, 403, 421, 422, 500, 503),
    summary="Check a text against sources",
)
async def check(
    given: CheckIn,
    assistant: Annotated[Assistant, Depends(open_assistant)],
    state: Annotated[Readiness, Depends(readiness)],
    who: Annotated[Principal, Depends(reader)],
) -> CheckOut:
    """The documents of this server take no part. A layer that could not be asked leaves a sentence
    ``not_checked``, never ``supported``.
    """
    settings: Settings = state.settings
    embedder, chat = assistant.models
    ready = await assistant.generator_ready()
    examined = await examine(
        given.text,
        given.given(),
        given.question.strip(),
        embedder,
        chat.within(access_scope(who.user)) if chat is not None and ready else None,
        settings,
        assistant.local,
    )
    return check_out(examined)
