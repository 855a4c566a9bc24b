"""What readers say of answers, and its review by administrators."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from rag.eval.questions import question_line
from rag.feedback import Reviewed
from rag.stored import show
from server.auth import Principal, administrator
from server.conversing import Conversing, Talk, conversing, talk
from server.paging import cursor, place_of
from server.problems import problem_responses
from server.routes.conversations import Key
from server.schema_conversations import (
    FeedbackIn,
    FeedbackListOut,
    FeedbackMark,
    FeedbackOut,
    feedback_out,
    reviewed_out,
)

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["feedback"])

At = Annotated[Talk, Depends(talk)]
AnswerKey = Annotated[str, Path(description="Id of the answer.", examples=["91b7e2d40c5fa638"])]


def review(
    principal: Annotated[Principal, Depends(administrator)],
    at: Annotated[Conversing, Depends(conversing)],
) -> Talk:
    """Dependency, run in a thread: feedback, for an administrator."""
    return at.talk(principal)


Review = Annotated[Talk, Depends(review)]


@router.put(
    "/conversations/{key}/messages/{answer}/feedback",
    responses=problem_responses(400, 401, 403, 404, 409, 421, 422, 500),
    summary="Say what you think of an answer",
)
def give_feedback(at: At, key: Key, answer: AnswerKey, given: FeedbackIn) -> FeedbackOut:
    """In the stead of what was said before. Administrators see it, with the question and the answer."""
    return feedback_out(at.feedback.put(at.owner, key, answer, **given.model_dump()))


@router.delete(
    "/conversations/{key}/messages/{answer}/feedback",
    status_code=204,
    responses=problem_responses(401, 403, 404, 409, 421, 500),
    summary="Take feedback back",
)
def take_back(at: At, key: Key, answer: AnswerKey) -> None:
    """Also when there is none."""
    at.feedback.take_back(at.owner, key, answer)


@router.get("/feedback", responses=problem_responses(401, 403, 421, 422, 500), summary="List feedback")
def list_feedback(
    at: Review,
    state: Annotated[Literal["open", "done"] | None, Query(description="Only in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Pieces of feedback at most.")] = 50,
    after: Annotated[str | None, Query(alias="cursor", description="``next`` of the list so far.")] = None,
) -> FeedbackListOut:
    """Everyone's, the newest first; answers as far as the administrator may read their sources."""
    found = at.feedback.reviewed(state, limit=limit + 1, before=place_of(after))
    last = found[limit - 1].feedback if len(found) > limit else None
    return FeedbackListOut(
        items=[reviewed_out(one, _answer(at, one)) for one in found[:limit]],
        next=None if last is None else cursor((last.created, last.id)),
    )


@router.patch(
    "/feedback/{mark}",
    status_code=204,
    responses=problem_responses(400, 401, 403, 404, 421, 422, 500),
    summary="Mark feedback as reviewed",
)
def mark_feedback(
    at: Review, mark: Annotated[str, Path(description="Id of the feedback.")], change: FeedbackMark
) -> None:
    """Or as open again."""
    at.feedback.mark(mark, change.state)


@router.get(
    "/feedback/questions",
    response_class=Response,
    responses={
        200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}},
        **problem_responses(401, 403, 421, 500),
    },
    summary="Feedback as evaluation questions",
)
def feedback_questions(at: Review) -> Response:
    """JSON lines for `citewell eval run`: each question that a reader corrected the answer to, with it, and
    each whose answer was helpful, with its sources.
    """
    lines = [question_line(question) + "\n" for question in at.feedback.questions(at.user)]
    disposition = 'attachment; filename="questions.jsonl"'
    return Response(
        "".join(lines), media_type="application/jsonl", headers={"Content-Disposition": disposition}
    )


def _answer(at: Talk, one: Reviewed) -> str:
    answer = one.answer.answer
    return "" if answer is None else show(answer, one.answer.basis, at.store, at.user).answer.answer
