"""Reciprocal rank fusion: ranks of unlike searches can be added where their scores cannot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["reciprocal_rank_fusion"]


def reciprocal_rank_fusion(
    rankings: Iterable[Sequence[int]], constant: float = 60
) -> list[tuple[int, float]]:
    """``(id, score)`` best first, where score is the sum of 1 / (constant + rank) over the rankings that hold
    the id.

    Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet ...", SIGIR 2009.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking, start=1):
            scores[key] = scores.get(key, 0.0) + 1.0 / (constant + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
