"""What routes about conversations need: whose they are, where they lie, which answers are being given."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from rag.conversations import Conversation, Conversations, Message, branch
from rag.feedback import Feedbacks
from rag.settings import Settings
from rag.store import Store
from rag.stored import show_messages
from rag.suggest import suggestions
from rag.types import User
from server.audit import Audit
from server.auth import Principal, reader
from server.auth.limits import Limits
from server.ingestion import Ingestion
from server.running import AnswersInProgress
from server.schema_conversations import ConversationWholeOut, whole_out

__all__ = ["Conversing", "Talk", "conversing", "talk"]


@dataclass(frozen=True, slots=True)
class Talk:
    """The conversations of one principal."""

    principal: Principal
    settings: Settings
    store: Store
    conversations: Conversations
    feedback: Feedbacks
    running: AnswersInProgress
    record: Audit
    limits: Limits

    @property
    def owner(self) -> str:
        """Whose conversations these are."""
        return self.principal.id

    @property
    def user(self) -> User:
        """Who reads them."""
        return self.principal.user

    def shown(self, key: str) -> tuple[Conversation, list[Message]]:
        """A conversation with its messages as they may be shown now. Raises NotFoundError."""
        own = self.conversations.get(self.owner, key)
        messages = self.conversations.messages(self.owner, key)
        return own, show_messages(messages, self.store, self.user)

    def whole(self, key: str) -> ConversationWholeOut:
        """A conversation as it is sent. Raises NotFoundError."""
        own, messages = self.shown(key)
        said = self.feedback.of(self.owner, key)
        return whole_out(own, messages, said, self.suggested(messages, own.active))

    def suggested(self, messages: Sequence[Message], tip: str | None) -> list[str]:
        """Questions that may follow the answer ``tip``; ``messages`` as they may be shown."""
        shown = branch(messages, tip)
        if not shown or shown[-1].answer is None or shown[-1].status != "done":
            return []
        asked = [one.content for one in shown if one.role == "user"]
        return suggestions(shown[-1].answer, self.store, self.user, asked)


class Conversing:
    """Opened by the first request for a conversation."""

    def __init__(self, ingestion: Ingestion, settings: Settings, record: Audit, limits: Limits) -> None:
        self.running = AnswersInProgress(settings.server.resume_s)
        self._ingestion = ingestion
        self._record = record
        self._limits = limits
        self._lock = threading.Lock()
        self._recovered = False

    def talk(self, principal: Principal) -> Talk:
        """The conversations of a principal. Raises StoreError."""
        at = self._ingestion.open()
        conversations = Conversations(at.store)
        with self._lock:
            if not self._recovered:
                conversations.broken_off()
                self._recovered = True
        feedback = Feedbacks(at.store)
        return Talk(
            principal,
            at.settings,
            at.store,
            conversations,
            feedback,
            self.running,
            self._record,
            self._limits,
        )

    async def close(self) -> None:
        """End the answers that are being given; what there is of them is kept."""
        await self.running.close()


def conversing(request: Request) -> Conversing:
    """Dependency: the conversations of this server."""
    found = request.app.state.conversing
    assert isinstance(found, Conversing)
    return found


def talk(
    principal: Annotated[Principal, Depends(reader)],
    at: Annotated[Conversing, Depends(conversing)],
) -> Talk:
    """Dependency, run in a thread: the conversations of who asks."""
    return at.talk(principal)
