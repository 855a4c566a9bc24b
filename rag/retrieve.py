"""Step: the question -> passages that this user may read, found by meaning and by words, fused."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from rag.answer_settings import RetrieveSettings
from rag.index.dense import DenseIndex
from rag.index.fuse import reciprocal_rank_fusion
from rag.index.lexical import rarest
from rag.models.protocols import EmbedderProtocol
from rag.store import Store
from rag.text import language, question_terms
from rag.types import Hit, Query, User

__all__ = ["look_up", "retrieve"]

# The embedder, FAISS and SQLite leave Python's lock alone while they work, so none waits for another
_BESIDE = ThreadPoolExecutor(thread_name_prefix="citewell-lexical")


def _weight(total: int, count: int) -> float:
    """Inverse document frequency of a term, as in BM25 with the +1 that keeps it positive."""
    return math.log(1 + (total - count + 0.5) / (count + 0.5))


def look_up(question: str, store: Store, embedder: EmbedderProtocol) -> Query:
    """Embed a question that stands alone and weigh its terms."""
    wanted = question_terms(question)
    counting = _BESIDE.submit(store.frequencies, wanted)
    (asked,) = embedder.token_vectors([question], "query")
    total, counts = counting.result()
    weights = {term: _weight(total, counts.get(term, 0)) for term in wanted}
    return Query(question, language(question), asked.whole, weights, asked.vectors, rarest(counts))


def retrieve(
    query: Query, store: Store, index: DenseIndex, user: User, settings: RetrieveSettings
) -> list[Hit]:
    """Up to twice ``settings.candidates`` hits, best first by reciprocal rank fusion.

    Every hit was confirmed against the database in this call: what was deleted or is not for this user never
    comes back, even if the index still holds it.
    """
    index.sync()
    by_words = _BESIDE.submit(store.lexical, query.rare, settings.candidates, partial(index.readable, user))
    dense = dict(index.search(query.vector, settings.candidates, user))
    lexical = dict(by_words.result())
    fused = reciprocal_rank_fusion([list(dense), list(lexical)], settings.rrf_k)
    confirmed = store.chunks([key for key, _ in fused], user)
    return [
        Hit(*confirmed[key], score=score, dense=dense.get(key), lexical=lexical.get(key))
        for key, score in fused
        if key in confirmed
    ]
