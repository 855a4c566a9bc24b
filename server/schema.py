"""What travels over HTTP and what ``--json`` prints: one schema for both.

Offsets are counted in Unicode code points. ``quote`` is verbatim text of the document, ``start`` and
``end`` are its place in the document's stored text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rag.types import (
    Answer,
    AnswerVerdict,
    Claim,
    ClaimVerdict,
    Evidence,
    Hit,
    SentenceChecked,
    Turn,
    User,
)
from server.schema_citation import (
    CITATION,
    DISAGREEMENT,
    PLACE,
    QUOTE,
    SOURCE,
    CitationOut,
    DisagreementOut,
    DocumentOut,
    QuoteOut,
    VersionOut,
    citation_out,
    disagreement_out,
    document_out,
    quote_out,
    version_out,
)

__all__ = [
    "AnswerOut",
    "AskIn",
    "CitationOut",
    "ClaimOut",
    "DisagreementOut",
    "DocumentOut",
    "EvidenceOut",
    "HealthOut",
    "HitOut",
    "ModelOut",
    "QuoteOut",
    "ReadinessOut",
    "SearchOut",
    "SentenceOut",
    "TurnIn",
    "VersionOut",
    "answer_out",
    "claim_out",
    "evidence_out",
    "search_out",
    "sentence_out",
]

_QUESTION = "Within how many hours must a lost laptop be reported to the IT service desk?"
_CLAIM: dict[str, Any] = {
    "text": "A lost laptop must be reported within 4 hours [1].",
    "start": 0,
    "end": 50,
    "verdict": "supported",
    "score": 0.97,
    "citations": [1],
    "signals": {"cover": 0.92},
}
_MODEL: dict[str, Any] = {"name": "qwen2.5-coder-1.5b-instruct", "revision": "main", "licence": "Apache-2.0"}
_ANSWER: dict[str, Any] = {
    "answer": _CLAIM["text"],
    "verdict": "supported",
    "claims": [_CLAIM],
    "citations": [CITATION],
    "language": "en",
    "model": _MODEL,
    "usage": {"prompt_tokens": 251, "completion_tokens": 18},
    "timings_ms": {"retrieve": 21.4, "evidence": 9.8, "generate": 2310.0, "check": 12.3},
    "question": _QUESTION,
    "standalone_question": _QUESTION,
    "nearest": [],
    "notices": [
        "The superseded version, Information security policy (2023-05-01, v3), says: "
        f"“{DISAGREEMENT['quote']}”"
    ],
    "disagreements": [DISAGREEMENT],
    "gaps": [],
    "scores": {"scope": 0.99, "answerable": 0.93, "addressed": 0.97},
}
_HIT: dict[str, Any] = {
    **SOURCE,
    **PLACE,
    "text": QUOTE,
    "start": 4120,
    "end": 4189,
    "score": 0.0328,
    "dense": 0.871,
    "lexical": 11.2,
    "cover": 0.92,
    "superseded_by": None,
}


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [value]})


class TurnIn(BaseModel):
    """One earlier message of the conversation."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["user", "assistant"]
    content: str


class AskIn(BaseModel):
    """A question, with the conversation that it belongs to."""

    model_config = _example({"question": _QUESTION, "history": [], "collections": [], "stream": False})

    question: str = Field(min_length=1, description="The question, in any language.")
    history: list[TurnIn] = Field([], max_length=200, description="Earlier messages, oldest first.")
    collections: list[str] = Field(
        [], max_length=100, description="Answer from documents of these collections only; empty: from all."
    )
    stream: bool = Field(False, description="Answer as Server-Sent Events, sentence by checked sentence.")

    def within(self, user: User) -> User:
        """Who asks, narrowed to the collections that he names."""
        return dataclasses.replace(user, collections=tuple(self.collections) or None)

    def turns(self) -> list[Turn]:
        """The history as the assistant takes it."""
        return [Turn(turn.role, turn.content) for turn in self.history]


class ClaimOut(BaseModel):
    """One sentence of the answer: ``answer[start:end] == text``."""

    model_config = _example(_CLAIM)

    text: str
    start: int
    end: int
    verdict: ClaimVerdict
    score: float
    citations: list[int]
    signals: dict[str, float | str | bool]


class ModelOut(BaseModel):
    """Which generator wrote the draft."""

    model_config = _example(_MODEL)

    name: str
    revision: str
    licence: str


class GapOut(BaseModel):
    """What the answer leaves out: a part of the question, or a fact of the cited evidence [n]."""

    model_config = _example({"kind": "part", "text": "Who approves exceptions?", "n": None})

    kind: Literal["part", "fact"]
    text: str
    n: int | None


class AnswerOut(BaseModel):
    """A finished answer whose every sentence has been checked."""

    model_config = _example(_ANSWER)

    answer: str
    verdict: AnswerVerdict
    claims: list[ClaimOut]
    citations: list[CitationOut]
    language: str
    model: ModelOut | None
    usage: dict[str, int]
    timings_ms: dict[str, float]
    question: str
    standalone_question: str
    nearest: list[DocumentOut]
    notices: list[str]
    disagreements: list[DisagreementOut]
    gaps: list[GapOut]
    scores: dict[str, float]


class HitOut(BaseModel):
    """A passage that was found. ``dense`` is a cosine, ``lexical`` a BM25 score; null when that search
    did not find it.
    """

    model_config = _example(_HIT)

    document_id: str
    title: str
    source: str
    page: int | None
    heading: list[str]
    text: str
    start: int
    end: int
    score: float
    dense: float | None
    lexical: float | None
    cover: float
    superseded_by: VersionOut | None


class SearchOut(BaseModel):
    """The best passages, best first."""

    model_config = _example({"query": _QUESTION, "language": "en", "hits": [_HIT]})

    query: str
    language: str
    hits: list[HitOut]


class EvidenceOut(BaseModel):
    """Data of the event ``evidence``."""

    model_config = ConfigDict(extra="forbid")

    evidence: list[QuoteOut]


class SentenceOut(BaseModel):
    """Data of the event ``sentence``: sent only after the sentence was checked."""

    model_config = _example({"claim": _CLAIM, "citations": [CITATION]})

    claim: ClaimOut
    citations: list[CitationOut]


class HealthOut(BaseModel):
    """The process lives."""

    status: Literal["alive"] = "alive"


class ReadinessOut(BaseModel):
    """Whether questions are answered. ``degraded``: yes, but with quotes only."""

    model_config = _example(
        {"status": "ready", "generator": "ready", "index": "ready", "database": "ready", "detail": ""}
    )

    status: Literal["ready", "degraded", "starting", "failed"]
    generator: Literal["ready", "down", "off"]
    index: Literal["ready", "starting", "failed"]
    database: Literal["ready", "starting", "failed"]
    detail: str


def claim_out(claim: Claim) -> ClaimOut:
    """A sentence with its verdict."""
    return ClaimOut(
        text=claim.text,
        start=claim.start,
        end=claim.end,
        verdict=claim.verdict,
        score=claim.score,
        citations=list(claim.citations),
        signals=dict(claim.signals),
    )


def answer_out(answer: Answer) -> AnswerOut:
    """A finished answer as it is sent."""
    model = answer.model
    return AnswerOut(
        answer=answer.answer,
        verdict=answer.verdict,
        claims=[claim_out(claim) for claim in answer.claims],
        citations=[citation_out(citation) for citation in answer.citations],
        language=answer.language,
        model=ModelOut(name=model.name, revision=model.revision, licence=model.licence) if model else None,
        usage=dict(answer.usage),
        timings_ms=dict(answer.timings_ms),
        question=answer.question,
        standalone_question=answer.standalone_question,
        nearest=[document_out(document) for document in answer.nearest],
        notices=list(answer.notices),
        disagreements=[disagreement_out(told) for told in answer.disagreements],
        gaps=[GapOut(kind=gap.kind, text=gap.text, n=gap.n) for gap in answer.gaps],
        scores=dict(answer.scores),
    )


def sentence_out(event: SentenceChecked) -> SentenceOut:
    """A checked sentence as it is streamed."""
    return SentenceOut(
        claim=claim_out(event.claim), citations=[citation_out(citation) for citation in event.citations]
    )


def evidence_out(evidence: Sequence[Evidence]) -> EvidenceOut:
    """The quotes that an answer will be checked against."""
    return EvidenceOut(evidence=[quote_out(quote) for quote in evidence])


def search_out(query: str, language: str, hits: Sequence[Hit]) -> SearchOut:
    """Found passages; ``language`` is that of the query."""
    return SearchOut(
        query=query,
        language=language,
        hits=[
            HitOut(
                document_id=hit.document.id,
                title=hit.document.title,
                source=hit.document.source,
                page=hit.chunk.page,
                heading=list(hit.chunk.heading),
                text=hit.chunk.text,
                start=hit.chunk.start,
                end=hit.chunk.end,
                score=hit.score,
                dense=hit.dense,
                lexical=hit.lexical,
                cover=hit.cover,
                superseded_by=version_out(hit.document.superseded_by) if hit.document.superseded_by else None,
            )
            for hit in hits
        ],
    )
