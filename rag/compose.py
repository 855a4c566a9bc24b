"""Step: checked sentences and quotes -> the answer, under the policy, with offsets and citations that fit it
exactly.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from rag.answer_settings import AnswerSettings
from rag.cite import cite
from rag.prompts import phrase
from rag.text import fold, inert
from rag.types import AnswerVerdict, Citation, Claim, ClaimVerdict, Evidence, SentenceChecked

__all__ = ["Composer", "appended"]

# Quotes are added until one of them holds the answer with this probability, as far as the calibrated scores
# tell.
ENOUGH = 0.95
# Past the first, a quote that holds the answer less probably than this only makes the reader read more.
LEAST = 0.03
# Beside a quote in the question's language, one in another is only shown when it holds the answer this
# probably: its reader may not be able to read it.
FOREIGN = 0.3
_NO_BLANKS = {"zh", "ja", "th"}
_OPEN, _CLOSE = "“„「«", "”」»"
_SINGLE = str.maketrans({"“": "‘", "”": "’", "„": "‚", "「": "『", "」": "』", "«": "‹", "»": "›"})


def _enclosed(words: str) -> str:
    """A quote that closes a quotation which it did not open could end its own and go on in the answer's
    name: its marks become single ones, as within a quotation they are.
    """
    depth = 0
    for mark in words:
        depth += (mark in _OPEN) - (mark in _CLOSE)
        if depth < 0:
            return words.translate(_SINGLE)
    return words


def appended(text: str, claim: Claim, language: str) -> tuple[str, Claim]:
    """The text of an answer with one more sentence and its markers; the sentence with its offsets there."""
    if text:
        blank = "" if language in _NO_BLANKS else " "
        text += "\n" if claim.verdict is ClaimVerdict.QUOTED else blank
    placed = dataclasses.replace(claim, start=len(text), end=len(text) + len(claim.text))
    return text + claim.text + "".join(f" [{n}]" for n in claim.citations), placed


class Composer:
    """Builds one answer, sentence by sentence. What was composed is taken back only when what it cites is
    gone.
    """

    def __init__(
        self, evidence: Sequence[Evidence], language: str, settings: AnswerSettings, parts: int = 1
    ) -> None:
        """``parts`` is how many the question has: each may take one sentence more."""
        self._evidence = {e.n: e for e in evidence}
        self._language = language
        self._settings = settings
        self._most = settings.max_sentences + parts - 1
        self._cited: set[int] = set()
        self.text = ""
        self.claims: list[Claim] = []
        self.dropped = 0
        self.withdrawn = 0
        self._lost = False

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What the answer cites, by number."""
        return tuple(cite(self._evidence[n], n) for n in sorted(self._cited))

    @property
    def full(self) -> bool:
        """Whether the answer has all the sentences that it may have."""
        return len(self.claims) >= self._most

    def keep(self, evidence: Sequence[Evidence]) -> None:
        """What stands of the evidence now, in the stead of what was given before: sentences that cite
        anything else are taken back, and the offsets of those after them change.
        """
        self._lost = self._lost or len(evidence) < len(self._evidence)
        self._evidence = {e.n: e for e in evidence}
        claims, self.claims, self.text, self._cited = self.claims, [], "", set()
        for claim in claims:
            if self._stands(claim.verdict, claim.citations):
                self._append(claim)
            else:
                self.withdrawn += 1

    def _stands(self, verdict: ClaimVerdict, cited: Sequence[int]) -> bool:
        # nobody knows what an unsupported sentence rests on
        known = verdict in (ClaimVerdict.SUPPORTED, ClaimVerdict.QUOTED) or not self._lost
        return known and all(n in self._evidence for n in cited)

    def draft(
        self,
        text: str,
        verdict: ClaimVerdict,
        score: float,
        cited: Sequence[int],
        signals: Mapping[str, float | str | bool],
    ) -> SentenceChecked | None:
        """Take a checked draft sentence; None when the policy keeps it from the reader or what it cites is
        gone.
        """
        if verdict is not ClaimVerdict.SUPPORTED and self._settings.policy == "strict":
            self.dropped += 1
            return None
        if not self._stands(verdict, cited):
            self.withdrawn += 1
            return None
        if self.full:
            return None
        return self._append(Claim(inert(text), 0, 0, verdict, round(score, 4), tuple(cited), dict(signals)))

    def quotes(self) -> Iterator[SentenceChecked]:
        """Add the best verbatim quotes until the answer most probably stands in them or is full. What is
        taken away between two of them is passed over.
        """
        missed: dict[int, float] = {}  # by part: the probability that none of its quotes holds the answer
        opening, closing = phrase("open_quote", self._language), phrase("close_quote", self._language)
        for n in tuple(self._evidence):
            evidence = self._evidence.get(n)
            if evidence is None:
                continue
            if self.full:
                return
            open_parts = [part for part in evidence.parts if 1 - missed.get(part, 1.0) < ENOUGH]
            if evidence.score < LEAST:
                # those that follow hold it less probably still; a part without any quote takes this one
                open_parts = [part for part in open_parts if part not in missed]
                missed |= dict.fromkeys(evidence.parts, 0.0)
            for part in open_parts:
                missed[part] = missed.get(part, 1.0) * (1 - evidence.score)
            if not open_parts:
                continue
            words = inert(evidence.quote)
            if fold(words) in fold(self.text) or self._foreign(evidence):
                continue
            signals = {"answers": round(evidence.score, 4)}
            quoted = f"{opening}{_enclosed(words)}{closing}"
            yield self._append(Claim(quoted, 0, 0, ClaimVerdict.QUOTED, 1.0, (n,), signals))

    def _foreign(self, evidence: Evidence) -> bool:
        """Whether the quote is in another language than what is quoted already, and not worth that."""
        if evidence.document.language == self._language or evidence.score >= FOREIGN:
            return False
        return any(self._evidence[n].document.language == self._language for n in self._cited)

    def _append(self, claim: Claim) -> SentenceChecked:
        """Put the sentence at the end of the text; its offsets are those that it has there."""
        self.text, claim = appended(self.text, claim, self._language)
        self.claims.append(claim)
        added = tuple(n for n in claim.citations if n not in self._cited)
        self._cited.update(added)
        return SentenceChecked(claim, tuple(cite(self._evidence[n], n) for n in added))

    def verdict(self) -> AnswerVerdict:
        """What the sentences amount to."""
        kinds = {claim.verdict for claim in self.claims}
        if not kinds:
            return AnswerVerdict.INSUFFICIENT_CONTEXT
        if kinds == {ClaimVerdict.QUOTED}:
            return AnswerVerdict.QUOTED
        if ClaimVerdict.UNSUPPORTED in kinds:
            return AnswerVerdict.PARTIAL
        if ClaimVerdict.NOT_CHECKED in kinds:
            return AnswerVerdict.NOT_CHECKED
        return AnswerVerdict.PARTIAL if self.dropped or self.withdrawn else AnswerVerdict.SUPPORTED
