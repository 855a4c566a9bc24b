"""GET /v1/search: the passages themselves."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from rag.assistant import Assistant
from rag.text.language import language
from server.auth import Principal, reader
from server.problems import problem_responses
from server.readiness import open_assistant
from server.schema import SearchOut, search_out

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["search"])


@router.get("/search", responses=problem_responses(421, 422, 500, 503), summary="Find passages")
async def search(
    principal: Annotated[Principal, Depends(reader)],
    assistant: Annotated[Assistant, Depends(open_assistant)],
    q: Annotated[
        str, Query(min_length=1, description="What to look for, in any language.", examples=["lost laptop"])
    ],
    k: Annotated[int, Query(ge=1, le=100, description="Passages at most.")] = 10,
    collections: Annotated[
        list[str], Query(max_length=100, description="Only in these collections; none: in all.")
    ] = [],  # noqa: B006 - FastAPI copies it
) -> SearchOut:
    """The k best passages, best first, with the scores of each search."""
    user = dataclasses.replace(principal.user, collections=tuple(collections) or None)
    return search_out(q, language(q), await assistant.search(q, k=k, user=user))
