"""Chunks -> vectors: one for each chunk, and one for each of its sentences from the same forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.models.protocols import EmbedderProtocol
from rag.types import Chunk, Span

__all__ = ["SLICE", "Embedded", "embed", "spans_in_embedding_text"]

Half = NDArray[np.float16]
# Chunks that are sorted by length together: enough to fill batches evenly, few enough to show progress
SLICE = 256


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of one document: ``vectors`` is fp16 [chunks, d], ``sentences[i]`` fp16 [sentences of chunk i,
    d], unit length.
    """

    vectors: Half
    sentences: tuple[Half, ...]


def spans_in_embedding_text(chunk: Chunk, text: str) -> list[Span]:
    """The chunk's sentences as spans of its embedding text, which ends with the chunk's own text."""
    shift = len(text) - len(chunk.text) - chunk.start
    return [(start + shift, end + shift) for start, end in chunk.sentences]


def embed(
    documents: Sequence[tuple[str, Sequence[Chunk]]],
    embedder: EmbedderProtocol,
    done: Callable[[int], None] = lambda count: None,
) -> list[Embedded]:
    """Vectors for several documents, given as (title, chunks), in their order.

    Their chunks share batches of like length, so that many small documents cost no more than a large one.
    ``done`` is told after each slice how many chunks are finished.
    """
    texts = [chunk.embedding_text(title) for title, chunks in documents for chunk in chunks]
    spans = [
        spans_in_embedding_text(chunk, text)
        for chunk, text in zip((c for _, chunks in documents for c in chunks), texts, strict=True)
    ]
    vectors = np.zeros((len(texts), embedder.dimension), np.float16)
    sentences: list[Half] = []
    for begin in range(0, len(texts), SLICE):
        end = min(begin + SLICE, len(texts))
        whole, parts = embedder.embed_sentences(texts[begin:end], spans[begin:end])
        vectors[begin:end] = whole
        sentences += [part.astype(np.float16) for part in parts]
        done(end)
    found: list[Embedded] = []
    at = 0
    for _, chunks in documents:
        found.append(Embedded(vectors[at : at + len(chunks)], tuple(sentences[at : at + len(chunks)])))
        at += len(chunks)
    return found
