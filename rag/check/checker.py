"""One draft sentence -> its verdict, layer by layer: rules that can only refuse, then the calibrated
alignment, then, only where that leaves doubt, what the served model's own probabilities tell.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.calibration import Logistic, load
from rag.check.agreement import objection
from rag.check.alignment import Aligner
from rag.check.contrast import contrast_signals
from rag.check.judge import judge_signals
from rag.errors import GeneratorUnavailableError
from rag.models.protocols import ChatProtocol, EmbedderProtocol, Message
from rag.settings import CheckSettings
from rag.text import group, language
from rag.timer import Timer
from rag.types import ClaimVerdict, Evidence

__all__ = ["Checked", "Checker", "Owned"]

logger = logging.getLogger(__name__)
NOT_CHECKED = "not_checked"
Signals = dict[str, float | str | bool]


@dataclass(frozen=True, slots=True)
class Checked:
    """Verdict and calibrated probability of one sentence, the evidence numbers that it rests on, and the
    signals behind it. A layer that should have been asked and could not is "not_checked" there.
    """

    verdict: ClaimVerdict
    score: float
    citations: tuple[int, ...]
    signals: Signals


@dataclass(frozen=True, slots=True)
class Owned:
    """The served model, and what it was asked when it drafted the sentences."""

    chat: ChatProtocol
    question: str
    messages: Sequence[Message]


def _evidence_text(evidence: Evidence) -> str:
    """All that a reader of the quote sees: a table's header, the headings above it, the neighbours that "it"
    refers to.
    """
    above = " ".join((evidence.document.title, *evidence.heading))
    return "\n".join(part for part in (above, evidence.header, evidence.context or evidence.quote) if part)


def _log_odds(probability: float) -> float:
    p = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


class Checker:
    """Checks the sentences of one answer against its evidence. Not shared between answers."""

    def __init__(
        self,
        embedder: EmbedderProtocol,
        evidence: Sequence[Evidence],
        settings: CheckSettings,
        owned: Owned | None = None,
        timer: Timer | None = None,
    ) -> None:
        """Without ``owned`` the layers that need the served model are not_checked where they are asked."""
        self._evidence = evidence
        self._texts = [_evidence_text(e) for e in evidence]
        self._aligner = Aligner(embedder, self._texts)
        self._settings = settings
        self._owned = owned
        self._timer = timer or Timer()

    async def check(self, sentence: str, cited: Sequence[int], logprobs: Sequence[float] = ()) -> Checked:
        """Check ``sentence`` (its [n] markers removed) against the evidence numbers that it cites.

        Numbers that do not exist are dropped; a sentence that cites nothing is held to the evidence that fits
        it best. ``logprobs`` are those of its tokens, when it was generated. A layer that fails gives
        ``not_checked``, never ``supported``.
        """
        try:
            known = [n for n in cited if 1 <= n <= len(self._evidence)]
            if not self._evidence:
                return Checked(ClaimVerdict.UNSUPPORTED, 0.0, (), {"reason": "no evidence"})
            return await self._check(sentence, known, logprobs)
        except Exception as error:  # whatever breaks a check must not let the sentence pass
            logger.exception("A check failed")
            return Checked(ClaimVerdict.NOT_CHECKED, 0.0, (), {"error": type(error).__name__})

    async def _check(self, sentence: str, cited: list[int], logprobs: Sequence[float]) -> Checked:
        if not cited:
            scores = await asyncio.to_thread(self._aligner.best, sentence)
            cited = [max(range(len(scores)), key=scores.__getitem__) + 1]
        indices = [n - 1 for n in cited]
        numbers = tuple(dict.fromkeys(cited))
        spoken = language(sentence)
        languages = [self._evidence[i].document.language for i in indices]
        signals: Signals = {}
        if "agreement" in self._settings.layers:
            with self._timer.step("check.agreement"):
                reason = await asyncio.to_thread(self._objection, sentence, indices, spoken)
            if reason:
                return Checked(ClaimVerdict.UNSUPPORTED, 0.0, numbers, {"reason": reason})
        if "alignment" not in self._settings.layers:
            return Checked(ClaimVerdict.NOT_CHECKED, 0.0, numbers, {"alignment": NOT_CHECKED})
        with self._timer.step("check.alignment"):
            aligned = await asyncio.to_thread(self._aligner.signals, sentence, indices)
        signals |= {name: round(value, 4) for name, value in aligned.items()}
        kind = group(spoken, languages)
        model = load("support")
        score = model.probability(kind, aligned)
        missing = False
        for name in ("contrast", "judge"):
            if name not in self._settings.layers:
                continue
            model, score, told = await self._further(name, kind, model, score, sentence, indices, logprobs)
            signals |= told
            missing = missing or NOT_CHECKED in told.values()
        return Checked(_verdict(model, score, missing), score, numbers, signals)

    def _objection(self, sentence: str, indices: Sequence[int], spoken: str) -> str:
        same = any(self._evidence[i].document.language == spoken for i in indices)
        texts = [self._texts[i] for i in indices]
        return objection(sentence, texts, [self._evidence[i].quote for i in indices], spoken if same else "")

    async def _further(
        self,
        name: str,
        kind: str,
        before: Logistic,
        score: float,
        sentence: str,
        indices: Sequence[int],
        logprobs: Sequence[float],
    ) -> tuple[Logistic, float, Signals]:
        """The score after one more layer, which is asked only in the band of scores where it was fitted."""
        model = load(f"support_{name}")
        if not model.band[0] <= score < model.band[1]:
            return before, score, {}
        with self._timer.step(f"check.{name}"):
            try:
                told = await self._internal(name, sentence, indices, logprobs)
            except GeneratorUnavailableError:
                return before, score, {name: NOT_CHECKED}
        after = model.probability(kind, {"before": _log_odds(score), **told})
        return model, after, {key: round(value, 4) for key, value in told.items()}

    async def _internal(
        self, name: str, sentence: str, indices: Sequence[int], logprobs: Sequence[float]
    ) -> Mapping[str, float]:
        if self._owned is None:
            raise GeneratorUnavailableError("no generator answers")
        if name == "contrast":
            return await contrast_signals(
                sentence, logprobs, self._owned.chat, self._owned.messages, self._owned.question
            )
        quotes = "\n".join(self._texts[i] for i in indices)
        return await judge_signals(sentence, quotes, language(sentence), self._owned.chat)


def _verdict(model: Logistic, score: float, missing: bool) -> ClaimVerdict:
    # a layer that is missing where there was doubt leaves the doubt
    if missing:
        return ClaimVerdict.NOT_CHECKED
    return ClaimVerdict.SUPPORTED if score >= model.threshold else ClaimVerdict.UNSUPPORTED
