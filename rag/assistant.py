"""The answer path, in order: condense -> retrieve -> rerank -> evidence -> (scope, answerable) -> generate ->
check -> cite.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager

from rag.answerable import answerability, answerable_signals
from rag.check import Checker
from rag.cite import confirmed
from rag.compose import Composer
from rag.condense import condense
from rag.errors import GeneratorUnavailableError, QuestionError
from rag.evidence import group_of, select_evidence
from rag.generate import Draft, generate
from rag.index.dense import DenseIndex
from rag.models.chat import Chat
from rag.models.embedder import Embedder
from rag.models.protocols import ChatProtocol, EmbedderProtocol
from rag.prompts import phrase
from rag.rerank import rerank
from rag.retrieve import look_up, retrieve
from rag.scope import in_scope
from rag.settings import Settings
from rag.store import Store
from rag.types import (
    Answer,
    AnswerVerdict,
    DocumentRef,
    Event,
    Evidence,
    EvidenceFound,
    Finished,
    Hit,
    Query,
    Turn,
    User,
)

__all__ = ["Assistant"]

NEAREST = 3


class _Timer:
    """Milliseconds by step."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self._start = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.ms[name] = round(self.ms.get(name, 0.0) + 1000 * (time.perf_counter() - start), 1)

    def total(self) -> dict[str, float]:
        return {**self.ms, "total": round(1000 * (time.perf_counter() - self._start), 1)}


class Assistant:
    """Answers questions from the documents of one home. One instance serves any number of askers at once."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        index: DenseIndex,
        embedder: EmbedderProtocol,
        chat: ChatProtocol | None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._index = index
        self._embedder = embedder
        self._chat = chat

    @classmethod
    def open(cls, settings: Settings) -> Assistant:
        """Open database, index and embedder (seconds); the generator is looked for when a question comes."""
        store = Store.open(settings)
        embedder = Embedder.load(settings.embedder, settings.models_dir)
        index = DenseIndex(store, settings.index_dir, embedder.dimension)
        if index.sync():
            index.save()
        chat = Chat(settings) if settings.generator.enabled else None
        return cls(settings, store, index, embedder, chat)

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
        return self._find(self._valid(question), user, k, _Timer())[1]

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
        """
        asked = self._valid(question)
        timer = _Timer()
        with timer.step("condense"):
            chat = self._chat if self._chat is not None and await self._chat.ready() else None
            standalone = await condense(asked, history, chat)
        query, hits = await asyncio.to_thread(
            self._find, standalone, user, self._settings.retrieve.hits, timer
        )
        with timer.step("evidence"):
            evidence, refusal = await asyncio.to_thread(self._evidence, query, hits, user)
        yield EvidenceFound(() if refusal else tuple(evidence))
        composer = Composer(() if refusal else evidence, query.language, self._settings.answer)
        draft = Draft()
        notices: list[str] = []
        if not refusal and self._settings.answer.draft_sentences:
            try:
                async with aclosing(self._drafted(query, evidence, chat, composer, draft, timer)) as drafted:
                    async for event in drafted:
                        yield event
            except GeneratorUnavailableError:
                notices.append(phrase("no_generator", query.language))
        for event in composer.quotes():
            yield event
        if composer.dropped:
            notices.append(phrase("replaced", query.language))
        verdict = refusal or composer.verdict()
        yield Finished(
            Answer(
                question=asked,
                answer=composer.text or phrase(str(verdict), query.language),
                verdict=verdict,
                claims=tuple(composer.claims),
                citations=composer.citations,
                language=query.language,
                model=draft.model,
                usage=draft.usage,
                timings_ms=timer.total(),
                nearest=_nearest(hits) if verdict is AnswerVerdict.INSUFFICIENT_CONTEXT else (),
                notices=tuple(notices),
                standalone_question=standalone,
            )
        )

    def _valid(self, question: str) -> str:
        asked = question.strip()
        limit = self._settings.answer.max_question_chars
        if not any(c.isalnum() for c in asked):
            raise QuestionError("The question is empty.", "Ask something in words.")
        if len(asked) > limit:
            raise QuestionError(
                f"The question has {len(asked)} characters; {limit} are allowed.",
                "Shorten it, or raise the setting answer.max_question_chars.",
            )
        return asked

    def _find(self, question: str, user: User, k: int, timer: _Timer) -> tuple[Query, list[Hit]]:
        with timer.step("embed"):
            query = look_up(question, self._store, self._embedder)
        with timer.step("retrieve"):
            hits = retrieve(query, self._store, self._index, user, self._settings.retrieve)
        with timer.step("rerank"):
            return query, rerank(query, hits, self._store, self._index.geometry, k)

    def _evidence(
        self, query: Query, hits: Sequence[Hit], user: User
    ) -> tuple[list[Evidence], AnswerVerdict | None]:
        """The quotes that still stand in the database, or why the question is not answered."""
        if not hits:
            return [], AnswerVerdict.INSUFFICIENT_CONTEXT
        if not in_scope(group_of(query, hits[0]), hits)[1]:
            return [], AnswerVerdict.OFF_TOPIC
        chosen = select_evidence(query, hits, self._settings.answer, self._embedder.count_tokens)
        evidence = confirmed(chosen, self._store, user)
        if not evidence:
            return [], AnswerVerdict.INSUFFICIENT_CONTEXT
        _, answers = answerability(group_of(query, evidence[0]), answerable_signals(query, hits, evidence))
        return evidence, None if answers else AnswerVerdict.INSUFFICIENT_CONTEXT

    async def _drafted(
        self,
        query: Query,
        evidence: Sequence[Evidence],
        chat: ChatProtocol | None,
        composer: Composer,
        draft: Draft,
        timer: _Timer,
    ) -> AsyncGenerator[Event, None]:
        """Draft sentences, each shown only after its check. Raises GeneratorUnavailableError."""
        if chat is None:
            raise GeneratorUnavailableError("no generator answers")
        draft.model = await chat.model_info()
        checker = Checker(self._embedder, evidence)
        begun = time.perf_counter()
        limit = self._settings.answer.draft_sentences
        async with aclosing(generate(query, evidence, chat, limit, draft)) as sentences:
            async for sentence in sentences:
                with timer.step("check"):
                    checked = await asyncio.to_thread(checker.check, sentence.text, sentence.cited)
                shown = composer.draft(
                    sentence.text, checked.verdict, checked.score, checked.citations, checked.signals
                )
                if shown:
                    timer.ms.setdefault("first_sentence", timer.total()["total"])
                    yield shown
        timer.ms["generate"] = round(1000 * (time.perf_counter() - begun) - timer.ms.get("check", 0.0), 1)


def _nearest(hits: Sequence[Hit]) -> tuple[DocumentRef, ...]:
    documents = {hit.document.id: hit.document for hit in hits}
    return tuple(documents.values())[:NEAREST]
