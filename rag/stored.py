"""An answer that was given before, as its reader may see it now.

Documents are deleted, and closed to readers, after an answer was stored. What rested on them is then neither
in the answer nor in anything that is told beside it. Nothing is changed in the database: a document that is
opened again brings its sentences back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rag.cite import Standing, cite
from rag.compose import appended
from rag.conversations import Message
from rag.notices import gap_notices, version_notices
from rag.prompts import phrase
from rag.store import Store
from rag.text import language
from rag.types import (
    Answer,
    AnswerVerdict,
    Citation,
    Claim,
    ClaimVerdict,
    Event,
    Evidence,
    EvidenceFound,
    Finished,
    SentenceChecked,
    Turn,
    User,
)
from rag.versions import versions_of

__all__ = ["Given", "Shown", "history", "show", "show_messages", "so_far"]

_OWN_NOTICES = ("no_generator", "replaced", "withdrawn", "withheld", "section_begins")


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer as it may be shown, and whether anything of it is withheld."""

    answer: Answer
    lost: bool


def show(answer: Answer, basis: Collection[str], store: Store, user: User, *, tainted: bool = False) -> Shown:
    """Every sentence whose quotes the user may still read; in place of any other a plain notice (verdict
    not_checked, signal "withheld"). ``basis`` are the documents that the answer was made from; ``tainted``:
    something is withheld of the answers before it, with whose words its question may have been rewritten.
    """
    cited = _still_cited(answer.citations, store, user)
    # nobody knows what an unsupported sentence rests on: it stands as long as all that it was made from does
    whole = len(cited) == len(answer.citations) and len(store.references(basis, user)) == len(set(basis))
    stands = [_stands(claim, cited, whole) for claim in answer.claims]
    told = _told(answer, cited, whole and not tainted, store, user)
    nearest = versions_of({document.id for document in answer.nearest}, store, user)
    shown = dataclasses.replace(
        told,
        citations=tuple(cited.values()),
        nearest=tuple(nearest[one.id] for one in answer.nearest if one.id in nearest),
    )
    if not all(stands):
        shown = _withheld(shown, stands)
    return Shown(shown, not whole)


def show_messages(messages: Sequence[Message], store: Store, user: User) -> list[Message]:
    """Messages of a conversation, each after its parent, with their answers as the user may see them now."""
    lost: set[str | None] = set()
    found = []
    for one in messages:
        if one.parent in lost:
            lost.add(one.id)
        if one.answer is not None:
            shown = show(one.answer, one.basis, store, user, tainted=one.id in lost)
            if shown.lost:
                lost.add(one.id)
            one = dataclasses.replace(one, answer=shown.answer)
        found.append(one)
    return found


def history(messages: Sequence[Message], store: Store, user: User) -> list[Turn]:
    """The turns of a branch, without what the user may no longer read in its answers."""
    turns = []
    for one in show_messages(messages, store, user):
        if one.role == "user":
            turns.append(Turn("user", one.content))
        elif one.answer is not None:
            turns.append(Turn("assistant", one.answer.answer))
    return turns


def _still_cited(citations: Sequence[Citation], store: Store, user: User) -> dict[int, Citation]:
    """By number: the citations whose quotes stand, each document by the name that the user may see now."""
    documents = versions_of({one.document_id for one in citations}, store, user)
    found = {}
    for one in citations:
        document = documents.get(one.document_id)
        if document and store.excerpt(one.document_id, one.start, one.end, user) == one.quote:
            found[one.n] = dataclasses.replace(
                one,
                title=document.title,
                source=document.source,
                modified=document.modified,
                edition=document.edition,
                superseded_by=document.superseded_by,
                supersedes=document.supersedes,
            )
    return found


def _stands(claim: Claim, cited: Collection[int], whole: bool) -> bool:
    known = claim.verdict in (ClaimVerdict.SUPPORTED, ClaimVerdict.QUOTED) or whole
    return known and all(n in cited for n in claim.citations)


def _notice(spoken: str) -> Claim:
    return Claim(phrase("withheld", spoken), 0, 0, ClaimVerdict.NOT_CHECKED, 0.0, (), {"withheld": True})


def _withheld(answer: Answer, stands: Sequence[bool]) -> Answer:
    """The answer with a notice in the place of sentences that do not stand, one for several in a row."""
    text, claims = "", []
    before = True
    for claim, stays in zip(answer.claims, stands, strict=True):
        if stays or before:
            text, placed = appended(text, claim if stays else _notice(answer.language), answer.language)
            claims.append(placed)
        before = stays
    verdict = AnswerVerdict.PARTIAL if any(stands) else AnswerVerdict.NOT_CHECKED
    return dataclasses.replace(answer, answer=text, claims=tuple(claims), verdict=verdict)


def _told(answer: Answer, cited: dict[int, Citation], whole: bool, store: Store, user: User) -> Answer:
    """The answer with what is told beside it about documents that the user may read. Unless it is whole, not
    how its question was understood either.
    """
    versions = versions_of({one.document.id for one in answer.disagreements}, store, user)
    disagreements = tuple(
        dataclasses.replace(one, document=versions[one.document.id])
        for one in answer.disagreements
        if one.n in cited
        and one.document.id in versions
        and store.excerpt(one.document.id, one.start, one.end, user) == one.quote
    )
    gaps = tuple(gap for gap in answer.gaps if (whole if gap.n is None else gap.n in cited))
    spoken = answer.language
    own = {phrase(name, spoken) for name in _OWN_NOTICES}
    notices = (
        *(notice for notice in answer.notices if notice in own),
        *gap_notices(gaps, spoken),
        *version_notices(tuple(cited.values()), disagreements, spoken),
    )
    return dataclasses.replace(
        answer,
        disagreements=disagreements,
        gaps=gaps,
        notices=notices,
        standalone_question=answer.standalone_question if whole else answer.question,
    )


@dataclass(frozen=True, slots=True)
class Given:
    """What an answer in progress has given: its evidence once that is known, and the events of its reader."""

    question: str
    evidence: tuple[Evidence, ...] = ()

    @property
    def basis(self) -> tuple[str, ...]:
        """The documents that the answer is made from."""
        return tuple(dict.fromkeys(one.document.id for one in self.evidence))

    def now(self, event: Event, store: Store, user: User) -> Event:
        """The event as the user may see it now: it may have been kept for him while documents went."""
        if isinstance(event, Finished):
            return Finished(show(event.answer, self.basis, store, user).answer)
        standing = {one.n: one for one in Standing(self.evidence, store, user).now()}
        if isinstance(event, EvidenceFound):
            return EvidenceFound(tuple(standing.values()))
        if not _stands(event.claim, standing, len(standing) == len(self.evidence)):
            return SentenceChecked(_notice(language(self.question)), ())
        return SentenceChecked(event.claim, tuple(cite(standing[c.n], c.n) for c in event.citations))


def so_far(given: Given, sentences: Sequence[SentenceChecked]) -> Answer | None:
    """The answer that was stopped after these sentences; None before the first."""
    if not sentences:
        return None
    spoken = language(given.question)
    text, claims = "", []
    for sentence in sentences:
        text, placed = appended(text, sentence.claim, spoken)
        claims.append(placed)
    numbers = {n for claim in claims for n in claim.citations}
    quoted = all(claim.verdict is ClaimVerdict.QUOTED for claim in claims)
    return Answer(
        question=given.question,
        answer=text,
        verdict=AnswerVerdict.QUOTED if quoted else AnswerVerdict.PARTIAL,
        claims=tuple(claims),
        citations=tuple(cite(one, one.n) for one in given.evidence if one.n in numbers),
        language=spoken,
        model=None,
        usage={},
        timings_ms={},
        standalone_question=given.question,
    )
