"""Step: does the evidence answer the question at all? By calibrated signals, never by asking the generator.

A 1.5B model told to say NOT FOUND refused 43% of the English questions whose evidence held the answer; the
signals below, fused by a small logistic model, tell far better (tests/bench/answers.py), cost a millisecond,
and are the same with and without a generator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from rag.calibration import load, log_odds
from rag.late_interaction import matched_tokens, weakest_tokens
from rag.models.protocols import EmbedderProtocol
from rag.text import terms
from rag.types import Evidence, Hit, Query

__all__ = ["answerability", "answerable_signals"]

# Hits that the margins are taken over, and the score of a passage that has nothing to do with the question: a
# collection of three documents is padded with such passages, so that the best hit still stands out from
# something.
WIDTH = 10
BACKGROUND = 4.9
QUOTES = 3  # that an answer consists of


def _margin(scores: Sequence[float]) -> float:
    """How far the best passage stands out from the mean of the others; the next two may be older versions of
    it.
    """
    padded = [*scores[:WIDTH], *[BACKGROUND] * (WIDTH - len(scores))]
    return padded[0] - fmean(padded[3:])


def answerable_signals(
    query: Query, hits: Sequence[Hit], evidence: Sequence[Evidence], embedder: EmbedderProtocol
) -> dict[str, float]:
    """What speaks for an answer in the evidence. ``hits`` are reranked, ``evidence`` is not empty."""
    told = [t.vectors for t in embedder.token_vectors([e.quote for e in evidence[:QUOTES]], "passage")]
    total = sum(query.weights.values())
    found = set().union(*(terms(e.quote) for e in evidence[:QUOTES]))
    missing = [weight for term, weight in query.weights.items() if term not in found]
    return {
        "answer": log_odds(evidence[0].score),
        "union": 1 - sum(missing) / total if total else 0.0,
        "missing": max(missing, default=0.0) / 10,
        "passage_cover": max(hit.cover for hit in hits),
        "standing": max(max(hit.sentences, default=0.0) for hit in hits),
        "similarity": max(hit.dense or 0.0 for hit in hits),
        "margin": _margin([hit.score for hit in hits]),
        "tokens": matched_tokens(query.tokens, told),
        "weakest": weakest_tokens(query.tokens, told),
    }


def answerability(group: str, signals: Mapping[str, float]) -> tuple[float, bool]:
    """The calibrated probability that the evidence answers the question, and whether that is enough to
    answer.
    """
    model = load("answerable")
    probability = model.probability(group, signals)
    return probability, probability >= model.threshold
