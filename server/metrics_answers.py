"""Figures of answers for Prometheus: counted as they are given, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import Counter, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from rag.timer import Step
from rag.types import Answer, AnswerVerdict, ClaimVerdict

__all__ = ["AnswerFigures"]

REFUSALS = (AnswerVerdict.INSUFFICIENT_CONTEXT, AnswerVerdict.OFF_TOPIC)
# From a search of a small collection to an answer of a large model on a CPU
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class AnswerFigures(Collector):
    """A watch of the assistant (rag.timer.Watch). No question, document or person is in any label."""

    def __init__(self) -> None:
        self._steps = Histogram(
            "citewell_answer_step_seconds",
            "Time of each step of an answer; total is all of it, first_sentence the wait for a draft.",
            ["step"],
            buckets=BUCKETS_S,
            registry=None,
        )
        self._answers = Counter("citewell_answers", "Answers by their verdict.", ["verdict"], registry=None)
        self._abstentions = Counter(
            "citewell_abstentions", "Answers that say that there is none, whatever why.", registry=None
        )
        self._sentences = Counter(
            "citewell_sentences", "Sentences of answers by their verdict.", ["verdict"], registry=None
        )
        self._tokens = Counter(
            "citewell_tokens",
            "Tokens that the generator read and wrote for answers.",
            ["kind"],
            registry=None,
        )
        # what has not happened yet is 0, not missing: a rate over it then has a beginning
        for verdict in AnswerVerdict:
            self._answers.labels(verdict)
        for claim in ClaimVerdict:
            self._sentences.labels(claim)
        for kind in ("prompt", "completion"):
            self._tokens.labels(kind)
        self._steps.labels("total")

    def __call__(self, answer: Answer, steps: Sequence[Step]) -> None:
        """Count an answer."""
        for name, ms in answer.timings_ms.items():
            self._steps.labels(name).observe(ms / 1000)
        self._answers.labels(answer.verdict).inc()
        if answer.verdict in REFUSALS:
            self._abstentions.inc()
        for claim in answer.claims:
            self._sentences.labels(claim.verdict).inc()
        for kind in ("prompt", "completion"):
            self._tokens.labels(kind).inc(answer.usage.get(f"{kind}_tokens", 0))

    def describe(self) -> list[Metric]:
        """Nothing: names need not be known beforehand."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        for one in (self._steps, self._answers, self._abstentions, self._sentences, self._tokens):
            yield from one.collect()
