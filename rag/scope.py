"""Step: is the question one that these documents are about? By the collection's own geometry; no list of
topics is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag.calibration import load
from rag.types import Hit

__all__ = ["in_scope", "scope_signals"]


def scope_signals(hits: Sequence[Hit]) -> dict[str, float]:
    """How near the collection comes to the question, by meaning and by words. ``hits`` are reranked and not
    empty.
    """
    return {
        "sentence": max(max(hit.sentences, default=0.0) for hit in hits),
        "passage": max(hit.standing for hit in hits),
        "cover": max(hit.cover for hit in hits),
    }


def in_scope(group: str, hits: Sequence[Hit]) -> tuple[float, bool]:
    """The calibrated probability that the documents are about the question, and whether that is enough to go
    on.
    """
    model = load("scope")
    probability = model.probability(group, scope_signals(hits))
    return probability, probability >= model.threshold
