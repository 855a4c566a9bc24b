"""An embedder without a model: vectors of hashed character n-grams, the same on every machine."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np

from rag.models.protocols import Floats, TextKind, TokenVectors
from rag.types import Span

__all__ = ["HashingEmbedder"]

# A Han or Kana character is a token, of other words every four letters, of the rest every mark
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]{1,4}|[^\w\s]|_")


class HashingEmbedder:
    """Similar texts share n-grams, so their vectors are close. Counts its calls for tests of batching.

    ``common`` is the cosine of unlike texts; trained embedders crowd into a corner of their space.
    """

    dimension = 64
    max_tokens = 512
    fingerprint = "hashing@1"

    def __init__(self, common: float = 0.0) -> None:
        self.common = common
        if common:  # other vectors, another space
            self.fingerprint = f"hashing-{common}@1"
        self.count_calls = 0
        self.embedded: list[str] = []

    def _vector(self, text: str) -> Floats:
        vector = np.zeros(self.dimension, np.float64)
        folded = text.casefold()
        for size in (1, 2, 3):
            for at in range(len(folded) - size + 1):
                code = zlib.crc32(folded[at : at + size].encode("utf-8"))
                vector[code % self.dimension] += 1.0 if code & 0x10000 else -1.0
        length = float(np.linalg.norm(vector))
        if not length:
            vector[0] = length = 1.0
        vector *= (1 - self.common) ** 0.5 / length
        if self.common:
            vector[0] += self.common**0.5
            vector /= np.linalg.norm(vector)
        return np.asarray(vector, np.float32)

    def _vectors(self, texts: Sequence[str]) -> Floats:
        return (
            np.stack([self._vector(text) for text in texts])
            if texts
            else np.zeros((0, self.dimension), np.float32)
        )

    def embed_queries(self, texts: Sequence[str]) -> Floats:
        return self._vectors(texts)

    def embed_passages(self, texts: Sequence[str]) -> Floats:
        self.embedded += texts
        return self._vectors(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        self.count_calls += 1
        return [len(_TOKEN.findall(text)) for text in texts]

    def token_spans(self, text: str) -> list[Span]:
        return [match.span() for match in _TOKEN.finditer(text)]

    def token_vectors(self, texts: Sequence[str], kind: TextKind) -> list[TokenVectors]:
        found = []
        for text in texts:
            spans = self.token_spans(text)
            rows = self._vectors([text[a:b] for a, b in spans])
            found.append(TokenVectors(rows, tuple(spans), self._vector(text)))
        return found
