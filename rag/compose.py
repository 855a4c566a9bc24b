"""Step: checked sentences and quotes -> the answer, under the policy, with offsets and citations that fit it
exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rag.cite import cite
from rag.prompts import phrase
from rag.settings import AnswerSettings
from rag.text import fold
from rag.types import AnswerVerdict, Citation, Claim, ClaimVerdict, Evidence, SentenceChecked

__all__ = ["Composer"]

# Quotes are added until one of them holds the answer with this probability, as far as the calibrated scores
# tell.
ENOUGH = 0.95
# Past the first, a quote that holds the answer less probably than this only makes the reader read more.
LEAST = 0.03
_NO_BLANKS = {"zh", "ja", "th"}


class Composer:
    """Builds one answer, sentence by sentence; what was composed is never taken back."""

    def __init__(self, evidence: Sequence[Evidence], language: str, settings: AnswerSettings) -> None:
        self._evidence = {e.n: e for e in evidence}
        self._language = language
        self._settings = settings
        self._citations: dict[int, Citation] = {}
        self.text = ""
        self.claims: list[Claim] = []
        self.dropped = 0

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What the answer cites, by number."""
        return tuple(self._citations[n] for n in sorted(self._citations))

    @property
    def full(self) -> bool:
        """Whether the answer has all the sentences that it may have."""
        return len(self.claims) >= self._settings.max_sentences

    def draft(
        self,
        text: str,
        verdict: ClaimVerdict,
        score: float,
        cited: Sequence[int],
        signals: Mapping[str, float | str | bool],
    ) -> SentenceChecked | None:
        """Take a checked draft sentence; None when the policy keeps it from the reader."""
        if verdict is not ClaimVerdict.SUPPORTED and self._settings.policy == "strict":
            self.dropped += 1
            return None
        if self.full:
            return None
        blank = "" if self._language in _NO_BLANKS else " "
        return self._add(text, blank, verdict, score, cited, signals)

    def quotes(self) -> Iterator[SentenceChecked]:
        """Add the best verbatim quotes until the answer most probably stands in them or is full."""
        missed = 1.0
        for evidence in self._evidence.values():
            quoted_one = missed < 1
            if self.full or 1 - missed >= ENOUGH or (quoted_one and evidence.score < LEAST):
                return
            missed *= 1 - evidence.score
            if fold(evidence.quote) in fold(self.text):
                continue
            opening, closing = phrase("open_quote", self._language), phrase("close_quote", self._language)
            quoted = f"{opening}{evidence.quote}{closing}"
            yield self._add(
                quoted, "\n", ClaimVerdict.QUOTED, 1.0, [evidence.n], {"answers": round(evidence.score, 4)}
            )

    def _add(
        self,
        text: str,
        before: str,
        verdict: ClaimVerdict,
        score: float,
        cited: Sequence[int],
        signals: Mapping[str, float | str | bool],
    ) -> SentenceChecked:
        if self.text:
            self.text += before
        start = len(self.text)
        self.text += text
        claim = Claim(text, start, len(self.text), verdict, round(score, 4), tuple(cited), dict(signals))
        self.claims.append(claim)
        added = tuple(cite(self._evidence[n], n) for n in cited if n not in self._citations)
        self._citations |= {citation.n: citation for citation in added}
        self.text += "".join(f" [{n}]" for n in cited)
        return SentenceChecked(claim, added)

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
        return AnswerVerdict.PARTIAL if self.dropped else AnswerVerdict.SUPPORTED
