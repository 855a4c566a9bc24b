"""/v1/conversations: a reader's own, and nobody else's."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from server.conversing import Talk, talk
from server.export import markdown
from server.paging import cursor, place_of
from server.problems import problem_responses
from server.schema_conversations import (
    ConversationChange,
    ConversationIn,
    ConversationOut,
    ConversationsOut,
    ConversationWholeOut,
    conversation_out,
)

__all__ = ["router"]

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])

At = Annotated[Talk, Depends(talk)]
Key = Annotated[
    str, Path(description="Id of the conversation.", examples=["5e0c3f7a9d1b42c891b7e2d40c5fa638"])
]


@router.get("", responses=problem_responses(401, 403, 421, 422, 500), summary="List conversations")
def list_conversations(
    at: At,
    q: Annotated[str, Query(max_length=500, description="Only those with this in title or questions.")] = "",
    limit: Annotated[int, Query(ge=1, le=200, description="Conversations at most.")] = 50,
    after: Annotated[str | None, Query(alias="cursor", description="``next`` of the list so far.")] = None,
) -> ConversationsOut:
    """The last changed first."""
    found = at.conversations.list(at.owner, q=q.strip(), limit=limit + 1, before=place_of(after))
    last = found[limit - 1] if len(found) > limit else None
    return ConversationsOut(
        items=[conversation_out(one) for one in found[:limit]],
        next=None if last is None else cursor((last.updated, last.id)),
    )


@router.post(
    "",
    status_code=201,
    responses=problem_responses(400, 401, 403, 421, 422, 500),
    summary="Begin a conversation",
)
def begin_conversation(at: At, given: ConversationIn) -> ConversationOut:
    """It has no message yet."""
    made = at.conversations.create(at.owner, title=given.title, collections=given.collections)
    return conversation_out(made)


@router.get("/{key}", responses=problem_responses(401, 403, 404, 421, 500), summary="Read a conversation")
def show_conversation(at: At, key: Key) -> ConversationWholeOut:
    """All of its branches. Each answer is confirmed against the documents for this reader."""
    return at.whole(key)


@router.patch(
    "/{key}", responses=problem_responses(400, 401, 403, 404, 421, 422, 500), summary="Change a conversation"
)
def change_conversation(at: At, key: Key, change: ConversationChange) -> ConversationOut:
    """Its title, its collections, or the branch that is shown."""
    changed = at.conversations.change(
        at.owner, key, title=change.title, active=change.active, collections=change.collections
    )
    return conversation_out(changed)


@router.delete(
    "/{key}",
    status_code=204,
    responses=problem_responses(401, 403, 404, 421, 500),
    summary="Delete a conversation",
)
async def delete_conversation(at: At, key: Key) -> None:
    """With all its messages and what was said of them; an answer that is being given is ended first."""
    messages = await asyncio.to_thread(at.conversations.messages, at.owner, key)
    await at.running.stop([one.id for one in messages])
    await asyncio.to_thread(at.conversations.delete, at.owner, key)


@router.get(
    "/{key}/export",
    response_class=Response,
    responses={
        200: {
            "content": {
                "text/markdown": {"schema": {"type": "string"}},
                "application/json": {"schema": {"$ref": "#/components/schemas/ConversationWholeOut"}},
            }
        },
        **problem_responses(401, 403, 404, 421, 422, 500),
    },
    summary="Export a conversation",
)
def export_conversation(
    at: At, key: Key, form: Annotated[Literal["markdown", "json"], Query(alias="format")] = "markdown"
) -> Response:
    """The shown branch with its sources as Markdown, or everything as JSON."""
    whole = at.whole(key)
    if form == "json":
        return _attachment(whole.model_dump_json(indent=2), "application/json", f"{whole.title}.json")
    return _attachment(markdown(whole), "text/markdown; charset=utf-8", f"{whole.title}.md")


def _attachment(content: str, media_type: str, name: str) -> Response:
    # RFC 6266: names beyond ASCII are percent-encoded
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})
