"""One answer while it is being given: drafted and checked sentences, quotes, and what is told at the end.

Whatever is said is confirmed against the database in the same moment: a document that is deleted, or closed
to the reader, meanwhile is in nothing that follows.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from rag.addressed import Addressed
from rag.answerable import answerability, answerable_signals
from rag.check import Checker, Local, Owned
from rag.cite import Standing
from rag.complete import missing_facts, missing_parts
from rag.compose import Composer
from rag.computing import computed
from rag.disagree import disagreements
from rag.errors import GeneratorUnavailableError
from rag.evidence import group_of
from rag.found import Found, Sought, best_hits
from rag.generate import Draft, generate, messages
from rag.models.protocols import ChatProtocol, EmbedderProtocol
from rag.notices import gap_notices, version_notices
from rag.prompts import phrase
from rag.settings import Settings
from rag.store import Store
from rag.text import inert
from rag.timer import Timer
from rag.types import (
    Answer,
    AnswerVerdict,
    Disagreement,
    DocumentRef,
    Evidence,
    EvidenceFound,
    Finished,
    Gap,
    Query,
    SentenceChecked,
    User,
)
from rag.versions import versions_of

__all__ = ["NEAREST", "Answering"]

NEAREST = 3


class Answering:
    """Answers one question of one reader from what was found."""

    def __init__(
        self,
        query: Query,
        found: Found,
        settings: Settings,
        store: Store,
        user: User,
        timer: Timer,
        local: Mapping[str, Local] | None = None,
    ) -> None:
        self._query = query
        self._sought = found.sought
        self._hits = best_hits(found.sought)
        self._evidence = () if found.refusal else found.evidence
        self._refusal = found.refusal
        self._scores = {name: round(score, 4) for name, score in found.scores.items()}
        self._settings = settings.answer
        self._check = settings.check
        self._calibration = settings.calibration_dir
        self._store = store
        self._user = user
        self._timer = timer
        self._local = local
        self._standing = Standing(self._evidence, store, user)
        self._composer = Composer(self._evidence, query.language, settings.answer, len(found.sought))
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
            if len(evidence) < len(before) and not await computed(self._answers, evidence, embedder):
                return
            before = evidence
            if (quote := next(quotes, None)) is None:
                return
            yield quote

    def _answers(self, evidence: Sequence[Evidence], embedder: EmbedderProtocol) -> bool:
        """Whether what is left of the evidence answers the question, or a part of it; it may have been chosen
        for the last place only.
        """
        known = self._store.references({hit.document.id for hit in self._hits}, self._user)
        for i, part in enumerate(self._sought):
            hits = [hit for hit in part.hits if hit.document.id in known]
            quotes = [item for item in evidence if i in item.parts]
            if hits and quotes and not part.refusal:
                if part.whole:
                    return True
                signals = answerable_signals(part.query, hits, quotes, embedder)
                if answerability(group_of(part.query, quotes[0]), signals)[1]:
                    return True
        return False

    async def _drafts(
        self, chat: ChatProtocol | None, embedder: EmbedderProtocol
    ) -> AsyncGenerator[SentenceChecked, None]:
        """Each sentence only after its check. Raises GeneratorUnavailableError."""
        if chat is None:
            raise GeneratorUnavailableError("no generator answers")
        self._draft.model = await chat.model_info()
        ask = functools.partial(messages, self._query, whole=self._settings.whole_passages)
        owned = Owned(chat, self._query.text, ask)
        checker = Checker(
            embedder, self._evidence, self._check, owned, self._timer, self._calibration, local=self._local
        )
        limit = max(self._settings.draft_sentences, len(self._sought))
        drafts = generate(ask(self._evidence), chat, limit, self._draft)
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
        evidence = await computed(self._standing.now)
        self._composer.keep(evidence)
        return evidence

    async def finished(self, asked: str, standalone: str, embedder: EmbedderProtocol) -> Finished:
        """The whole answer, and what it leaves out."""
        with self._timer.step("disagree"):
            await self._keep()
            told = await computed(disagreements, self._composer.citations, self._store, self._user)
        nearest: tuple[DocumentRef, ...] = ()
        await self._keep()
        verdict = self._refusal or self._composer.verdict()
        if verdict is AnswerVerdict.INSUFFICIENT_CONTEXT:
            nearest = await computed(self._nearest)
        told = self._still(told)
        with self._timer.step("complete"):
            gaps = await computed(self._gaps, embedder)
        # what went meanwhile is not told either
        await self._keep()
        gaps = [gap for gap in gaps if gap.n is None or gap.n in {c.n for c in self._composer.citations}]
        spoken = self._query.language
        return Finished(
            Answer(
                question=asked,
                answer=self._composer.text or self._refused(verdict),
                verdict=verdict,
                claims=tuple(self._composer.claims),
                citations=self._composer.citations,
                language=spoken,
                model=self._draft.model,
                usage=self._draft.usage,
                timings_ms=self._timer.total(),
                nearest=nearest,
                notices=(
                    *self._own_notices(),
                    *map(inert, gap_notices(gaps, spoken)),
                    *map(inert, version_notices(self._composer.citations, told, spoken)),
                ),
                standalone_question=standalone,
                disagreements=told,
                gaps=tuple(gaps),
                scores=self._scores,
            )
        )

    def _refused(self, verdict: AnswerVerdict) -> str:
        """Why there is no answer, in the reader's language."""
        blocked = [part.blocked for part in self._sought if part.blocked]
        if verdict is AnswerVerdict.OFF_TOPIC and blocked:
            return phrase("blocked_topic", self._query.language).format(topic=blocked[0])
        return phrase(str(verdict), self._query.language)

    def _gaps(self, embedder: EmbedderProtocol) -> list[Gap]:
        """Parts of the question and facts of the cited evidence that the answer leaves out."""
        if self._refusal or not self._composer.claims:
            return []
        addressed = Addressed(embedder, self._said())
        scores = [self._addressed(part, addressed) for part in self._sought]
        self._scores["addressed"] = round(min(scores), 4)
        gaps = missing_parts([part.text for part in self._sought], scores) if len(scores) > 1 else []
        numbers = {citation.n for citation in self._composer.citations}
        cited = [item for item in self._evidence if item.n in numbers]
        return gaps + missing_facts(self._query.text, self._composer.text, cited)

    def _addressed(self, part: Sought, addressed: Addressed) -> float:
        if part.refusal or not part.evidence:
            return 0.0
        best = part.evidence[0]
        return addressed.score(group_of(part.query, best), part.query, best.quote)

    def _said(self) -> list[str]:
        """Each sentence of the answer; a draft speaks with the words of what it cites, too: "4 hours" answers
        what its quote is about.
        """
        quotes = {item.n: item.quote for item in self._evidence}
        return [
            " ".join([claim.text, *(quotes[n] for n in claim.citations if quotes[n] not in claim.text)])
            for claim in self._composer.claims
        ]

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
        if sum(part.whole for part in self._sought) > len(self._composer.citations) > 0:
            told.append(phrase("section_begins", self._query.language))
        return told

    def _nearest(self) -> tuple[DocumentRef, ...]:
        keys = list(dict.fromkeys(hit.document.id for hit in self._hits))
        known = versions_of(keys, self._store, self._user)
        return tuple(known[key] for key in keys if key in known)[:NEAREST]
