"""One draft sentence -> its verdict: L0 first, which can only refuse, then the calibrated L1."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from rag.calibration import load
from rag.check.alignment import Aligner
from rag.check.names import missing_names
from rag.check.negation import negations
from rag.check.numbers import missing_numbers
from rag.models.protocols import EmbedderProtocol
from rag.text import language
from rag.types import ClaimVerdict, Evidence

__all__ = ["Checked", "Checker"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """Verdict and calibrated probability of one sentence, the evidence numbers that it rests on, and the
    signals behind it.
    """

    verdict: ClaimVerdict
    score: float
    citations: tuple[int, ...]
    signals: dict[str, float | str | bool]


def _evidence_text(evidence: Evidence) -> str:
    """All that a reader of the quote sees: a table's header, the headings above it, the neighbours that "it"
    refers to.
    """
    above = " ".join((evidence.document.title, *evidence.heading))
    return "\n".join(part for part in (above, evidence.header, evidence.context or evidence.quote) if part)


class Checker:
    """Checks the sentences of one answer against its evidence. Not shared between answers."""

    def __init__(self, embedder: EmbedderProtocol, evidence: Sequence[Evidence]) -> None:
        self._evidence = evidence
        self._texts = [_evidence_text(e) for e in evidence]
        self._aligner = Aligner(embedder, self._texts)
        self._model = load("support")

    def check(self, sentence: str, cited: Sequence[int]) -> Checked:
        """Check ``sentence`` (its [n] markers removed) against the evidence numbers that it cites.

        Numbers that do not exist are dropped; a sentence that cites nothing is held to the evidence that fits
        it best. A layer that fails gives ``not_checked``, never ``supported``.
        """
        try:
            return self._check(sentence, [n for n in cited if 1 <= n <= len(self._evidence)])
        except Exception as error:  # whatever breaks a check must not let the sentence pass
            logger.exception("A check failed")
            return Checked(ClaimVerdict.NOT_CHECKED, 0.0, (), {"error": type(error).__name__})

    def _check(self, sentence: str, cited: list[int]) -> Checked:
        if not self._evidence:
            return Checked(ClaimVerdict.UNSUPPORTED, 0.0, (), {"reason": "no evidence"})
        if not cited:
            scores = self._aligner.best(sentence)
            cited = [max(range(len(scores)), key=scores.__getitem__) + 1]
        indices = [n - 1 for n in cited]
        spoken = language(sentence)
        same = any(self._evidence[i].document.language == spoken for i in indices)
        signals: dict[str, float | str | bool] = {}
        reason = self._refusal(sentence, indices, spoken if same else "")
        aligned = self._aligner.signals(sentence, indices)
        signals.update({name: round(value, 4) for name, value in aligned.items()})
        score = self._model.probability("same" if same else "cross", aligned)
        if reason:
            signals["reason"] = reason
        supported = not reason and score >= self._model.threshold
        verdict = ClaimVerdict.SUPPORTED if supported else ClaimVerdict.UNSUPPORTED
        return Checked(verdict, 0.0 if reason else score, tuple(dict.fromkeys(cited)), signals)

    def _refusal(self, sentence: str, indices: Sequence[int], spoken: str) -> str:
        """Why the deterministic layer refuses the sentence, or "". ``spoken``: "" when languages differ."""
        texts = [self._texts[i] for i in indices]
        if numbers := missing_numbers(sentence, texts):
            return f"number not in the evidence: {', '.join(numbers)}"
        if names := missing_names(sentence, texts, spoken or "de"):
            return f"name not in the evidence: {', '.join(names)}"
        denied = negations(sentence) > 0
        if denied and not any(negations(text) for text in texts):
            return "denies what the evidence does not deny"
        quotes = [self._evidence[i].quote for i in indices]
        if (
            not denied
            and len(quotes) == 1
            and negations(quotes[0]) == 1
            and negations(texts[0]) == 1
            and spoken
        ):
            return "affirms what the evidence denies"
        return ""
