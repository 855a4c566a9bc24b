"""Conversations of one reader as trees of messages.

Every read and write takes the owner: what is somebody else's is not found, as if it were not there. Answers
come out as they were stored; before anyone sees one it goes through rag.stored.show.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import Connection, and_, delete, insert, or_, select, tuple_, update

from rag.errors import ConversationError, NotFoundError
from rag.store import Store
from rag.tables_conversations import conversation, message
from rag.types import Answer

__all__ = ["TITLE_CHARS", "Conversation", "Conversations", "Message", "Status", "branch", "newest_leaf"]

Role = Literal["user", "assistant"]
Status = Literal["done", "streaming", "stopped", "failed"]
TITLE_CHARS = 80
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)
Messages = list["Message"]  # within the class, list is a method
Found = list["Conversation"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """``collections`` empty: answered from all. ``active`` is the message that the shown branch ends with.
    Times are seconds since the epoch.
    """

    id: str
    title: str
    collections: tuple[str, ...]
    active: str | None
    created: float
    updated: float


@dataclass(frozen=True, slots=True)
class Message:
    """A question (``content``) or an answer to it. ``basis`` are the documents that the answer was made
    from. Siblings share their parent.
    """

    id: str
    parent: str | None
    role: Role
    content: str
    status: Status
    created: float
    answer: Answer | None = None
    basis: tuple[str, ...] = ()


def branch(messages: Sequence[Message], tip: str | None) -> list[Message]:
    """The messages from the first down to ``tip``."""
    known = {one.id: one for one in messages}
    found: list[Message] = []
    while tip is not None and tip in known:
        found.append(known[tip])
        tip = known[tip].parent
    return found[::-1]


def newest_leaf(messages: Sequence[Message], key: str) -> str:
    """The end of the newest branch below a message; ``messages`` are in the order of their creation."""
    last = {one.parent: one.id for one in messages}
    while key in last:
        key = last[key]
    return key


class Conversations:
    """Reads and writes the conversations of a store. Safe to use from several threads and processes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # ---------------------------------------------------------------- conversations

    def list(
        self, owner: str, *, q: str = "", limit: int = 50, before: tuple[float, str] | None = None
    ) -> Found:
        """The owner's conversations, the last changed first; ``q`` is sought in titles and questions.

        Answers are not searched: finding one would tell what stands in a document that was closed since.
        ``before`` is (updated, id) of the last one that is known already.
        """
        query = select(conversation).where(conversation.c.owner == owner)
        if q:
            asked = and_(
                message.c.conversation_id == conversation.c.id,
                message.c.content.icontains(q, autoescape=True),
            )
            titled = conversation.c.title.icontains(q, autoescape=True)
            query = query.where(or_(titled, select(message.c.id).where(asked).exists()))
        if before is not None:
            query = query.where(tuple_(conversation.c.updated, conversation.c.id) < before)
        query = query.order_by(conversation.c.updated.desc(), conversation.c.id.desc()).limit(limit)
        with self._store.read() as connection:
            return [_conversation(row) for row in connection.execute(query)]

    def create(self, owner: str, *, title: str = "", collections: Sequence[str] = ()) -> Conversation:
        """A new one; without a title it takes that of its first question. Raises StoreError."""
        now = time.time()
        made = Conversation(secrets.token_hex(16), _titled(title), tuple(collections), None, now, now)
        with self._store.write(silent=True) as connection:
            values = {"id": made.id, "owner": owner, "title": made.title, "collections": list(collections)}
            connection.execute(insert(conversation), values | {"created": now, "updated": now})
        return made

    def get(self, owner: str, key: str) -> Conversation:
        """Raises NotFoundError."""
        with self._store.read() as connection:
            return _own(connection, owner, key)

    def messages(self, owner: str, key: str) -> Messages:
        """All of its messages in the order of their creation. Raises NotFoundError."""
        with self._store.read() as connection:
            _own(connection, owner, key)
            return _messages(connection, key)

    def change(
        self,
        owner: str,
        key: str,
        *,
        title: str | None = None,
        active: str | None = None,
        collections: Sequence[str] | None = None,
    ) -> Conversation:
        """What is None stays. ``active`` shows the newest branch through that message. ``updated`` tells of
        messages alone. Raises NotFoundError.
        """
        values: dict[str, object] = {}
        with self._store.write(silent=True) as connection:
            _own(connection, owner, key)
            if title is not None:
                values["title"] = _titled(title)
            if collections is not None:
                values["collections"] = [*collections]
            if active is not None:
                messages = _messages(connection, key)
                values["active"] = newest_leaf(messages, _among(messages, active).id)
            if values:
                connection.execute(update(conversation).where(conversation.c.id == key).values(**values))
            return _own(connection, owner, key)

    def delete(self, owner: str, key: str) -> None:
        """With all its messages and what was said of them. Raises NotFoundError."""
        with self._store.write(silent=True) as connection:
            _own(connection, owner, key)
            connection.execute(delete(conversation).where(conversation.c.id == key))

    def forget(self, owner: str) -> int:
        """Delete everything of the owner's; returns how many conversations that were."""
        with self._store.write(silent=True) as connection:
            mine = delete(conversation).where(conversation.c.owner == owner)
            return int(connection.execute(mine).rowcount)

    # ---------------------------------------------------------------- messages

    def ask(self, owner: str, key: str, content: str, parent: str | None) -> tuple[Message, Message]:
        """Put a question after the answer ``parent`` (None: as the first), and the answer that is to come.

        Raises NotFoundError, ConversationError when the parent is no finished answer.
        """
        with self._store.write(silent=True) as connection:
            own = _own(connection, owner, key)
            if parent is not None:
                before = _among(_messages(connection, key), parent)
                if before.role != "assistant" or before.status == "streaming":
                    raise ConversationError(
                        "A question follows a finished answer, or begins the conversation.",
                        "Name as parent the answer that it follows, or null; stop one that is being given.",
                    )
            question = Message(secrets.token_hex(16), parent, "user", content, "done", time.time())
            _add(connection, key, question)
            answer = _to_come(connection, key, question.id)
            if not own.title:
                connection.execute(
                    update(conversation).where(conversation.c.id == key).values(title=_titled(content))
                )
            return question, answer

    def again(self, owner: str, key: str, answer: str) -> tuple[Message, Message]:
        """The question of an answer, and another answer to it that is to come. Raises NotFoundError,
        ConversationError when it is a question.
        """
        with self._store.write(silent=True) as connection:
            _own(connection, owner, key)
            question, _ = _pair(_messages(connection, key), answer)
            return question, _to_come(connection, key, question.id)

    def pair(self, owner: str, key: str, answer: str) -> tuple[Message, Message]:
        """The question of an answer, and that answer. Raises as ``again`` does."""
        return _pair(self.messages(owner, key), answer)

    def broken_off(self) -> None:
        """Mark answers that a process which is no more was giving. One that is being given elsewhere is
        marked rightly when it ends.
        """
        with self._store.write(silent=True) as connection:
            under_way = update(message).where(message.c.status == "streaming")
            connection.execute(under_way.values(status="failed"))

    def finish(
        self, key: str, answer_id: str, status: Status, answer: Answer | None, basis: Sequence[str] = ()
    ) -> None:
        """Keep how an answer ended; nothing happens when its conversation is gone by now."""
        kept = None if answer is None else _ANSWER.dump_python(answer, mode="json")
        values = {"status": status, "answer": kept, "basis": list(basis)}
        with self._store.write(silent=True) as connection:
            ended = update(message).where(message.c.id == answer_id, message.c.conversation_id == key)
            connection.execute(ended.values(**values))
            mine = update(conversation).where(conversation.c.id == key)
            connection.execute(mine.values(updated=time.time()))


def _titled(text: str) -> str:
    """One line of at most TITLE_CHARS characters."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1].rstrip() + "…"


def _own(connection: Connection, owner: str, key: str) -> Conversation:
    query = select(conversation).where(conversation.c.id == key, conversation.c.owner == owner)
    row = connection.execute(query).first()
    if row is None:
        raise NotFoundError(f"There is no conversation {key}.", "It may have been deleted.")
    return _conversation(row)


def _conversation(row: Any) -> Conversation:  # noqa: ANN401 - SQLAlchemy rows are untyped
    return Conversation(row.id, row.title, tuple(row.collections), row.active, row.created, row.updated)


def _messages(connection: Connection, key: str) -> Messages:
    query = select(message).where(message.c.conversation_id == key)
    rows = connection.execute(query.order_by(message.c.created, message.c.role.desc(), message.c.id))
    return [
        Message(
            row.id,
            row.parent,
            row.role,
            row.content,
            row.status,
            row.created,
            None if row.answer is None else _ANSWER.validate_python(row.answer),
            tuple(row.basis),
        )
        for row in rows
    ]


def _among(messages: Sequence[Message], key: str) -> Message:
    for one in messages:
        if one.id == key:
            return one
    raise NotFoundError(f"There is no message {key} in this conversation.", "Read the conversation again.")


def _pair(messages: Sequence[Message], answer: str) -> tuple[Message, Message]:
    found = _among(messages, answer)
    if found.role != "assistant" or found.parent is None:
        raise ConversationError("This message is a question.", "Name an answer, a message of the assistant.")
    return _among(messages, found.parent), found


def _add(connection: Connection, key: str, new: Message) -> None:
    values = {"id": new.id, "conversation_id": key, "parent": new.parent, "role": new.role}
    values |= {"content": new.content, "status": new.status}
    connection.execute(insert(message), {**values, "basis": [], "created": new.created})


def _to_come(connection: Connection, key: str, question: str) -> Message:
    """An answer that is being given from now on; the branch that ends with it is the one that is shown."""
    now = time.time()
    new = Message(secrets.token_hex(16), question, "assistant", "", "streaming", now)
    _add(connection, key, new)
    shown = update(conversation).where(conversation.c.id == key)
    connection.execute(shown.values(active=new.id, updated=now))
    return new
