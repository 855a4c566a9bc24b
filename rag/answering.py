"""One answer while it is being given: drafted and checked sentences, quotes, and what is told at the end.

Whatever is said is confirmed against the database in the same moment: a document that is deleted, or closed
to the reader, meanwhile is in nothing that follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from rag.answerable import answerability, answerable_signals
from rag.check import Checker, Owned
from rag.cite import Standing
from rag.compose import Composer
from rag.disagree import disagreements
from rag.errors import GeneratorUnavailableError
from rag.evidence import group_of
from rag.generate import Draft, generate, messages
from rag.models.protocols import ChatProtocol, EmbedderProtocol
from rag.notices import version_notices
from rag.prompts import phrase
from rag.settings import Settings
from rag.store import Store
from rag.timer import Timer
from rag.types import (
    Answer,
    AnswerVerdict,
    Disagreement,
    DocumentRef,
    Evidence,
    EvidenceFound,
    Finished,
    Hit,
    Query,
    SentenceChecked,
    User,
)
from rag.versions import versions_of

__all__ = ["NEAREST", "Answering", "Found"]

NEAREST = 3


@dataclass(frozen=True, slots=True)
class Found:
    """The quotes that a question will be answered from, or a ``refusal``; ``scores`` as in Answer."""

    evidence: tuple[Evidence, ...]
    refusal: AnswerVerdict | None = None
    scores: Mapping[str, float] = field(default_factory=dict)


class Answering:
    """Answers one question of one reader from what was found."""

    def __init__(
        self,
        query: Query,
        hits: Sequence[Hit],
        found: Found,
        settings: Settings,
        store: Store,
        user: User,
        timer: Timer,
    ) -> None:
        self._query = query
        self._hits = hits
        self._evidence = () if found.refusal else found.evidence
        self._refusal = found.refusal
        self._scores = {name: round(score, 4) for name, score in found.scores.items()}
        self._settings = settings.answer
        self._check = settings.check
        self._store = store
        self._user = user
        self._timer = timer
        self._standing = Standing(self._evidence, store, user)
        self._composer = Composer(self._evidence, query.language, settings.answer)
        self._draft = Draft()
        self._notices: list[str] = []

    async def found(self) -> EvidenceFound:
        """The quotes that the answer will be checked against."""
        return EvidenceFound(await self._keep())

    async def sentences(
        self, chat: ChatProtocol | None, embedder: EmbedderProtocol
    ) -> AsyncGenerator[SentenceChecked, None]:
        """Drafts that passed their check, then quotes. Without a generator quotes alone."""
        if self._evidence and self._settings.draft_sentences:
            try:
                async with aclosing(self._drafts(chat, embedder)) as drafts:
                    async for sentence in drafts:
                        yield sentence
            except GeneratorUnavailableError:
                self._notices.append(phrase("no_generator", self._query.language))
        quotes = self._composer.quotes()
        before = self._evidence
        while True:
            evidence = await self._keep()
            if len(evidence) < len(before) and not await asyncio.to_thread(self._answers, evidence):
                return
            before = evidence
            if (quote := next(quotes, None)) is None:
                return
            yield quote

    def _answers(self, evidence: Sequence[Evidence]) -> bool:
        """Whether what is left of the evidence answers the question; it may have been chosen for the last
        place only.
        """
        known = self._store.references({hit.document.id for hit in self._hits}, self._user)
        hits = [hit for hit in self._hits if hit.document.id in known]
        if not evidence or not hits:
            return False
        signals = answerable_signals(self._query, hits, evidence)
        return answerability(group_of(self._query, evidence[0]), signals)[1]

    async def _drafts(
        self, chat: ChatProtocol | None, embedder: EmbedderProtocol
    ) -> AsyncGenerator[SentenceChecked, None]:
        """Each sentence only after its check. Raises GeneratorUnavailableError."""
        if chat is None:
            raise GeneratorUnavailableError("no generator answers")
        self._draft.model = await chat.model_info()
        owned = Owned(chat, self._query.text, messages(self._query, self._evidence))
        checker = Checker(embedder, self._evidence, self._check, owned, self._timer)
        limit = self._settings.draft_sentences
        drafts = generate(self._query, self._evidence, chat, limit, self._draft)
        with self._timer.without("generate", "check"):
            async with aclosing(drafts):
                async for draft in drafts:
                    with self._timer.step("check"):
                        checked = await checker.check(draft.text, draft.cited, draft.logprobs)
                    await self._keep()
                    shown = self._composer.draft(
                        draft.text, checked.verdict, checked.score, checked.citations, checked.signals
                    )
                    if shown:
                        self._timer.first("first_sentence")
                        yield shown

    async def _keep(self) -> tuple[Evidence, ...]:
        """What stands of the evidence now; sentences that rest on anything else are taken back."""
        evidence = await asyncio.to_thread(self._standing.now)
        self._composer.keep(evidence)
        return evidence

    async def finished(self, asked: str, standalone: str) -> Finished:
        """The whole answer."""
        with self._timer.step("disagree"):
            await self._keep()
            told = await asyncio.to_thread(disagreements, self._composer.citations, self._store, self._user)
        nearest: tuple[DocumentRef, ...] = ()
        await self._keep()
        verdict = self._refusal or self._composer.verdict()
        if verdict is AnswerVerdict.INSUFFICIENT_CONTEXT:
            nearest = await asyncio.to_thread(self._nearest)
        told = self._still(told)
        spoken = self._query.language
        return Finished(
            Answer(
                question=asked,
                answer=self._composer.text or phrase(str(verdict), spoken),
                verdict=verdict,
                claims=tuple(self._composer.claims),
                citations=self._composer.citations,
                language=spoken,
                model=self._draft.model,
                usage=self._draft.usage,
                timings_ms=self._timer.total(),
                nearest=nearest,
                notices=(*self._own_notices(), *version_notices(self._composer.citations, told, spoken)),
                standalone_question=standalone,
                disagreements=told,
                scores=self._scores,
            )
        )

    def _still(self, told: Sequence[Disagreement]) -> tuple[Disagreement, ...]:
        """Those between versions that the citations, which were confirmed since, name."""
        named = {
            (citation.n, version.id)
            for citation in self._composer.citations
            for version in (citation.superseded_by, *citation.supersedes)
            if version is not None
        }
        return tuple(one for one in told if (one.n, one.document.id) in named)

    def _own_notices(self) -> list[str]:
        told = [*self._notices]
        if self._composer.dropped:
            told.append(phrase("replaced", self._query.language))
        if self._composer.withdrawn:
            told.append(phrase("withdrawn", self._query.language))
        return told

    def _nearest(self) -> tuple[DocumentRef, ...]:
        keys = list(dict.fromkeys(hit.document.id for hit in self._hits))
        known = versions_of(keys, self._store, self._user)
        return tuple(known[key] for key in keys if key in known)[:NEAREST]
