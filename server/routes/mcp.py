"""/mcp: the Model Context Protocol over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from rag.assistant import Assistant
from rag.types import Answer
from server.audit import Audit, auditing
from server.auth import Principal, reader
from server.auth.limits import Limits, limits
from server.mcp import Bridge, Caller, handed_over
from server.readiness import Readiness, open_assistant, readiness

__all__ = ["router"]

CHANNEL = "mcp"

router = APIRouter(tags=["mcp"])


@router.api_route("/mcp", methods=["POST"], include_in_schema=False)
async def mcp(
    request: Request,
    assistant: Annotated[Assistant, Depends(open_assistant)],
    state: Annotated[Readiness, Depends(readiness)],
    principal: Annotated[Principal, Depends(reader)],
    held: Annotated[Limits, Depends(limits)],
    record: Annotated[Audit, Depends(auditing)],
) -> Response:
    """The protocol has its own description; OpenAPI cannot tell it. There are no sessions, and so nothing to
    GET or DELETE.
    """
    bridge = request.app.state.mcp
    assert isinstance(bridge, Bridge)

    async def ask(question: str) -> Answer:
        with held.answer(principal):
            answer = await assistant.ask(question, user=principal.user)
        await record.record_answer(principal, answer, CHANNEL)
        return answer

    return handed_over(request, bridge, Caller(assistant, principal.user, state.settings, ask))
