"""BERT's network in numpy, for one short text: a command that asks one question is done before torch would be
imported. The same numbers as rag.models.bert in float32, to the sixth digit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from rag.models.bert import WORDS, Shape
from rag.models.protocols import Floats, Ids

__all__ = ["BertInNumpy"]


class BertInNumpy:
    """One text at a time, with one thread: two that wait for each other are slower beside other work."""

    def __init__(self, shape: Shape) -> None:
        """OSError, ValueError, KeyError: the file is damaged. TypeError: it has numbers that numpy does not
        know (bfloat16).
        """
        from safetensors import SafetensorError, safe_open

        self._shape = shape
        try:
            file: Any = safe_open(shape.file, framework="np")
            self._words = file.get_slice(WORDS)
            names = set(file.keys()) - {WORDS}
            self._weights = {name: file.get_tensor(name).astype(np.float32) for name in names}
        except SafetensorError as error:
            raise ValueError(str(error)) from error

    def __call__(self, ids: Ids) -> tuple[Floats, Floats]:
        """For the ids of a text [t]: hidden states [t, d] and their mean at unit length [d], float32."""
        with threadpool_limits(1, user_api="blas"):
            states = np.stack([self._words[int(i)] for i in ids]).astype(np.float32)
            states += self._weights["embeddings.token_type_embeddings.weight"][0]
            states += self._weights["embeddings.position_embeddings.weight"][: len(ids)]
            states = self._normal(states, "embeddings")
            for n in range(self._shape.layers):
                states = self._layer(states, f"encoder.layer.{n}")
        pooled = states.mean(0)
        return states, np.asarray(pooled / max(float(np.linalg.norm(pooled)), 1e-12), np.float32)

    def _layer(self, states: Floats, at: str) -> Floats:
        shape = (len(states), self._shape.heads, -1)
        query, key, value = (
            self._linear(states, f"{at}.attention.self.{part}").reshape(shape).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(query.shape[-1]))
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (shares / shares.sum(-1, keepdims=True) @ value).transpose(1, 0, 2).reshape(states.shape)
        states = self._normal(
            states + self._linear(mixed, f"{at}.attention.output.dense"), f"{at}.attention.output"
        )
        wide = _gelu(self._linear(states, f"{at}.intermediate.dense"))
        return self._normal(states + self._linear(wide, f"{at}.output.dense"), f"{at}.output")

    def _linear(self, states: Floats, name: str) -> Floats:
        return np.asarray(states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"])

    def _normal(self, states: Floats, name: str) -> Floats:
        weight, bias = (self._weights[f"{name}.LayerNorm.{part}"] for part in ("weight", "bias"))
        centred = states - states.mean(-1, keepdims=True)
        variance = np.square(centred).mean(-1, keepdims=True)
        return np.asarray(centred / np.sqrt(variance + self._shape.epsilon) * weight + bias, np.float32)


def _gelu(x: Floats) -> Floats:
    """Its values times the share of a normal distribution below each; the error function by Abramowitz and
    Stegun, 7.1.26 (off by 1.5e-7 at most).
    """
    z = np.abs(x) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    terms = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
    tail = np.zeros_like(t)
    for term in terms:
        tail = (tail + np.float32(term)) * t
    erf = np.sign(x) * (1 - tail * np.exp(-z * z))
    return np.asarray(0.5 * x * (1 + erf), np.float32)
