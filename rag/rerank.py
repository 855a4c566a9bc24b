"""Step: hits -> the best of them, by whole-passage and best-sentence similarity and rare words together.

It earns its place (tests/bench/retrieval.py): a passage's own vector blurs its sentences; the best sentence
alone loses the context; their sum found the right paragraph first more often than either or than rank fusion,
in one language and across languages, where the words of the question stand in no document and rank fusion is
misled by the few that do (names, numbers).
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.index.dense import DenseIndex
from rag.models.protocols import EmbedderProtocol
from rag.store import Store
from rag.text import HAN_KANA, standing_terms
from rag.types import Hit, Query

__all__ = ["cover", "rerank"]

# The language that Latin lines in Chinese and Japanese documents are taken for.
LATIN = "en"
_CJK = re.compile(f"[{HAN_KANA}]")

# In standard deviations: what it is worth that all of the question's rare words stand in the passage.
COVER_WEIGHT = 4.0
# By how much more a passage must stand out to come before one in the question's own language: in others some
# happen to be near to any question, and of twenty languages each has such
FOREIGN = 0.5
# By how much an older version's wording of the same passage may happen to be nearer to the question
HEAD_START = 3.0


def cover(weights: Mapping[str, float], text: str) -> float:
    """Share of the question's terms that stand in ``text``, weighted by rarity; in [0, 1]."""
    total = sum(weights.values())
    if not total:
        return 0.0
    present = standing_terms(weights, text)
    return sum(weight for term, weight in weights.items() if term in present) / total


def rerank(
    query: Query, hits: Sequence[Hit], store: Store, index: DenseIndex, embedder: EmbedderProtocol, k: int
) -> list[Hit]:
    """The ``k`` best hits, best first; each with its cover, its cosine and standing, and its sentences'
    standings filled in.

    ``score`` becomes standing of the passage + standing of its best sentence + COVER_WEIGHT * cover, less
    FOREIGN in another language than the question's; passages that yield to those of another version are put
    after them.
    Sentences that ingestion has not embedded yet are embedded here, for those passages that come out among
    the best.
    """
    vectors = {} if index.space_id is None else store.hit_vectors([h.chunk.id for h in hits], index.space_id)
    languages = {LATIN, *(hit.document.language for hit in hits)}
    usual = {name: index.geometry.usual(query, name) for name in languages}
    both = np.stack([query.vector, query.vector if query.foreign is None else query.foreign])
    # what is not in the vectors was deleted since it was found
    hits = [hit for hit in hits if hit.chunk.id in vectors]
    inner = {key: sentences for key, (_, sentences) in vectors.items()}
    whole = _products([vectors[hit.chunk.id][0][None] for hit in hits], both)
    known = {hit.chunk.id: products[0] for hit, products in zip(hits, whole, strict=True)}

    def scored(chosen: Sequence[Hit]) -> list[Hit]:
        rows = {hit.chunk.id: part for hit in chosen if (part := inner[hit.chunk.id]) is not None}
        told = dict(zip(rows, _products([*rows.values()], both), strict=True))
        return [_scored(query, hit, known[hit.chunk.id], told.get(hit.chunk.id), usual) for hit in chosen]

    found = scored(hits)
    while waiting := [hit for hit in _ranked(found)[:k] if inner[hit.chunk.id] is None]:
        inner.update(_embedded(waiting, embedder))
        done = {hit.chunk.id: hit for hit in scored(waiting)}
        found = [done.get(hit.chunk.id, hit) for hit in found]
    centres = {name: index.geometry.centre(name, len(query.vector)) for name in languages}
    return [
        dataclasses.replace(
            hit, directions=_directions(query.vector, inner[hit.chunk.id], centres[hit.document.language])
        )
        for hit in _ranked(found)[:k]
    ]


def _ranked(hits: Sequence[Hit]) -> list[Hit]:
    """Best first; what yields to another version comes after the best passage of that version, unless it
    stands out so far that the other version does not seem to have this passage at all.
    """
    best: dict[str, float] = {}
    for hit in hits:
        best[hit.document.id] = max(hit.score, best.get(hit.document.id, hit.score))
    led = []
    for hit in hits:
        leading = best.get(hit.yields_to)
        if leading is not None and leading <= hit.score <= leading + HEAD_START:
            hit = dataclasses.replace(hit, score=math.nextafter(leading, -math.inf))
        led.append(hit)
    return sorted(led, key=lambda hit: (-hit.score, hit.chunk.id))


def _embedded(hits: Sequence[Hit], embedder: EmbedderProtocol) -> dict[int, NDArray[np.float16]]:
    """By chunk id: the vectors of its sentences, as ingestion would store them."""
    texts = [hit.chunk.sentence_texts() for hit in hits]
    rows = embedder.embed_passages([text for group in texts for text in group]).astype(np.float16)
    parts = np.split(rows, np.cumsum([len(group) for group in texts])[:-1])
    return {hit.chunk.id: part for hit, part in zip(hits, parts, strict=True)}


def _products(rows: Sequence[NDArray[np.float16]], vectors: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Those of each array's rows [n, d] with the vectors [v, d], computed together: [n, v] each."""
    if not rows:
        return []
    # not by BLAS, whose sums depend on a row's place: the same passage has the same score in any company
    products = np.einsum("nd,vd->nv", np.concatenate(rows).astype(np.float32), vectors)
    return np.split(products, np.cumsum([len(part) for part in rows])[:-1])


def _scored(
    query: Query,
    hit: Hit,
    whole: NDArray[np.float32],
    inner: NDArray[np.float32] | None,
    usual: Mapping[str, tuple[float, float]],
) -> Hit:
    """By the products of the passage [2] and of its sentences [n, 2] with both of the question's vectors."""
    spoken = hit.document.language
    standing = _standing(query, spoken, whole, usual)
    sentences = () if inner is None else _standings(query, hit, inner, standing, usual)
    covered = cover(query.weights, hit.chunk.embedding_text(hit.document.title))
    elsewhere = 0.0 if spoken == query.language else FOREIGN
    return dataclasses.replace(
        hit,
        score=standing + max(sentences, default=standing) + COVER_WEIGHT * covered - elsewhere,
        dense=float(whole[0]),
        cover=covered,
        standing=standing,
        sentences=sentences,
    )


def _standing(
    query: Query, spoken: str, products: NDArray[np.float32], usual: Mapping[str, tuple[float, float]]
) -> float:
    mean, deviation = usual[spoken]
    return (float(products[int(query.toward(spoken)[1])]) - mean) / deviation


def _directions(
    query: NDArray[np.float32], rows: NDArray[np.float16] | None, centre: NDArray[np.float32]
) -> tuple[float, ...]:
    """Cosine of the question [d] with each of the rows [n, d], all seen from the centre [d]."""
    if rows is None:
        return ()
    asked, told = query - centre, rows.astype(np.float32) - centre
    lengths = np.linalg.norm(asked) * np.linalg.norm(told, axis=1)
    return tuple(float(x) for x in (told @ asked) / np.maximum(lengths, 1e-9))


def _standings(
    query: Query,
    hit: Hit,
    products: NDArray[np.float32],
    whole: float,
    usual: Mapping[str, tuple[float, float]],
) -> tuple[float, ...]:
    """Standing of each sentence in its own language: a mail header in a Chinese thread is near to any English
    question. One without a letter ("7.2.1.", "}") is of no language and near to questions in any other; it
    stands out no further than its passage, ``whole``.
    """
    wide = hit.document.language in ("zh", "ja")
    found = []
    for text, each in zip(hit.chunk.sentence_texts(), products, strict=True):
        borrowed = wide and 5 * len(_CJK.findall(text)) < len(text)
        standing = _standing(query, LATIN if borrowed else hit.document.language, each, usual)
        found.append(standing if any(map(str.isalpha, text)) else min(standing, whole))
    return tuple(found)
