"""Documents, quotes and their versions as they are sent; the rest of an answer is in server.schema."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rag.cite import cite
from rag.text.edition import shown_edition
from rag.types import Citation, Disagreement, DocumentRef, Evidence

__all__ = [
    "CITATION",
    "DISAGREEMENT",
    "PLACE",
    "QUOTE",
    "SOURCE",
    "CitationOut",
    "DisagreementOut",
    "DocumentOut",
    "QuoteOut",
    "VersionOut",
    "citation_out",
    "disagreement_out",
    "document_out",
    "quote_out",
    "version_out",
]

QUOTE = "A lost laptop must be reported to the IT service desk within 4 hours."
SOURCE: dict[str, Any] = {
    "document_id": "5e0c3f7a9d1b42c8",
    "title": "Information security policy",
    "source": "it/information-security-policy.pdf",
}
PLACE: dict[str, Any] = {"page": 3, "heading": ["Devices", "Loss and theft"]}
_EDITION: dict[str, Any] = {"edition": "2026-02-01, v4", "modified": 1769904000.0}
_OLDER: dict[str, Any] = {
    "document_id": "91b7e2d40c5fa638",
    "title": "Information security policy",
    "source": "it/archive/information-security-policy-2023.pdf",
    "edition": "2023-05-01, v3",
    "modified": 1682899200.0,
}
CITATION: dict[str, Any] = {
    "n": 1, **SOURCE, **PLACE, "quote": QUOTE, "start": 4120, "end": 4189, **_EDITION,
    "superseded_by": None, "supersedes": [_OLDER],
}  # fmt: skip
_SAID = "A lost laptop must be reported to the IT service desk within 24 hours."
DISAGREEMENT: dict[str, Any] = {
    "n": 1, "document": _OLDER, "quote": _SAID, "start": 3870, "end": 3940, "newer": False,
}  # fmt: skip


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [value]})


class VersionOut(BaseModel):
    """Another version of a document. ``edition`` is the date or version that it states of itself ("" when it
    states none), ``modified`` when its file was changed, in seconds since the epoch.
    """

    model_config = _example(_OLDER)

    document_id: str
    title: str
    source: str
    edition: str
    modified: float | None


class CitationOut(BaseModel):
    """Where an answer's [n] points."""

    model_config = _example(CITATION)

    n: int
    document_id: str
    title: str
    source: str
    page: int | None
    heading: list[str]
    quote: str
    start: int
    end: int
    edition: str
    modified: float | None
    superseded_by: VersionOut | None = Field(description="The newest version, when this one is not it.")
    supersedes: list[VersionOut] = Field(description="Its older versions, newest first.")


class QuoteOut(CitationOut):
    """A quote that the answer will be checked against."""

    model_config = _example({**CITATION, "score": 0.91})

    score: float


class DisagreementOut(BaseModel):
    """What another version says in the place of what [n] quotes: verbatim text of that document."""

    model_config = _example(DISAGREEMENT)

    n: int
    document: VersionOut
    quote: str
    start: int
    end: int
    newer: bool = Field(description="Whether the other version is the newer one.")


class DocumentOut(BaseModel):
    """A document to look at when the answer is not there."""

    model_config = _example({**SOURCE, "language": "en", **_EDITION, "superseded_by": None})

    document_id: str
    title: str
    source: str
    language: str
    edition: str
    modified: float | None
    superseded_by: VersionOut | None


def version_out(document: DocumentRef) -> VersionOut:
    """A version of a document."""
    return VersionOut(
        document_id=document.id,
        title=document.title,
        source=document.source,
        edition=shown_edition(document.edition),
        modified=document.modified,
    )


def _newest(document: DocumentRef | Citation) -> VersionOut | None:
    return version_out(document.superseded_by) if document.superseded_by else None


def document_out(document: DocumentRef) -> DocumentOut:
    """A document with the version that superseded it."""
    return DocumentOut(
        document_id=document.id,
        title=document.title,
        source=document.source,
        language=document.language,
        edition=shown_edition(document.edition),
        modified=document.modified,
        superseded_by=_newest(document),
    )


def citation_out(citation: Citation) -> CitationOut:
    """A citation with the versions of its document."""
    return CitationOut(
        n=citation.n,
        document_id=citation.document_id,
        title=citation.title,
        source=citation.source,
        page=citation.page,
        heading=list(citation.heading),
        quote=citation.quote,
        start=citation.start,
        end=citation.end,
        edition=shown_edition(citation.edition),
        modified=citation.modified,
        superseded_by=_newest(citation),
        supersedes=[version_out(older) for older in citation.supersedes],
    )


def quote_out(evidence: Evidence) -> QuoteOut:
    """A quote with the probability that it holds the answer."""
    citation = citation_out(cite(evidence, evidence.n))
    return QuoteOut(**citation.model_dump(), score=evidence.score)


def disagreement_out(told: Disagreement) -> DisagreementOut:
    """Where another version says otherwise."""
    return DisagreementOut(
        n=told.n,
        document=version_out(told.document),
        quote=told.quote,
        start=told.start,
        end=told.end,
        newer=told.newer,
    )
