"""Step: is the question one that these documents are about? By the collection's own geometry; no list of topics is needed."""

from __future__ import annotations

from collections.abc import Sequence

from rag.calibration import load
from rag.index.geometry import Geometry
from rag.types import Hit, Query

__all__ = ["in_scope", "scope_signals"]


def scope_signals(query: Query, hits: Sequence[Hit], geometry: Geometry) -> dict[str, float]:
    """How near the collection comes to the question, by meaning and by words. ``hits`` are reranked and not empty."""
    best = max(hits, key=lambda hit: max(hit.sentences, default=0.0))
    nearest = max(hits, key=lambda hit: hit.dense or 0.0)
    return {
        "standing": geometry.standing(query.vector, best.document.language, max(best.sentences, default=0.0)),
        "passage": geometry.standing(query.vector, nearest.document.language, nearest.dense or 0.0),
        "cover": max(hit.cover for hit in hits),
    }


def in_scope(group: str, query: Query, hits: Sequence[Hit], geometry: Geometry) -> tuple[float, bool]:
    """The calibrated probability that the documents are about the question, and whether that is enough to go on."""
    model = load("scope")
    probability = model.probability(group, scope_signals(query, hits, geometry))
    return probability, probability >= model.threshold
