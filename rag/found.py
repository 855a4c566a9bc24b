"""What was found for a question: for each of its parts, and together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rag.answer_settings import AnswerSettings
from rag.answerable import answerability, answerable_signals
from rag.cite import confirmed
from rag.errors import NotFoundError
from rag.evidence import group_of, merge_evidence, select_evidence
from rag.models.protocols import EmbedderProtocol
from rag.scope import in_scope
from rag.section import named_section
from rag.store import Store
from rag.types import AnswerVerdict, Document, Evidence, Hit, Query, User

__all__ = ["Found", "Sought", "best_hits", "found_together", "gathered", "judged"]


@dataclass(frozen=True, slots=True)
class Sought:
    """A part of a question: ``text`` as it was asked, ``query`` as it was looked up, the quotes that may
    answer it, or a ``refusal``. ``scores`` as in Answer. ``allowed`` and ``blocked`` are the topics of the
    settings that it is about, "" when none. Where it asks for a section as a whole, ``whole`` counts the
    sentences that were found of it.
    """

    text: str
    query: Query
    hits: Sequence[Hit]
    evidence: tuple[Evidence, ...] = ()
    refusal: AnswerVerdict | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    allowed: str = ""
    blocked: str = ""
    whole: int = 0

    @property
    def quotes(self) -> tuple[Evidence, ...]:
        """The quotes that may be used."""
        return () if self.refusal else self.evidence


@dataclass(frozen=True, slots=True)
class Found:
    """The quotes that a question will be answered from, or a ``refusal``, and the parts behind them."""

    evidence: tuple[Evidence, ...]
    sought: tuple[Sought, ...]
    refusal: AnswerVerdict | None = None
    scores: Mapping[str, float] = field(default_factory=dict)


def judged(
    sought: Sequence[Sought],
    settings: AnswerSettings,
    store: Store,
    user: User,
    embedder: EmbedderProtocol,
) -> list[Sought]:
    """Each part with its quotes and scores, refused where nothing answers it."""
    return [_judged(part, settings, store, user, embedder) for part in sought]


def _judged(
    part: Sought,
    settings: AnswerSettings,
    store: Store,
    user: User,
    embedder: EmbedderProtocol,
) -> Sought:
    """The part with its quotes and scores: is it in scope, do the quotes answer it? Refused when not."""
    query, hits = part.query, part.hits
    missing = AnswerVerdict.INSUFFICIENT_CONTEXT
    if part.blocked:
        return dataclasses.replace(part, refusal=AnswerVerdict.OFF_TOPIC)
    if not hits:
        return dataclasses.replace(part, refusal=missing)
    if section := named_section(query.text, hits, lambda key: _document(key, store, user)):
        chosen = select_evidence(query, section, settings, embedder.count_tokens, whole=True)
        if evidence := confirmed(chosen, store, user):
            scores = {"scope": 1.0, "answerable": 1.0}
            count = sum(len(hit.chunk.sentences) for hit in section if not hit.yields_to)
            return dataclasses.replace(part, evidence=tuple(evidence), scores=scores, whole=count)
    scope, inside = in_scope(group_of(query, hits[0]), hits)
    scores = {"scope": scope}
    if not inside and not part.allowed:
        return dataclasses.replace(part, refusal=AnswerVerdict.OFF_TOPIC, scores=scores)
    evidence = confirmed(select_evidence(query, hits, settings, embedder.count_tokens), store, user)
    if not evidence:
        return dataclasses.replace(part, refusal=missing, scores=scores)
    signals = answerable_signals(query, hits, evidence, embedder)
    scores["answerable"], answers = answerability(group_of(query, evidence[0]), signals)
    refusal = None if answers else missing
    return dataclasses.replace(part, evidence=tuple(evidence), refusal=refusal, scores=scores)


def _document(key: str, store: Store, user: User) -> Document | None:
    try:
        return store.document(key, user)
    except NotFoundError:  # gone since it was found
        return None


def gathered(sought: Sequence[Sought], settings: AnswerSettings, embedder: EmbedderProtocol) -> Found:
    """The quotes of all judged parts, or why the question is not answered."""
    merged = merge_evidence([part.quotes for part in sought], settings, embedder.count_tokens)
    return found_together(sought, merged)


def found_together(sought: Sequence[Sought], evidence: Sequence[Evidence]) -> Found:
    """A question is refused when each of its parts is; of two reasons the one that says less about the
    documents.
    """
    refusals = [part.refusal for part in sought]
    refusal = None
    if all(refusals):
        off = AnswerVerdict.OFF_TOPIC
        refusal = off if set(refusals) == {off} else AnswerVerdict.INSUFFICIENT_CONTEXT
    names = dict.fromkeys(name for part in sought for name in part.scores)
    scores = {name: max(part.scores.get(name, 0.0) for part in sought) for name in names}
    return Found(() if refusal else tuple(evidence), tuple(sought), refusal, scores)


def best_hits(sought: Sequence[Sought]) -> list[Hit]:
    """The hits of all parts, best first, each passage once."""
    best: dict[int, Hit] = {}
    for hit in (hit for part in sought for hit in part.hits):
        known = best.get(hit.chunk.id)
        if known is None or hit.score > known.score:
            best[hit.chunk.id] = hit
    return sorted(best.values(), key=lambda hit: (-hit.score, hit.chunk.id))
