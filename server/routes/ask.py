"""POST /v1/ask: a question, answered whole or sentence by sentence."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import Response

from rag.assistant import Assistant
from server.audit import Audit, auditing
from server.auth import Principal, reader
from server.giving import CLIENT_CLOSED_REQUEST, answering, unless_closed
from server.problems import problem_responses
from server.readiness import open_assistant
from server.schema import AnswerOut, AskIn, answer_out
from server.sse import AnswerEvents

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["answers"])

CHANNEL = "api"
_STREAM = {
    "description": "The checked answer. As Server-Sent Events: `evidence` (the quotes), `sentence` (each "
    "only after its check), then `final` (the whole answer) or `error` (problem details).",
    "content": {
        "text/event-stream": {
            "schema": {"type": "string"},
            "example": 'event: sentence\ndata: {"claim": {...}, "citations": [...]}\n\n',
        }
    },
}


@router.post(
    "/ask",
    response_model=AnswerOut,
    dependencies=[Depends(answering)],
    responses={200: _STREAM, **problem_responses(421, 422, 500, 503)},
    summary="Answer a question from the documents",
)
async def ask(
    asked: AskIn,
    request: Request,
    assistant: Annotated[Assistant, Depends(open_assistant)],
    principal: Annotated[Principal, Depends(reader)],
    record: Annotated[Audit, Depends(auditing)],
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> AnswerOut | Response:
    """Every sentence has been checked against its cited quotes before it is sent.

    Streams when ``stream`` is true or the request accepts text/event-stream.
    """
    user = asked.within(principal.user)
    if asked.stream or "text/event-stream" in accept.lower():
        events = assistant.stream(asked.question, user=user, history=asked.turns())
        return AnswerEvents(record.recorded(events, principal, CHANNEL))
    whole = assistant.ask(asked.question, user=user, history=asked.turns())
    answer = await unless_closed(request, whole)
    if answer is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    await record.record_answer(principal, answer, CHANNEL)
    return answer_out(answer)
