"""What readers say of answers, its review by administrators, and corrections as questions for evaluation."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, insert, select, update

from rag.conversations import Conversations, Message, branch
from rag.errors import ConversationError, NotFoundError
from rag.eval.questions import Question
from rag.store import Store
from rag.stored import history, show
from rag.tables_conversations import conversation, feedback, message
from rag.types import User

__all__ = ["Feedback", "Feedbacks", "Rating", "Reason", "Reviewed", "State"]

Rating = Literal["up", "down"]
Reason = Literal["", "wrong", "incomplete", "off_topic", "outdated", "other"]
State = Literal["open", "done"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """``corrected`` is the answer as it should have been. ``created`` in seconds since the epoch."""

    id: str
    message: str
    rating: Rating
    reason: Reason
    comment: str
    corrected: str
    state: State
    created: float


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Feedback with whose it is, and the branch that ends with the answer that it is about."""

    feedback: Feedback
    owner: str
    messages: tuple[Message, ...]

    @property
    def question(self) -> str:
        """What was asked."""
        return self.messages[-2].content

    @property
    def answer(self) -> Message:
        """What was answered."""
        return self.messages[-1]


class Feedbacks:
    """Reads and writes feedback. Safe to use from several threads and processes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._conversations = Conversations(store)

    # ---------------------------------------------------------------- a reader's own

    def put(
        self,
        owner: str,
        key: str,
        answer: str,
        *,
        rating: Rating,
        reason: Reason = "",
        comment: str = "",
        corrected: str = "",
    ) -> Feedback:
        """Say, or say anew, what the owner of a conversation thinks of an answer in it; it is then open for
        review. Raises NotFoundError, ConversationError when it is no finished answer.
        """
        self._check(owner, key, answer)
        values = {"rating": rating, "reason": reason, "comment": comment, "corrected": corrected}
        values |= {"state": "open"}
        created = time.time()
        with self._store.write(silent=True) as connection:
            changed = update(feedback).where(feedback.c.message_id == answer).values(**values)
            if not connection.execute(changed).rowcount:
                new = {"id": secrets.token_hex(16), "message_id": answer, "created": created}
                connection.execute(insert(feedback), values | new)
            row = connection.execute(select(feedback).where(feedback.c.message_id == answer)).one()
            return _feedback(row)

    def take_back(self, owner: str, key: str, answer: str) -> None:
        """Nothing was said, then. Raises NotFoundError."""
        self._check(owner, key, answer)
        with self._store.write(silent=True) as connection:
            connection.execute(delete(feedback).where(feedback.c.message_id == answer))

    def of(self, owner: str, key: str) -> dict[str, Feedback]:
        """By message: what the owner said of the answers of a conversation."""
        query = (
            select(feedback)
            .join_from(feedback, message, feedback.c.message_id == message.c.id)
            .join(conversation, conversation.c.id == message.c.conversation_id)
            .where(conversation.c.id == key, conversation.c.owner == owner)
        )
        with self._store.read() as connection:
            return {row.message_id: _feedback(row) for row in connection.execute(query)}

    def _check(self, owner: str, key: str, answer: str) -> None:
        for one in self._conversations.messages(owner, key):
            if one.id == answer:
                if one.role != "assistant" or one.status == "streaming":
                    raise ConversationError(
                        "Feedback is about a finished answer.", "Wait for its end, or name an answer."
                    )
                return
        raise NotFoundError(f"There is no message {answer} in this conversation.", "Read it again.")

    # ---------------------------------------------------------------- review

    def reviewed(
        self, state: State | None = None, *, limit: int = 100, before: tuple[float, str] | None = None
    ) -> list[Reviewed]:
        """Everyone's, the newest first; ``before`` is (created, id) of the last one that is known already."""
        query = (
            select(feedback, conversation.c.owner, conversation.c.id.label("conversation"))
            .join_from(feedback, message, feedback.c.message_id == message.c.id)
            .join(conversation, conversation.c.id == message.c.conversation_id)
        )
        if state is not None:
            query = query.where(feedback.c.state == state)
        if before is not None:
            created, key = before
            older = (feedback.c.created == created) & (feedback.c.id < key)
            query = query.where((feedback.c.created < created) | older)
        query = query.order_by(feedback.c.created.desc(), feedback.c.id.desc()).limit(limit)
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        found = []
        for row in rows:
            try:
                messages = self._conversations.messages(row.owner, row.conversation)
            except NotFoundError:  # deleted since
                continue
            found.append(Reviewed(_feedback(row), row.owner, tuple(branch(messages, row.message_id))))
        return found

    def mark(self, key: str, state: State) -> None:
        """Mark feedback as reviewed, or as open again. Raises NotFoundError."""
        with self._store.write(silent=True) as connection:
            marked = update(feedback).where(feedback.c.id == key).values(state=state)
            if not connection.execute(marked).rowcount:
                raise NotFoundError(f"There is no feedback {key}.", "It may have been taken back.")

    def questions(self, user: User) -> Iterator[Question]:
        """Corrections as questions for `citewell eval run`, with the conversation before them, and answers
        that were helpful as questions whose sources are known; of documents and earlier answers only what the
        user may read.
        """
        for one in self.reviewed(limit=10_000):
            stored, corrected = one.answer, one.feedback.corrected.strip()
            sources: tuple[str, ...] = ()
            if stored.answer is not None:
                shown = show(stored.answer, stored.basis, self._store, user).answer
                sources = tuple(dict.fromkeys(citation.source for citation in shown.citations))
            if not corrected and (one.feedback.rating == "down" or not sources):
                continue
            yield Question(
                question=one.question,
                id=one.feedback.id,
                answers=(corrected,) if corrected else None,
                # what a wrong answer cites need not be where the right one stands
                sources=sources if one.feedback.reason in ("", "incomplete") else (),
                history=tuple(history(one.messages[:-2], self._store, user)),
                note=" ".join((one.feedback.reason, one.feedback.comment)).strip(),
            )


def _feedback(row: Any) -> Feedback:  # noqa: ANN401 - SQLAlchemy rows are untyped
    return Feedback(
        row.id,
        row.message_id,
        row.rating,
        row.reason,
        row.comment,
        row.corrected,
        row.state,
        row.created,
    )
