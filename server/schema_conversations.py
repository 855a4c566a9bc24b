"""Conversations and feedback as they travel over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rag.conversations import TITLE_CHARS, Conversation, Message
from rag.feedback import Feedback, Reviewed
from server.schema import AnswerOut, answer_out

__all__ = [
    "BeganOut",
    "ConversationChange",
    "ConversationIn",
    "ConversationOut",
    "ConversationWholeOut",
    "ConversationsOut",
    "FeedbackIn",
    "FeedbackListOut",
    "FeedbackMark",
    "FeedbackOut",
    "FinalOut",
    "MessageIn",
    "MessageOut",
    "ReviewedOut",
    "conversation_out",
    "feedback_out",
    "message_out",
    "reviewed_out",
    "whole_out",
]

_ID = "5e0c3f7a9d1b42c891b7e2d40c5fa638"
_WHEN = "2026-11-24T08:00:00Z"
_CONVERSATION: dict[str, Any] = {
    "id": _ID,
    "title": "Within how many hours must a lost laptop be reported?",
    "created": _WHEN,
    "updated": _WHEN,
    "collections": [],
}
_GIVEN: dict[str, Any] = {
    "rating": "down",
    "reason": "outdated",
    "comment": "There is a newer policy.",
    "corrected": "Within 2 hours.",
}
_FEEDBACK: dict[str, Any] = {**_GIVEN, "id": _ID, "state": "open", "created": _WHEN}
_MESSAGE: dict[str, Any] = {
    "id": _ID,
    "parent": None,
    "role": "user",
    "content": "Within how many hours must a lost laptop be reported?",
    "created": _WHEN,
    "status": "done",
    "answer": None,
    "suggestions": [],
    "feedback": None,
}
_Collections = list[str]


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [value]})


class ConversationIn(BaseModel):
    """A conversation to begin. Without a title it takes its first question's."""

    model_config = _example({"title": "", "collections": ["policies"]})

    title: str = Field("", max_length=1000)
    collections: list[str] = Field([], max_length=100, description="Answer from these only; empty: from all.")


class ConversationChange(BaseModel):
    """What is to be different; what is left out stays."""

    model_config = _example({"title": "Lost devices"})

    title: str | None = Field(None, min_length=1, max_length=1000)
    active: str | None = Field(None, description="Show the newest branch through this message.")
    collections: list[str] | None = Field(None, max_length=100)


class ConversationOut(BaseModel):
    """A conversation in a list."""

    model_config = _example(_CONVERSATION)

    id: str
    title: str = Field(description=f"At most {TITLE_CHARS} characters.")
    created: datetime
    updated: datetime
    collections: _Collections


class ConversationsOut(BaseModel):
    """The last changed first; ``next`` is the cursor of what follows."""

    model_config = _example({"items": [_CONVERSATION], "next": None})

    items: list[ConversationOut]
    next: str | None


class FeedbackIn(BaseModel):
    """What the reader thinks of an answer; ``corrected`` is the answer as it should have been."""

    model_config = _example(_GIVEN)

    rating: Literal["up", "down"]
    reason: Literal["", "wrong", "incomplete", "off_topic", "outdated", "other"] = ""
    comment: str = Field("", max_length=4000)
    corrected: str = Field("", max_length=8000)


class FeedbackOut(FeedbackIn):
    """Feedback as it is kept."""

    model_config = _example(_FEEDBACK)

    id: str
    state: Literal["open", "done"]
    created: datetime


class MessageIn(BaseModel):
    """A question, after the answer ``parent``; null begins the conversation. To edit a question, ask anew
    with the parent of the old one.
    """

    model_config = _example({"content": _MESSAGE["content"], "parent": None})

    content: str = Field(min_length=1)
    parent: str | None = None


class MessageOut(BaseModel):
    """A message of the tree. An answer is confirmed against the documents for this reader whenever it is
    read: a sentence whose source he may no longer read is replaced by a notice (signal ``withheld``).
    """

    model_config = _example(_MESSAGE)

    id: str
    parent: str | None
    role: Literal["user", "assistant"]
    content: str
    created: datetime
    status: Literal["done", "streaming", "stopped", "failed"]
    answer: AnswerOut | None
    suggestions: list[str] = Field(description="Questions that may follow; of the last shown answer only.")
    feedback: FeedbackOut | None


class ConversationWholeOut(ConversationOut):
    """A conversation with all of its branches; ``active`` ends the one that is shown."""

    model_config = _example({**_CONVERSATION, "active": _ID, "messages": [_MESSAGE]})

    active: str | None
    messages: list[MessageOut]


class BeganOut(BaseModel):
    """Data of the event ``message``: the question, and the answer that is to come."""

    user: MessageOut
    assistant: MessageOut


class FinalOut(AnswerOut):
    """Data of the event ``final``: the whole answer, and questions that may follow."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={})

    suggestions: list[str]


class ReviewedOut(FeedbackOut):
    """Feedback for review. The answer is shown as the administrator may read it."""

    model_config = _example(
        {**_FEEDBACK, "user": "operator", "question": _MESSAGE["content"], "answer": "Within 4 hours. [1]"}
    )

    user: str
    question: str
    answer: str


class FeedbackListOut(BaseModel):
    """The newest first; ``next`` is the cursor of what follows."""

    items: list[ReviewedOut]
    next: str | None


class FeedbackMark(BaseModel):
    """Mark feedback as reviewed, or as open."""

    model_config = _example({"state": "done"})

    state: Literal["open", "done"]


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def conversation_out(one: Conversation) -> ConversationOut:
    """A conversation as it is listed."""
    return ConversationOut(
        id=one.id,
        title=one.title,
        created=_time(one.created),
        updated=_time(one.updated),
        collections=list(one.collections),
    )


def feedback_out(one: Feedback) -> FeedbackOut:
    """Feedback as its giver sees it."""
    return FeedbackOut(
        id=one.id,
        rating=one.rating,
        reason=one.reason,
        comment=one.comment,
        corrected=one.corrected,
        state=one.state,
        created=_time(one.created),
    )


def message_out(
    one: Message, feedback: Feedback | None = None, suggestions: Sequence[str] = ()
) -> MessageOut:
    """A message whose answer went through rag.stored.show."""
    return MessageOut(
        id=one.id,
        parent=one.parent,
        role=one.role,
        content=one.content if one.answer is None else one.answer.answer,
        created=_time(one.created),
        status=one.status,
        answer=None if one.answer is None else answer_out(one.answer),
        suggestions=list(suggestions),
        feedback=None if feedback is None else feedback_out(feedback),
    )


def whole_out(
    one: Conversation,
    messages: Sequence[Message],
    feedback: Mapping[str, Feedback],
    suggestions: Sequence[str],
) -> ConversationWholeOut:
    """A conversation with its messages; the suggestions are those of the active one."""
    return ConversationWholeOut(
        **conversation_out(one).model_dump(),
        active=one.active,
        messages=[
            message_out(each, feedback.get(each.id), suggestions if each.id == one.active else ())
            for each in messages
        ],
    )


def reviewed_out(one: Reviewed, answer: str) -> ReviewedOut:
    """Feedback for review, with the answer as the administrator may read it."""
    return ReviewedOut(
        **feedback_out(one.feedback).model_dump(), user=one.owner, question=one.question, answer=answer
    )
