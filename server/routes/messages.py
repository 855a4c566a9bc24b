"""/v1/conversations/{key}/messages: questions, and answers that come sentence by checked sentence."""

from __future__ import annotations

import asyncio
import functools
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path
from starlette.responses import Response

from rag.assistant import Assistant
from rag.question import valid_question
from server.conversation_stream import END, answer_events, begin_answer, last_event
from server.conversing import Talk, talk
from server.problems import problem_responses
from server.readiness import open_assistant
from server.routes.conversations import Key
from server.schema_conversations import MessageIn
from server.sse import EventStream

__all__ = ["router"]

router = APIRouter(prefix="/v1/conversations/{key}/messages", tags=["conversations"])

At = Annotated[Talk, Depends(talk)]
AnswerKey = Annotated[str, Path(description="Id of the answer.", examples=["91b7e2d40c5fa638"])]
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-Sent Events, each with an id: `message` (the question, and the answer that is "
        "to come), `evidence`, `sentence` (each only after its check), then one of `final` (the whole answer "
        "and suggestions), `stopped` (the answer's message as far as it came), `error` (problem details).",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'id: 2\nevent: sentence\ndata: {"claim": {...}, "citations": [...]}\n\n',
            }
        },
    }
}


@router.post(
    "",
    response_class=Response,
    responses={**_STREAM, **problem_responses(400, 401, 403, 404, 409, 421, 422, 500, 503)},
    summary="Ask in a conversation",
)
async def ask(
    at: At, key: Key, given: MessageIn, assistant: Annotated[Assistant, Depends(open_assistant)]
) -> EventStream:
    """The answer takes part in the conversation from now on, and is given on when the connection breaks:
    see ``events``. The question may refer to the messages before it.
    """
    valid_question(given.content, at.settings.answer.max_question_chars)
    add = functools.partial(at.conversations.ask, at.owner, key, given.content, given.parent)
    pair, running = await begin_answer(at, key, add, assistant)
    return EventStream(answer_events(at, key, pair, running))


@router.post(
    "/{answer}/again",
    response_class=Response,
    responses={**_STREAM, **problem_responses(401, 403, 404, 409, 421, 500, 503)},
    summary="Give another answer",
)
async def again(
    at: At, key: Key, answer: AnswerKey, assistant: Annotated[Assistant, Depends(open_assistant)]
) -> EventStream:
    """A sibling of the answer, to the same question."""
    add = functools.partial(at.conversations.again, at.owner, key, answer)
    pair, running = await begin_answer(at, key, add, assistant)
    return EventStream(answer_events(at, key, pair, running))


@router.get(
    "/{answer}/events",
    response_class=Response,
    responses={
        **_STREAM,
        204: {"description": "Nothing follows the event that was named: it was the last."},
        **problem_responses(401, 403, 404, 409, 421, 500),
    },
    summary="Hear the rest of an answer",
)
async def resume(
    at: At, key: Key, answer: AnswerKey, last_event_id: Annotated[str, Header(alias="Last-Event-ID")] = ""
) -> Response:
    """What came after the event ``Last-Event-ID``, then what comes; without it, from the beginning. Of an
    answer that has ended, its last event.
    """
    pair = await asyncio.to_thread(at.conversations.pair, at.owner, key, answer)
    if last_event_id == END:
        return Response(status_code=204)
    running = at.running.get(answer)
    if running is None:
        return EventStream(last_event(at, key, answer))
    known = last_event_id.isdecimal() and len(last_event_id) < 10
    return EventStream(answer_events(at, key, pair, running, int(last_event_id) if known else None))


@router.post(
    "/{answer}/stop",
    status_code=204,
    responses=problem_responses(401, 403, 404, 409, 421, 500),
    summary="Stop an answer",
)
async def stop(at: At, key: Key, answer: AnswerKey) -> None:
    """What was said so far stays in the conversation. An answer that has ended stays as it is."""
    await asyncio.to_thread(at.conversations.pair, at.owner, key, answer)
    await at.running.stop([answer])
