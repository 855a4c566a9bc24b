"""Step: hits -> the best of them, by whole-passage and best-sentence similarity and rare words together.

It earns its place (tests/bench/retrieval.py): a passage's own vector blurs its sentences; the best sentence
alone loses the context; their sum found the right paragraph first more often than either or than rank fusion,
in one language and across languages, where the words of the question stand in no document and rank fusion is
misled by the few that do (names, numbers).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.index.geometry import Geometry
from rag.store import Store
from rag.text import HAN_KANA, terms
from rag.types import Hit, Query

__all__ = ["cover", "rerank"]

# The language that Latin lines in Chinese and Japanese documents are taken for.
LATIN = "en"
_CJK = re.compile(f"[{HAN_KANA}]")

# In standard deviations: what it is worth that all of the question's rare words stand in the passage.
COVER_WEIGHT = 4.0


def cover(weights: Mapping[str, float], text: str) -> float:
    """Share of the question's terms that stand in ``text``, weighted by rarity; in [0, 1]."""
    total = sum(weights.values())
    if not total:
        return 0.0
    present = set(terms(text))
    return sum(weight for term, weight in weights.items() if term in present) / total


def rerank(query: Query, hits: Sequence[Hit], store: Store, geometry: Geometry, k: int) -> list[Hit]:
    """The ``k`` best hits, best first; each with its cover, its cosine and standing, and its sentences'
    standings filled in.

    ``score`` becomes standing of the passage + standing of its best sentence + COVER_WEIGHT * cover.
    """
    vectors = store.hit_vectors([hit.chunk.id for hit in hits])
    languages = {LATIN, *(hit.document.language for hit in hits)}
    usual = {name: geometry.usual(query.vector, name) for name in languages}
    scored = []
    for hit in hits:
        if hit.chunk.id not in vectors:
            continue  # deleted since it was found
        whole, inner = (v.astype(np.float32) @ query.vector for v in vectors[hit.chunk.id])
        mean, deviation = usual[hit.document.language]
        standing = (float(whole) - mean) / deviation
        sentences = _standings(hit, inner, usual)
        covered = cover(query.weights, hit.chunk.embedding_text(hit.document.title))
        scored.append(
            dataclasses.replace(
                hit,
                score=standing + max(sentences, default=standing) + COVER_WEIGHT * covered,
                dense=float(whole),
                cover=covered,
                standing=standing,
                sentences=sentences,
            )
        )
    return sorted(scored, key=lambda hit: (-hit.score, hit.chunk.id))[:k]


def _standings(
    hit: Hit, cosines: NDArray[np.float32], usual: Mapping[str, tuple[float, float]]
) -> tuple[float, ...]:
    """Standing of each sentence in its own language: a mail header in a Chinese thread is near to any English
    question.
    """
    chunk = hit.chunk
    found = []
    for (start, end), cosine in zip(chunk.sentences, cosines, strict=True):
        text = chunk.text[start - chunk.start : end - chunk.start]
        borrowed = hit.document.language in ("zh", "ja") and 5 * len(_CJK.findall(text)) < len(text)
        mean, deviation = usual[LATIN if borrowed else hit.document.language]
        found.append((float(cosine) - mean) / deviation)
    return tuple(found)
