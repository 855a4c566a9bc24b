"""/v1/evaluations: question sets asked of the assistant, and how good its answers are."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import FileResponse

from rag.assistant import Assistant
from rag.errors import NotFoundError, QuestionSetError
from rag.eval.questions import question_line
from server.auth import Principal, administrator
from server.conversing import Conversing, Talk, conversing
from server.evaluations import Evaluations
from server.problems import problem_responses
from server.readiness import open_assistant
from server.schema_evaluations import DifferenceOut, EvaluationIn, EvaluationOut, evaluation_out

__all__ = ["router"]

router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"])

# the report is one page that loads nothing: its own style and drawings only
_PAGE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}


def evaluations(request: Request) -> Evaluations:
    """Dependency: the runs of this home."""
    found = request.app.state.evaluations
    assert isinstance(found, Evaluations)
    return found


At = Annotated[Evaluations, Depends(evaluations)]
Who = Annotated[Principal, Depends(administrator)]
Asked = Annotated[Assistant, Depends(open_assistant)]
Key = Annotated[str, Path(description="Id of the evaluation.", examples=["91b7e2d40c5f"])]


@router.get("", responses=problem_responses(421, 500), summary="List evaluations")
def list_evaluations(at: At, who: Who) -> list[EvaluationOut]:
    """The newest first, without their figures."""
    return [evaluation_out(one) for one in at.all()]


@router.post("", status_code=202, responses=problem_responses(409, 421, 422, 500, 503), summary="Start one")
async def start_evaluation(
    at: At,
    who: Who,
    given: EvaluationIn,
    assistant: Asked,
    talks: Annotated[Conversing, Depends(conversing)],
) -> EvaluationOut:
    """It runs in the background, with the generator if one answers now; one at a time. The answers are those
    that the operator would be given, from all documents.
    """
    text, form = given.questions, given.form
    if not text.strip():
        text, form = await asyncio.to_thread(lambda: _from_feedback(talks.talk(who))), "jsonl"
    return evaluation_out(await at.start(given.name.strip(), text, form, who.name, assistant))


def _from_feedback(talk: Talk) -> str:
    """The question set that readers' feedback makes. Raises QuestionSetError."""
    lines = [question_line(question) for question in talk.feedback.questions(talk.user)]
    if not lines:
        raise QuestionSetError("No reader has corrected or praised an answer yet.", "Send a question set.")
    return "\n".join(lines)


@router.get("/{key}", responses=problem_responses(404, 421, 500), summary="One evaluation, with its figures")
def get_evaluation(at: At, who: Who, key: Key) -> EvaluationOut:
    """Figures are there once it is done."""
    known = at.get(key)
    try:
        return evaluation_out(known, at.report(key))
    except NotFoundError:
        return evaluation_out(known)


@router.get(
    "/{key}/report",
    response_class=FileResponse,
    responses={
        200: {"content": {"text/html": {"schema": {"type": "string"}}}},
        **problem_responses(404, 421, 500),
    },
    summary="The report as a page",
)
def report(at: At, who: Who, key: Key) -> FileResponse:
    """With plots and the answers that were wrong; it needs nothing else."""
    return FileResponse(at.page(key), media_type="text/html", headers=_PAGE)


@router.get(
    "/{key}/compared/{other}",
    responses=problem_responses(404, 421, 422, 500),
    summary="Is another one better?",
)
def compared(
    at: At, who: Who, key: Key, other: Annotated[str, Path(description="Id of the other one.")]
) -> list[DifferenceOut]:
    """Each measure of the other one against this one, over the questions that both share."""
    return [DifferenceOut.of(one) for one in at.compare(key, other)]


@router.post(
    "/{key}/resume",
    status_code=202,
    responses=problem_responses(404, 409, 421, 422, 500, 503),
    summary="Go on",
)
async def resume(at: At, who: Who, key: Key, assistant: Asked) -> EvaluationOut:
    """With one that was cancelled or interrupted, or that failed. What was asked is not asked again."""
    return evaluation_out(await at.resume(key, assistant))


@router.post("/{key}/cancel", responses=problem_responses(404, 421, 500), summary="Stop one")
async def cancel(at: At, who: Who, key: Key) -> EvaluationOut:
    """One that has ended stays as it is."""
    return evaluation_out(await at.cancel(key))


@router.delete("/{key}", status_code=204, responses=problem_responses(404, 421, 500), summary="Remove one")
async def remove(at: At, who: Who, key: Key) -> None:
    """With its questions, answers and report; one that runs is stopped."""
    await at.remove(key)
