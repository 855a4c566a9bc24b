"""/mcp: the Model Context Protocol over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from rag.assistant import Assistant
from server.auth import Principal, reader
from server.mcp import Bridge, handed_over
from server.readiness import open_assistant

__all__ = ["router"]

router = APIRouter(tags=["mcp"])


@router.api_route("/mcp", methods=["GET", "POST", "DELETE"], include_in_schema=False)
async def mcp(
    request: Request,
    assistant: Annotated[Assistant, Depends(open_assistant)],
    principal: Annotated[Principal, Depends(reader)],
) -> Response:
    """The protocol has its own description; OpenAPI cannot tell it."""
    bridge = request.app.state.mcp
    assert isinstance(bridge, Bridge)
    return handed_over(request, bridge, assistant, principal.user)
