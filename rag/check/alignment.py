"""L1: how well the evidence covers a sentence, by token vectors and by words.

Token vectors: each token of the sentence takes its best cosine among the evidence's tokens (the recall of
BERTScore, Zhang et al. 2020, arXiv:1904.09675), which works across languages; words: the share of the
sentence's terms that stand in the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.models.protocols import EmbedderProtocol
from rag.text import terms

__all__ = ["Aligner"]


class Aligner:
    """Compares sentences with a fixed set of evidence texts, whose token vectors are computed once."""

    def __init__(self, embedder: EmbedderProtocol, evidence: Sequence[str]) -> None:
        self._embedder = embedder
        self._evidence = evidence
        self._terms = [set(terms(text)) for text in evidence]
        self._vectors: list[NDArray[np.float32]] | None = None

    def _tokens(self) -> list[NDArray[np.float32]]:
        if self._vectors is None:
            self._vectors = [t.vectors for t in self._embedder.token_vectors(self._evidence, "passage")]
        return self._vectors

    def best(self, sentence: str) -> list[float]:
        """For each evidence text: mean best cosine plus word cover, to find what a sentence rests on."""
        tokens = self._embedder.token_vectors([sentence], "passage")[0].vectors
        words = set(terms(sentence))
        scores = []
        for vectors, known in zip(self._tokens(), self._terms, strict=True):
            similarity = (
                float((tokens @ vectors.T).max(axis=1).mean()) if len(tokens) and len(vectors) else 0.0
            )
            scores.append(similarity + (len(words & known) / len(words) if words else 0.0))
        return scores

    def signals(self, sentence: str, cited: Sequence[int]) -> dict[str, float]:
        """``cover``: share of the sentence's terms in the cited texts; ``tokens``: mean best cosine of its
        tokens; ``weakest``: mean of the worst fifth of these.
        """
        tokens = self._embedder.token_vectors([sentence], "passage")[0].vectors
        words = set(terms(sentence))
        known: set[str] = set().union(*(self._terms[i] for i in cited)) if cited else set()
        pool = [self._tokens()[i] for i in cited if len(self._tokens()[i])]
        if not len(tokens) or not pool:
            return {"cover": 0.0, "tokens": 0.0, "weakest": 0.0}
        best = np.sort((tokens @ np.concatenate(pool).T).max(axis=1))
        return {
            "cover": len(words & known) / len(words) if words else 0.0,
            "tokens": float(best.mean()),
            "weakest": float(best[: max(1, len(best) // 5)].mean()),
        }
