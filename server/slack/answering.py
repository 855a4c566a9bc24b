"""A question from Slack -> the events of its answer, which is kept in a conversation of whoever asks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from ingest.give_way import answering
from rag.conversations import Conversations, Message, Status, branch
from rag.errors import NotFoundError
from rag.settings import Settings
from rag.store import Store
from rag.types import Answer, Event, EvidenceFound, Finished, Turn, User
from server.audit import Audit
from server.auth.limits import Limits
from server.auth.principal import Principal
from server.changes import Changes
from server.readiness import Readiness

__all__ = ["CHANNEL", "Answering", "Posed"]

CHANNEL = "slack"


@dataclass(frozen=True, slots=True)
class Posed:
    """A question that has its place in a conversation. ``user``: whose rights the answer has."""

    principal: Principal
    user: User
    question: str
    conversation: str
    answer: str
    turns: tuple[Turn, ...] = ()


class Answering:
    """Gives answers as the server's other routes do: within the limits, recorded, with today's settings."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        readiness: Readiness,
        changes: Changes,
        audit: Audit,
        limits: Limits,
    ) -> None:
        self.store = store
        self.conversations = Conversations(store)
        self.limits = limits
        self._settings = settings
        self._readiness = readiness
        self._changes = changes
        self._audit = audit

    def pose(
        self, principal: Principal, user: User, question: str, conversation: str | None, turns: Sequence[Turn]
    ) -> Posed:
        """Put the question at the end of a conversation (None, or one that is gone: a new one). Raises
        StoreError.
        """
        key = None
        parent = None
        if conversation is not None:
            with contextlib.suppress(NotFoundError):
                own = self.conversations.get(principal.id, conversation)
                messages = self.conversations.messages(principal.id, conversation)
                key, parent = own.id, _last_answer(branch(messages, own.active))
        if key is None:
            key = self.conversations.create(principal.id, collections=user.collections or ()).id
        _, answer = self.conversations.ask(principal.id, key, question, parent)
        return Posed(principal, user, question, key, answer.id, tuple(turns))

    async def events(self, posed: Posed) -> AsyncGenerator[Event, None]:
        """As rag.assistant.Assistant.stream; the answer is kept before it ends. Raises CitewellError."""
        assistant = self._readiness.require()
        await asyncio.to_thread(self._changes.apply, assistant)
        basis: tuple[str, ...] = ()
        ended = False
        try:
            with answering(self._settings.home):
                stream = assistant.stream(posed.question, user=posed.user, history=posed.turns)
                recorded = self._audit.recorded(stream, posed.principal, CHANNEL)
                async with aclosing(recorded) as events:
                    async for event in events:
                        if isinstance(event, EvidenceFound):
                            basis = tuple(dict.fromkeys(one.document.id for one in event.evidence))
                        if isinstance(event, Finished):
                            await self._keep(posed, "done", event.answer, basis)
                            ended = True
                        yield event
        finally:
            if not ended:
                await self._keep(posed, "failed", None, ())

    async def _keep(self, posed: Posed, status: Status, answer: Answer | None, basis: Sequence[str]) -> None:
        finish = self.conversations.finish
        await asyncio.to_thread(finish, posed.conversation, posed.answer, status, answer, basis)

    async def hidden(self, question: str, user: User, audience: User, most: int) -> bool:
        """Whether some of the best passages for ``user`` are in documents that ``audience`` may not read."""
        hits = await self._readiness.require().search(question, k=most, user=user)
        documents = {hit.document.id for hit in hits}
        mine, open_to_all = await asyncio.to_thread(
            lambda: [set(self.store.references(documents, who)) for who in (user, audience)]
        )
        return bool(mine - open_to_all)


def _last_answer(messages: Sequence[Message]) -> str | None:
    """The last finished answer of a branch, which the next question follows."""
    ended = [one.id for one in messages if one.role == "assistant" and one.status != "streaming"]
    return ended[-1] if ended else None
