"""Step: chunks -> vectors, one for each chunk.

The vectors of their sentences, which sharpen ranking and evidence, take as long again; they are made behind
the back of the answers (ingest.refine), and for the few chunks that a question needs before that, on demand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.models.protocols import EmbedderProtocol
from rag.types import Chunk

__all__ = ["SLICE", "Embedded", "embed"]

Half = NDArray[np.float16]
# Chunks that are sorted by length together: enough to fill batches evenly, few enough to show progress
SLICE = 256


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of one document: ``vectors`` is fp16 [chunks, d], ``sentences[i]`` fp16 [sentences of chunk i,
    d], all of unit length; ``sentences`` is None while they are still to be made.
    """

    vectors: Half
    sentences: tuple[Half, ...] | None = None


def embed(documents: Sequence[tuple[str, Sequence[Chunk]]], embedder: EmbedderProtocol) -> list[Embedded]:
    """Vectors for several documents, given as (title, chunks), in their order.

    Their chunks share batches of like length, so that many small documents cost no more than a large one.
    """
    texts = [chunk.embedding_text(title) for title, chunks in documents for chunk in chunks]
    vectors = (
        embedder.embed_passages(texts).astype(np.float16)
        if texts
        else np.zeros((0, embedder.dimension), np.float16)
    )
    ends = np.cumsum([len(chunks) for _, chunks in documents])
    return [Embedded(part) for part in np.split(vectors, ends[:-1])]
