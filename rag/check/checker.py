"""One draft sentence -> its verdict, layer by layer: rules that can only refuse, then the calibrated
alignment, then, only where that leaves doubt, what the served model's own probabilities tell.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag.answer_settings import CheckSettings
from rag.calibration import Logistic, fitted, load
from rag.check.agreement import objection
from rag.check.alignment import Aligner
from rag.check.contrast import contrast_signals
from rag.check.facts import Facts
from rag.check.judge import judge_signals
from rag.check.local import Local
from rag.check.translation import translation_signals
from rag.computing import computed
from rag.errors import GeneratorUnavailableError, ModelError
from rag.models.protocols import ChatProtocol, EmbedderProtocol, Message
from rag.text import instructs, language, sentences
from rag.timer import Timer
from rag.types import ClaimVerdict, Evidence

__all__ = ["DOUBT", "FURTHER", "SERVED", "Checked", "Checker", "Owned"]

logger = logging.getLogger(__name__)
NOT_CHECKED = "not_checked"
# Layers that are asked in doubt, in this order, and their signals
FURTHER = {
    "entailment": ("entailment", "contradiction"),
    "translation": ("lapse", "sure", "unlike", "denial"),
    "contrast": ("contrast", "gain", "surprise"),
    "probe": ("probe",),
    "judge": ("judge",),
}
SERVED = ("translation", "contrast", "judge")  # those that ask the served model
DOUBT = (0.02, 0.995)  # probabilities between which they are asked, unless their model says otherwise
READ = 3  # cited texts that the generator is shown for one sentence
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
    """The served model, the question, and how it is asked that with some evidence."""

    chat: ChatProtocol
    question: str
    prompt: Callable[[Sequence[Evidence]], Sequence[Message]]


def _evidence_text(evidence: Evidence) -> str:
    """All that a reader of the quote sees: a table's header, the headings above it, the neighbours that "it"
    refers to.
    """
    above = " ".join(part for part in (evidence.document.title, *evidence.heading) if not instructs(part))
    return "\n".join(part for part in (above, evidence.header, evidence.context or evidence.quote) if part)


@dataclass(slots=True)
class _State:
    """The model that spoke last and its probability; ``missing``: a layer should have been asked and could
    not.
    """

    model: Logistic
    score: float
    missing: bool = False


class Checker:
    """Checks the sentences of one answer against its evidence. Not shared between answers."""

    def __init__(
        self,
        embedder: EmbedderProtocol,
        evidence: Sequence[Evidence],
        settings: CheckSettings,
        owned: Owned | None = None,
        timer: Timer | None = None,
        folder: Path | None = None,
        always: bool = False,
        local: Mapping[str, Local] | None = None,
    ) -> None:
        """Without ``owned`` the layers that need the served model are not_checked where they are asked, and
        so are those that read a model here and are not in ``local``.

        ``folder`` holds calibrations of the organisation's own, which go before the packaged ones. ``always``
        asks every layer, also where it decides nothing: for calibrating it.
        """
        self._evidence = evidence
        self._texts = [_evidence_text(e) for e in evidence]
        self._quotes = [e.quote for e in evidence]
        self._aligner = Aligner(embedder, self._texts)
        self._settings = settings
        self._owned = owned
        self._timer = timer or Timer()
        self._folder = folder
        self._always = always
        self._local = local or {}
        # an entailment model that is there, and fitted, need not be named
        also = [name for name in self._local if fitted(f"support_{name}", folder)]
        self._layers = {*settings.layers, *also}

    async def check(self, text: str, cited: Sequence[int], logprobs: Sequence[float] = ()) -> Checked:
        """Check a draft sentence (its [n] markers removed) against the evidence numbers that it cites; of
        several sentences the weakest tells.

        Numbers that do not exist are dropped; a sentence that cites nothing is held to the evidence that fits
        it best. ``logprobs`` are those of its tokens, when it was generated. A layer that fails gives
        ``not_checked``, never ``supported``.
        """
        known = [n for n in dict.fromkeys(cited) if 1 <= n <= len(self._evidence)]
        if not self._evidence:
            return Checked(ClaimVerdict.UNSUPPORTED, 0.0, (), {"reason": "no evidence"})
        spans = sentences(text)
        try:
            if len(spans) < 2:
                return await self._check(text, known, logprobs)
            checks = [await self._check(text[a:b], known, ()) for a, b in spans]
        except Exception as error:  # whatever breaks a check must not let the sentence pass
            logger.exception("A check failed")
            return Checked(ClaimVerdict.NOT_CHECKED, 0.0, (), {"error": type(error).__name__})
        weakest = min(checks, key=lambda one: (one.verdict is ClaimVerdict.SUPPORTED, one.score))
        resting = tuple(dict.fromkeys(n for one in checks for n in one.citations))
        return replace(weakest, citations=resting)

    async def _check(self, sentence: str, cited: list[int], logprobs: Sequence[float]) -> Checked:
        if not cited:
            scores = await computed(self._aligner.best, sentence)
            cited = [max(range(len(scores)), key=scores.__getitem__) + 1]
        indices = [n - 1 for n in cited]
        spoken = language(sentence)
        same = any(self._evidence[i].document.language == spoken for i in indices)
        kind = "same" if same else "cross"
        signals: Signals = {"group": kind}
        texts, quotes = ([known[i] for i in indices] for known in (self._texts, self._quotes))
        facts = Facts(sentence, texts, quotes, spoken if same else "")
        reason = ""
        if "agreement" in self._layers:
            with self._timer.step("check.agreement"):
                reason = await computed(objection, facts)
            signals |= {"reason": reason} if reason else {}
        if "alignment" not in self._layers:
            verdict = ClaimVerdict.UNSUPPORTED if reason else ClaimVerdict.NOT_CHECKED
            return Checked(verdict, 0.0, tuple(cited), signals | {"alignment": NOT_CHECKED})
        with self._timer.step("check.alignment"):
            aligned = await computed(self._aligner.signals, facts, indices)
        aligned["objection"] = float(bool(reason))
        signals |= {name: round(value, 4) for name, value in aligned.items()}
        model = load("support", self._folder)
        state = _State(model, model.probability(kind, aligned))
        for name in FURTHER:
            if name in self._layers and not reason and not facts.repeated:
                signals |= await self._further(name, kind, state, sentence, indices, logprobs)
        supported = not reason and state.model.enough(kind, state.score)
        verdict = ClaimVerdict.SUPPORTED if supported else ClaimVerdict.UNSUPPORTED
        # a layer that is missing where there was doubt leaves the doubt
        verdict = ClaimVerdict.NOT_CHECKED if state.missing and not reason else verdict
        return Checked(verdict, state.score, tuple(cited), signals)

    async def _further(
        self,
        name: str,
        kind: str,
        state: _State,
        sentence: str,
        indices: Sequence[int],
        logprobs: Sequence[float],
    ) -> Signals:
        """Ask one more layer, only in the band of scores where it was fitted; changes ``state``."""
        known = fitted(f"support_{name}", self._folder)
        model = load(f"support_{name}", self._folder) if known else None
        low, high = model.band if model else DOUBT
        doubt = low <= state.score < high
        decides = model is not None and kind in model.groups and doubt
        if model is not None and decides and not self._always and not await self._fits(name, model.read):
            return {name: NOT_CHECKED}
        if not decides and not self._always and not (model is None and doubt):
            return {}
        with self._timer.step(f"check.{name}"):
            try:
                told = await self._internal(name, sentence, indices, logprobs)
            except (GeneratorUnavailableError, ModelError):
                state.missing = state.missing or decides
                return {name: NOT_CHECKED}
        if model is not None and decides:
            before = state.model.tells(kind, state.score)
            state.score = model.probability(kind, {"before": before, **told})
            state.model = model
        return {key: round(value, 4) for key, value in told.items()}

    async def _fits(self, name: str, read: str) -> bool:
        """Whether a calibration belongs to the generator that is served: its log-probabilities mean something
        else in another one. Where none answers, the layer itself tells that it is missing.
        """
        if name not in SERVED or not read or self._owned is None:
            return True
        try:
            return (await self._owned.chat.model_info()).name == read
        except GeneratorUnavailableError:
            return True

    async def _internal(
        self, name: str, sentence: str, indices: Sequence[int], logprobs: Sequence[float]
    ) -> Mapping[str, float]:
        """Signals of one layer. Raises GeneratorUnavailableError, ModelError."""
        near = await self._likeliest(sentence, indices)
        quotes = "\n".join(self._texts[i] for i in near)
        if name not in SERVED:
            if name not in self._local:
                raise ModelError(f"there is no model for the layer {name}")
            return await computed(self._local[name], quotes, sentence)
        if self._owned is None:
            raise GeneratorUnavailableError("no generator answers")
        if name == "contrast":
            prompt = self._owned.prompt([self._evidence[i] for i in near])
            return await contrast_signals(sentence, logprobs, self._owned.chat, prompt, self._owned.question)
        read = translation_signals if name == "translation" else judge_signals
        return await read(sentence, quotes, language(sentence), self._owned.chat)

    async def _likeliest(self, sentence: str, indices: Sequence[int]) -> list[int]:
        """Those of the cited texts that the sentence most probably rests on, in their order."""
        if len(indices) <= READ:
            return list(indices)
        scores = await computed(self._aligner.best, sentence)
        return sorted(sorted(indices, key=lambda i: -scores[i])[:READ])
