"""Step: is the question one that these documents are about? By the collection's own geometry; no list of topics is needed."""

from __future__ import annotations

from collections.abc import Sequence

from rag.calibration import load
from rag.types import Hit, Query

__all__ = ["in_scope", "scope_signals"]


def scope_signals(query: Query, hits: Sequence[Hit]) -> dict[str, float]:
    """How near the collection comes to the question, by meaning and by words."""
    return {
        "passage": max(hit.dense or 0.0 for hit in hits),
        "sentence": max(max(hit.sentences, default=0.0) for hit in hits),
        "cover": max(hit.cover for hit in hits),
    }


def in_scope(group: str, query: Query, hits: Sequence[Hit]) -> tuple[float, bool]:
    """The calibrated probability that the documents are about the question, and whether that is enough to go on."""
    if not hits:
        return 0.0, False
    model = load("scope")
    probability = model.probability(group, scope_signals(query, hits))
    return probability, probability >= model.threshold
