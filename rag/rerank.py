"""Step: hits -> the best of them, by whole-passage and best-sentence similarity and rare words together.

It earns its place (tests/bench/retrieval.py): a passage's own vector blurs its sentences; the best sentence alone loses the context;
their sum found the right paragraph first more often than either or than rank fusion, in one language and across languages, where the
words of the question stand in no document and rank fusion is misled by the few that do (names, numbers).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.store import Store
from rag.text import terms
from rag.types import Hit, Query

__all__ = ["cover", "rerank"]

# Cosines of this embedder differ by hundredths between right and wrong, so a word cover in [0, 1] needs a small weight.
COVER_WEIGHT = 0.08


def cover(weights: Mapping[str, float], text: str) -> float:
    """Share of the question's terms that stand in ``text``, weighted by rarity; in [0, 1]."""
    total = sum(weights.values())
    if not total:
        return 0.0
    present = set(terms(text))
    return sum(weight for term, weight in weights.items() if term in present) / total


def rerank(query: Query, hits: Sequence[Hit], store: Store, k: int) -> list[Hit]:
    """The ``k`` best hits, best first; each with its cover, its cosine and its sentences' cosines filled in.

    ``score`` becomes cosine of the passage + cosine of its best sentence + COVER_WEIGHT * cover.
    """
    vectors = store.hit_vectors([hit.chunk.id for hit in hits])
    scored = []
    for hit in hits:
        if hit.chunk.id not in vectors:
            continue  # deleted since it was found
        whole, inner = vectors[hit.chunk.id]
        dense = _cosine(whole, query.vector)
        sentences = tuple(float(s) for s in inner.astype(np.float32) @ query.vector)
        covered = cover(query.weights, hit.chunk.embedding_text(hit.document.title))
        score = dense + max(sentences, default=dense) + COVER_WEIGHT * covered
        scored.append(dataclasses.replace(hit, score=score, dense=dense, cover=covered, sentences=sentences))
    return sorted(scored, key=lambda hit: (-hit.score, hit.chunk.id))[:k]


def _cosine(vector: NDArray[np.float16], query: NDArray[np.float32]) -> float:
    return float(vector.astype(np.float32) @ query)
