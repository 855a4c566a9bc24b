"""The values that travel along the two paths. All are frozen.

Offsets are counted in Unicode code points of ``Document.text``; ``start`` is inclusive and ``end`` exclusive,
so ``document.text[start:end]`` is always the exact text that the offsets name.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Answer",
    "AnswerVerdict",
    "Chunk",
    "Citation",
    "Claim",
    "ClaimVerdict",
    "Disagreement",
    "Document",
    "DocumentRef",
    "Element",
    "ElementKind",
    "Event",
    "Evidence",
    "EvidenceFound",
    "Finished",
    "Gap",
    "Hit",
    "ModelInfo",
    "Place",
    "Query",
    "SentenceChecked",
    "Space",
    "Span",
    "Turn",
    "User",
]

ElementKind = Literal["heading", "text", "list", "table"]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Element:
    """One block of a document: a heading, a paragraph, a list item, or a row group of a table.

    ``heading`` is the path of headings above it, outermost first (for a heading: those above that heading).
    ``header`` is the header row of the table that it belongs to, cells joined by " | ", else empty.
    """

    kind: ElementKind
    start: int
    end: int
    page: int | None = None
    heading: tuple[str, ...] = ()
    header: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """What was parsed from some bytes. ``text`` is what is stored, chunked and quoted; elements cover it in
    order.

    ``id`` is derived from ``sha256``, that of the original bytes, alone: the same bytes found in two places
    are one document. ``title`` is its own if ``titled``, else that of its places if they agree, else empty.
    """

    id: str
    title: str
    titled: bool
    text: str
    elements: tuple[Element, ...]
    language: str
    mime: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document lies: ``uri`` within its ``source`` (the name of a configured source, "" for what was
    ingested by path).

    ``title`` names a document that has none of its own. ``groups`` empty means: everyone may read it.
    ``modified`` is in seconds since the epoch and ``size`` in bytes, where the source knows them. ``parent``
    is the uri of the archive or mail that holds it. ``edition`` is the date or version that its name states,
    in a form that sorts.
    """

    uri: str
    title: str
    source: str = ""
    parent: str = ""
    collection: str = "default"
    size: int | None = None
    modified: float | None = None
    etag: str = ""
    edition: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentRef:
    """What a reader sees of a document: where he may find it, and by which name.

    ``edition`` is the date or version that it states of itself, in a form that sorts ("" where none).
    ``superseded_by`` is the newest version of it that this reader may read too, ``supersedes`` are its older
    versions that he may read, newest first.
    """

    id: str
    source: str
    title: str
    language: str
    modified: float | None = None
    edition: str = ""
    superseded_by: DocumentRef | None = None
    supersedes: tuple[DocumentRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Space:
    """A vector space: what one embedder makes. Vectors of two spaces are never compared."""

    id: int
    fingerprint: str
    dimension: int

    @property
    def model(self) -> str:
        """Name of the embedder, as settings and model folders call it."""
        return self.fingerprint.partition("@")[0]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of consecutive sentences under one heading.

    ``id`` is given by the store (0 before that) and never reused. ``text == document.text[start:end]``.
    ``sentences`` are spans in the document, in order, within [start, end]. ``tokens`` counts the embedder's
    tokens of ``embedding_text``. ``header`` is a table's header row, repeated for each of its chunks.
    """

    document_id: str
    position: int
    text: str
    start: int
    end: int
    sentences: tuple[Span, ...]
    page: int | None = None
    heading: tuple[str, ...] = ()
    header: str = ""
    tokens: int = 0
    id: int = 0

    def embedding_text(self, title: str) -> str:
        """The passage as it is embedded: title and headings give a lone paragraph its subject."""
        path = [title, *(part for part in self.heading if part != title)]
        above = " > ".join(part for part in path if part)
        return "\n".join(part for part in (above, self.header, self.text) if part)

    def sentence_texts(self) -> list[str]:
        """The sentences as they are embedded: a row of a table means nothing without its header."""
        texts = [self.text[start - self.start : end - self.start] for start, end in self.sentences]
        return [f"{self.header}\n{text}" if self.header and " | " in text else text for text in texts]


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A question as the searches see it: unit vector [d], and its terms with their weights (inverse document
    frequencies; question words are left out). ``tokens`` are the unit vectors of its tokens [t, d].
    ``foreign`` is what passages in other languages are compared with [d] (rag.foreign), None: its vector.
    """

    text: str
    language: str
    vector: NDArray[np.float32]
    weights: Mapping[str, float]
    tokens: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    foreign: NDArray[np.float32] | None = None

    def toward(self, language: str) -> tuple[NDArray[np.float32], bool]:
        """What passages of a language are compared with [d], and whether that is ``foreign``."""
        foreign = None if language == self.language else self.foreign
        return (self.vector, False) if foreign is None else (foreign, True)

    def cover(self, present: Set[str]) -> float:
        """Share of the terms that are among ``present``, weighted by rarity; in [0, 1]."""
        total = sum(self.weights.values())
        return sum(w for term, w in self.weights.items() if term in present) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found. ``score`` orders hits; ``dense`` is its cosine with the question (of another
    language, before reranking: its product with Query.foreign), ``lexical`` its BM25 score; None: not found.

    Filled in by reranking: ``cover``, the share of the question's terms, weighted by rarity, that stand in
    it; ``standing`` and ``sentences``, by how many standard deviations the passage and each of its sentences
    stand out (rag.index.geometry); ``directions``, the cosine of the question with each sentence as seen from
    the collection's centre; ``yields_to``, the id of the version that leads in its stead, else "".
    """

    chunk: Chunk
    document: DocumentRef
    score: float
    dense: float | None = None
    lexical: float | None = None
    cover: float = 0.0
    standing: float = 0.0
    sentences: tuple[float, ...] = ()
    directions: tuple[float, ...] = ()
    yields_to: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One verbatim quote, numbered from 1 as [n] in prompts and answers. ``context`` holds its neighbours;
    ``parts`` are the parts of the question that it was chosen for, counted from 0.
    """

    n: int
    document: DocumentRef
    quote: str
    start: int
    end: int
    score: float
    page: int | None = None
    heading: tuple[str, ...] = ()
    header: str = ""
    context: str = ""
    parts: tuple[int, ...] = (0,)


class ClaimVerdict(enum.StrEnum):
    """What the checks say of one sentence of an answer."""

    SUPPORTED = "supported"
    QUOTED = "quoted"
    UNSUPPORTED = "unsupported"
    NOT_CHECKED = "not_checked"


class AnswerVerdict(enum.StrEnum):
    """What the checks say of a whole answer."""

    SUPPORTED = "supported"
    PARTIAL = "partial"
    QUOTED = "quoted"
    INSUFFICIENT_CONTEXT = "insufficient_context"
    OFF_TOPIC = "off_topic"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the answer: ``answer[start:end] == text``. ``score`` is the calibrated probability that
    the cited evidence supports it; ``signals`` are the layers' raw values, for inspection.
    """

    text: str
    start: int
    end: int
    verdict: ClaimVerdict
    score: float
    citations: tuple[int, ...] = ()
    signals: Mapping[str, float | str | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Citation:
    """Where [n] points: ``quote`` is verbatim ``document.text[start:end]``, the rest is its DocumentRef's."""

    n: int
    document_id: str
    title: str
    source: str
    page: int | None
    heading: tuple[str, ...]
    quote: str
    start: int
    end: int
    modified: float | None = None
    edition: str = ""
    superseded_by: DocumentRef | None = None
    supersedes: tuple[DocumentRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Another version says otherwise than what [n] quotes: ``quote`` is verbatim ``document.text[start:end]``
    there. ``newer`` tells whether that is the newer version of the two.
    """

    n: int
    document: DocumentRef
    quote: str
    start: int
    end: int
    newer: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """What an answer leaves out: a part of the question that it does not answer (``text`` is that part), or a
    fact of the evidence [n] that belongs to it (``text`` is verbatim there).
    """

    kind: Literal["part", "fact"]
    text: str
    n: int | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which generator wrote the draft."""

    name: str
    revision: str
    licence: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished, checked answer. ``nearest`` names documents to look at when the answer is not there;
    ``notices`` are plain sentences for the reader, ``gaps`` what it leaves out. ``disagreements`` are where
    other versions of the cited documents say otherwise; the notices tell them, too. ``scores`` are calibrated
    probabilities, each there when it was asked: "scope", that the documents are about the question;
    "answerable", that the evidence answers it; "reads", that the generator finds the answer in a passage;
    "addressed", that what is said answers it. Of several parts the last is the worst, the others the best.
    """

    question: str
    answer: str
    verdict: AnswerVerdict
    claims: tuple[Claim, ...]
    citations: tuple[Citation, ...]
    language: str
    model: ModelInfo | None
    usage: Mapping[str, int]
    timings_ms: Mapping[str, float]
    nearest: tuple[DocumentRef, ...] = ()
    notices: tuple[str, ...] = ()
    standalone_question: str = ""
    disagreements: tuple[Disagreement, ...] = ()
    gaps: tuple[Gap, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message of a conversation."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class User:
    """Who asks. Sees public documents and those of the groups named here; ``None`` means every document
    (the operator at the command line). ``collections`` narrows that to what lies in these; None does
    not.
    """

    name: str = "operator"
    groups: Sequence[str] | None = None
    collections: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class EvidenceFound:
    """First event of a streamed answer: the quotes that it will be checked against (none when there are
    none).
    """

    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class SentenceChecked:
    """One sentence of the answer, sent only after its check, with the citations that it adds."""

    claim: Claim
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """Last event: the whole answer."""

    answer: Answer


Event = EvidenceFound | SentenceChecked | Finished
