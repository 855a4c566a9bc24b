"""The answer path, in order: condense -> retrieve -> supersede -> rerank -> evidence -> (scope, answerable)
-> generate -> check -> cite -> disagree; what follows the evidence is called in rag.answering.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from rag.answerable import answerability, answerable_signals
from rag.answering import Answering, Found
from rag.cite import confirmed
from rag.condense import condense
from rag.evidence import group_of, select_evidence
from rag.models.chat import Chat
from rag.models.protocols import ChatProtocol, EmbedderProtocol
from rag.question import valid_question
from rag.rerank import rerank
from rag.retrieve import look_up, retrieve
from rag.scope import in_scope
from rag.searcher import Searcher
from rag.settings import Settings
from rag.store import Store
from rag.supersede import supersede
from rag.timer import Timer
from rag.types import Answer, AnswerVerdict, Event, Finished, Hit, Query, Turn, User

__all__ = ["Assistant"]


class Assistant:
    """Answers questions from the documents of one home. One instance serves any number of askers at once."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        searcher: Searcher,
        chat: ChatProtocol | None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._searcher = searcher
        self._chat = chat

    @classmethod
    def open(cls, settings: Settings) -> Assistant:
        """Open database, index and embedder (seconds); the generator is looked for when a question comes."""
        store = Store.open(settings)
        searcher = Searcher.open(settings, store)
        chat = Chat(settings) if settings.generator.enabled else None
        return cls(settings, store, searcher, chat)

    @property
    def store(self) -> Store:
        """The database behind the answers."""
        return self._store

    async def close(self) -> None:
        """Give everything back."""
        if isinstance(self._chat, Chat):
            await self._chat.close()
        self._store.close()

    async def generator_ready(self) -> bool:
        """Whether drafts can be had now; without, answers are quotes."""
        return self._chat is not None and await self._chat.ready()

    async def search(self, question: str, *, k: int, user: User) -> list[Hit]:
        """The ``k`` best passages that the user may read. Raises QuestionError."""
        return await asyncio.to_thread(self.find, question, k=k, user=user)

    def find(self, question: str, *, k: int, user: User) -> list[Hit]:
        """Like search, for callers without an event loop."""
        asked = valid_question(question, self._settings.answer.max_question_chars)
        return self._find(asked, user, k, Timer())[2]

    async def ask(self, question: str, *, user: User, history: Sequence[Turn] = ()) -> Answer:
        """The whole, checked answer. Raises QuestionError."""
        async with aclosing(self.stream(question, user=user, history=history)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return event.answer
        raise AssertionError("a stream ends with Finished")

    async def stream(
        self, question: str, *, user: User, history: Sequence[Turn] = ()
    ) -> AsyncGenerator[Event, None]:
        """EvidenceFound, SentenceChecked for each sentence after its check, Finished. Closing it stops the
        generator.

        A document that is deleted, or closed to the user, meanwhile is in no event from then on; what was
        sent before and rests on it is not in the finished answer.
        """
        asked = valid_question(question, self._settings.answer.max_question_chars)
        timer = Timer()
        with timer.step("condense"):
            chat = self._chat if self._chat is not None and await self._chat.ready() else None
            standalone = await condense(asked, history, chat)
        embedder, query, hits = await asyncio.to_thread(
            self._find, standalone, user, self._settings.retrieve.hits, timer
        )
        with timer.step("evidence"):
            found = await asyncio.to_thread(self._evidence, query, hits, user, embedder)
        answering = Answering(query, hits, found, self._settings, self._store, user, timer)
        yield await answering.found()
        async with aclosing(answering.sentences(chat, embedder)) as sentences:
            async for sentence in sentences:
                yield sentence
        yield await answering.finished(asked, standalone)

    def _find(
        self, question: str, user: User, k: int, timer: Timer
    ) -> tuple[EmbedderProtocol, Query, list[Hit]]:
        # one embedder throughout: the collection may move to another while this question is answered
        embedder, index = self._searcher.pair()
        with timer.step("embed"):
            query = look_up(question, self._store, embedder)
        with timer.step("retrieve"):
            hits = retrieve(query, self._store, index, user, self._settings.retrieve)
        with timer.step("supersede"):
            hits = supersede(query, hits, self._store, user)
        with timer.step("rerank"):
            return embedder, query, rerank(query, hits, self._store, index, embedder, k)

    def _evidence(self, query: Query, hits: Sequence[Hit], user: User, embedder: EmbedderProtocol) -> Found:
        """The quotes that still stand in the database, or why the question is not answered."""
        if not hits:
            return Found((), AnswerVerdict.INSUFFICIENT_CONTEXT)
        scope, inside = in_scope(group_of(query, hits[0]), hits)
        scores = {"scope": scope}
        if not inside:
            return Found((), AnswerVerdict.OFF_TOPIC, scores)
        chosen = select_evidence(query, hits, self._settings.answer, embedder.count_tokens)
        evidence = confirmed(chosen, self._store, user)
        if not evidence:
            return Found((), AnswerVerdict.INSUFFICIENT_CONTEXT, scores)
        signals = answerable_signals(query, hits, evidence)
        scores["answerable"], answers = answerability(group_of(query, evidence[0]), signals)
        return Found(tuple(evidence), None if answers else AnswerVerdict.INSUFFICIENT_CONTEXT, scores)
