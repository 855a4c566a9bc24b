"""Step: the question -> passages that this user may read, found by meaning and by words, fused."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from rag.answer_settings import RetrieveSettings
from rag.foreign import foreign
from rag.index.dense import DenseIndex
from rag.index.fuse import reciprocal_rank_fusion
from rag.index.lexical import rarest
from rag.models.protocols import EmbedderProtocol
from rag.store import Store
from rag.text import language, question_terms
from rag.timer import Timer
from rag.types import Hit, Query, User

__all__ = ["look_up", "retrieve"]

# The embedder, FAISS and SQLite leave Python's lock alone while they work, so none waits for another
_BESIDE = ThreadPoolExecutor(thread_name_prefix="citewell-lexical")

Frequencies = tuple[int, Mapping[str, int]]  # of all chunks, and of those that hold a term


def look_up(question: str, store: Store, embedder: EmbedderProtocol) -> Query:
    """Embed a question that stands alone and weigh its terms."""
    wanted = question_terms(question)
    counting = _BESIDE.submit(store.frequencies, wanted)
    (asked,) = embedder.token_vectors([question], "query")
    weights = _weights(wanted, counting.result())
    return Query(question, language(question), asked.whole, weights, asked.vectors)


def retrieve(
    question: str,
    store: Store,
    embedder: EmbedderProtocol,
    index: DenseIndex,
    user: User,
    settings: RetrieveSettings,
    timer: Timer,
) -> tuple[Query, list[Hit]]:
    """The question looked up, and its hits, best first by reciprocal rank fusion: up to
    ``settings.candidates`` by words, which are sought while the question is embedded, and as many by meaning.

    Every hit was confirmed against the database in this call: what was deleted or is not for this user never
    comes back, even if the index still holds it.
    """
    wanted = question_terms(question)
    with timer.step("retrieve"):
        index.sync()  # it tells what the user may read
        by_words = _BESIDE.submit(_by_words, wanted, store, index, user, settings.candidates)
    with timer.step("embed"):
        (asked,) = embedder.token_vectors([question], "query")
    with timer.step("retrieve"):
        spoken = language(question)
        elsewhere = foreign(asked.whole, spoken, embedder)
        query = Query(question, spoken, asked.whole, {}, asked.vectors, elsewhere)
        dense = dict(index.search(query, settings.candidates, user))
        frequencies, lexical = by_words.result()
        fused = reciprocal_rank_fusion([list(dense), list(lexical)], settings.rrf_k)
        confirmed = store.chunks([key for key, _ in fused], user)
        return dataclasses.replace(query, weights=_weights(wanted, frequencies)), [
            Hit(*confirmed[key], score=score, dense=dense.get(key), lexical=lexical.get(key))
            for key, score in fused
            if key in confirmed
        ]


def _by_words(
    wanted: Sequence[str], store: Store, index: DenseIndex, user: User, candidates: int
) -> tuple[Frequencies, dict[int, float]]:
    """How frequent the terms are, and scores by chunk of what a search for the rarest finds."""
    frequencies = store.frequencies(wanted)
    found = store.lexical(rarest(frequencies[1]), candidates, partial(index.readable, user))
    return frequencies, dict(found)


def _weights(wanted: Sequence[str], frequencies: Frequencies) -> dict[str, float]:
    total, counts = frequencies
    return {term: _weight(total, counts.get(term, 0)) for term in wanted}


def _weight(total: int, count: int) -> float:
    """Inverse document frequency of a term, as in BM25 with the +1 that keeps it positive."""
    return math.log(1 + (total - count + 0.5) / (count + 0.5))
