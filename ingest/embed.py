"""Chunks -> vectors: one for each chunk and one for each of its sentences.

Sentences are embedded by themselves, which doubles the work: vectors of sentences cut out of the chunk's own
forward pass ("late chunking") cost nothing but found no more than the chunk's vector alone (CONTRIBUTING,
decision log).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.models.protocols import EmbedderProtocol
from rag.types import Chunk

__all__ = ["SLICE", "Embedded", "embed", "sentence_texts"]

Half = NDArray[np.float16]
# Chunks that are sorted by length together: enough to fill batches evenly, few enough to show progress
SLICE = 128


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of one document: ``vectors`` is fp16 [chunks, d], ``sentences[i]`` fp16 [sentences of chunk i,
    d], unit length.
    """

    vectors: Half
    sentences: tuple[Half, ...]


def sentence_texts(chunk: Chunk) -> list[str]:
    """The chunk's sentences as they are embedded: a row of a table means nothing without its header."""
    texts = [chunk.text[start - chunk.start : end - chunk.start] for start, end in chunk.sentences]
    return [f"{chunk.header}\n{text}" if chunk.header and " | " in text else text for text in texts]


def embed(
    documents: Sequence[tuple[str, Sequence[Chunk]]],
    embedder: EmbedderProtocol,
    done: Callable[[int], None] = lambda count: None,
) -> list[Embedded]:
    """Vectors for several documents, given as (title, chunks), in their order.

    Their chunks share batches of like length, so that many small documents cost no more than a large one.
    ``done`` is told after each slice how many chunks are finished.
    """
    pieces = [(title, chunk) for title, chunks in documents for chunk in chunks]
    vectors = np.zeros((len(pieces), embedder.dimension), np.float16)
    sentences: list[Half] = []
    for begin in range(0, len(pieces), SLICE):
        part = pieces[begin : begin + SLICE]
        inner = [sentence_texts(chunk) for _, chunk in part]
        # one call, so that long and short texts are sorted into even batches together
        texts = [chunk.embedding_text(title) for title, chunk in part]
        found = embedder.embed_passages([*texts, *(text for group in inner for text in group)]).astype(
            np.float16
        )
        vectors[begin : begin + len(part)] = found[: len(part)]
        sentences += np.split(found[len(part) :], np.cumsum([len(group) for group in inner])[:-1])
        done(begin + len(part))
    embedded: list[Embedded] = []
    at = 0
    for _, chunks in documents:
        embedded.append(Embedded(vectors[at : at + len(chunks)], tuple(sentences[at : at + len(chunks)])))
        at += len(chunks)
    return embedded
