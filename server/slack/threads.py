"""Where in Slack which answer was given: threads, their conversations, and messages that people react to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from rag.conversations import Conversations, Message
from rag.errors import NotFoundError
from rag.store import Store
from rag.stored import history, show
from rag.tables_slack import slack_answer, slack_event
from rag.types import Answer, Turn, User

__all__ = ["Placed", "Threads"]

RECENT = 6  # answers of a thread that a question may refer to


@dataclass(frozen=True, slots=True)
class Placed:
    """An answer that was given in Slack; see rag.tables_slack.slack_answer. ``created`` in seconds since the
    epoch.
    """

    message_id: str
    conversation_id: str
    owner: str
    team: str
    channel: str
    thread: str
    ts: str
    asker: str
    open: bool
    verdict: str
    created: float = 0.0


class Threads:
    """Reads and writes them. Safe to use from several threads and processes; raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._conversations = Conversations(store)

    def record(self, placed: Placed) -> None:
        """An answer was given, or given again."""
        values = {name: getattr(placed, name) for name in Placed.__slots__} | {"created": time.time()}
        mine = slack_answer.c.message_id == placed.message_id
        with self._store.write(silent=True) as connection:
            changed = update(slack_answer).where(mine).values(ts=placed.ts, verdict=placed.verdict)
            if not connection.execute(changed).rowcount:
                connection.execute(insert(slack_answer), values)

    def share(self, message_id: str) -> bool:
        """It is for all in the channel from now on; False when it was already."""
        with self._store.write(silent=True) as connection:
            mine = (slack_answer.c.message_id == message_id, ~slack_answer.c.open)
            return bool(connection.execute(update(slack_answer).where(*mine).values(open=True)).rowcount)

    def shared(self, message_id: str, thread: str, ts: str) -> None:
        """Where it was shared: the channel's message that holds it, and the thread which that is in."""
        with self._store.write(silent=True) as connection:
            mine = slack_answer.c.message_id == message_id
            connection.execute(update(slack_answer).where(mine).values(thread=thread, ts=ts))

    def unshare(self, message_id: str) -> None:
        """Sharing it did not work."""
        with self._store.write(silent=True) as connection:
            mine = slack_answer.c.message_id == message_id
            connection.execute(update(slack_answer).where(mine).values(open=False))

    def answer(self, message_id: str) -> Placed | None:
        """By the id of its message in the conversation."""
        return self._first(slack_answer.c.message_id == message_id)

    def at(self, channel: str, ts: str) -> Placed | None:
        """By the message in Slack that holds it."""
        return self._first(slack_answer.c.channel == channel, slack_answer.c.ts == ts)

    def conversation(self, channel: str, thread: str, owner: str) -> str | None:
        """The conversation that the owner's questions in a thread belong to."""
        found = self._first(
            slack_answer.c.channel == channel, slack_answer.c.thread == thread, slack_answer.c.owner == owner
        )
        return None if found is None else found.conversation_id

    def _first(self, *conditions: Any) -> Placed | None:  # noqa: ANN401 - conditions of SQLAlchemy
        query = select(slack_answer).where(*conditions).order_by(slack_answer.c.created.desc()).limit(1)
        with self._store.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else Placed(**row._mapping)

    def askers(self, channel: str, thread: str) -> set[str]:
        """Who was answered in a thread before its readers' eyes."""
        query = select(slack_answer.c.asker).where(
            slack_answer.c.channel == channel, slack_answer.c.thread == thread, slack_answer.c.open
        )
        with self._store.read() as connection:
            return set(connection.execute(query).scalars())

    def turns(self, channel: str, thread: str, user: User) -> list[Turn]:
        """What was asked and answered in a thread, whoever asked, as ``user`` may read it now."""
        query = (
            select(slack_answer)
            .where(slack_answer.c.channel == channel, slack_answer.c.thread == thread, slack_answer.c.open)
            .order_by(slack_answer.c.created.desc())
            .limit(RECENT)
        )
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        messages: list[Message] = []
        for row in reversed(rows):
            try:
                messages += self._conversations.pair(row.owner, row.conversation_id, row.message_id)
            except NotFoundError:  # its owner has deleted the conversation
                continue
        return history(messages, self._store, user)

    def known(self, channel: str, thread: str) -> set[str]:
        """The messages in a thread that are known to be answers."""
        answers = select(slack_answer.c.ts).where(
            slack_answer.c.channel == channel, slack_answer.c.thread == thread
        )
        events = select(slack_event.c.notes).where(slack_event.c.thread == f"{channel}:{thread}")
        with self._store.read() as connection:
            found = set(connection.execute(answers).scalars())
            for notes in connection.execute(events).scalars():
                found |= set(notes.get("replies", ()))
        return found

    def shown(self, placed: Placed, user: User) -> tuple[str, Answer, bool] | None:
        """The question, and the answer as ``user`` may see it now; whether something of it is withheld. None
        when it is not there any more.
        """
        try:
            question, answer = self._conversations.pair(
                placed.owner, placed.conversation_id, placed.message_id
            )
        except NotFoundError:
            return None
        if answer.answer is None:
            return None
        shown = show(answer.answer, answer.basis, self._store, user)
        return question.content, shown.answer, shown.lost

    def unanswered(self, since: float, until: float, verdicts: Sequence[str]) -> list[tuple[Placed, str]]:
        """Answers with these verdicts, with their questions, the oldest first."""
        query = select(slack_answer).where(
            slack_answer.c.created >= since,
            slack_answer.c.created < until,
            slack_answer.c.verdict.in_(verdicts),
        )
        with self._store.read() as connection:
            rows = [
                Placed(**row._mapping) for row in connection.execute(query.order_by(slack_answer.c.created))
            ]
        found = []
        for placed in rows:
            try:
                question, _ = self._conversations.pair(
                    placed.owner, placed.conversation_id, placed.message_id
                )
            except NotFoundError:
                continue
            found.append((placed, question.content))
        return found
