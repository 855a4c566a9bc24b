"""BERT's network in torch. Importing sentence-transformers for it takes longer than a whole search, and
reading a vocabulary of 250,000 vectors as long again.
(Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", NAACL 2019)
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.models.packing import linear_of
from rag.models.protocols import Floats, Ids
from rag.models.rounding import RoundedLinear

if TYPE_CHECKING:
    import torch

    from rag.models.packing import Linear

__all__ = ["Bert", "Shape", "inference"]

WORDS = "embeddings.word_embeddings.weight"
FEW_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Shape:
    """What the network's configuration tells, beside its file of weights."""

    file: Path
    layers: int
    heads: int
    width: int
    epsilon: float

    @classmethod
    def read(cls, folder: Path) -> Shape:
        """OSError, ValueError, KeyError: the folder is damaged."""
        config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        return cls(
            folder / "model.safetensors",
            int(config["num_hidden_layers"]),
            int(config["num_attention_heads"]),
            int(config["hidden_size"]),
            float(config["layer_norm_eps"]),
        )


@functools.cache
def _usual_threads() -> int:
    """Those that torch computes with before anybody told it otherwise."""
    import torch

    return torch.get_num_threads()


@contextmanager
def inference(tokens: int) -> Iterator[None]:
    """A pass over so many tokens. Two threads wait for each other where something else computes (vLLM, while
    a question is embedded: 960 ms instead of 8) and save little on a short text.
    """
    import torch

    with torch.inference_mode():
        torch.set_num_threads(1 if tokens <= FEW_TOKENS else _usual_threads())
        yield


class Bert:
    """BERT with mean pooling. The vectors of the vocabulary stay in the file, of which those of the texts are
    read.
    """

    def __init__(self, shape: Shape, device: str, precision: str) -> None:
        """``precision`` is that of the linear layers; beside "int8" all else is float32.

        OSError, ValueError, KeyError: the file is damaged.
        """
        import torch
        from safetensors import SafetensorError, safe_open

        _usual_threads()
        self._shape = shape
        self._device, self._rounds = torch.device(device), precision == "int8"
        self._dtype = torch.float32 if self._rounds else getattr(torch, precision)
        try:
            with safe_open(shape.file, framework="pt") as file:
                names = set(file.keys()) - {WORDS}
                self._words = file.get_tensor(WORDS)
                self._weights = {n: file.get_tensor(n).to(self._device, self._dtype) for n in names}
        except SafetensorError as error:
            raise ValueError(str(error)) from error
        if self._device.type != "cpu":
            self._words = self._words.to(self._device, self._dtype)
        self._layers = [self._linears(f"encoder.layer.{n}") for n in range(shape.layers)]

    def _linears(self, layer: str) -> tuple[Linear, Linear, Linear, Linear]:
        """The four products of a layer, in order. Query, key and value are one instead of three."""
        joined = [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
        return (
            self._linear(*joined),
            self._linear(f"{layer}.attention.output.dense"),
            self._linear(f"{layer}.intermediate.dense"),
            self._linear(f"{layer}.output.dense"),
        )

    def _linear(self, *names: str) -> Linear:
        import torch

        weight = torch.cat([self._weights.pop(f"{name}.weight") for name in names])
        bias = torch.cat([self._weights.pop(f"{name}.bias") for name in names])
        return RoundedLinear(weight, bias) if self._rounds else linear_of(weight, bias)

    def __call__(self, ids: Ids, lengths: Sequence[int]) -> tuple[Floats, Floats]:
        """See rag.models.encoder.Encoder."""
        import torch

        given = torch.from_numpy(ids).to(self._device)
        seen = torch.arange(ids.shape[1], device=self._device)[None] < given.new_tensor(lengths)[:, None]
        with inference(ids.size):
            states = self._states(given, None if min(lengths) == ids.shape[1] else seen).float()
            weight = seen.float().unsqueeze(-1)
            pooled = (states * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
            pooled = torch.nn.functional.normalize(pooled, dim=-1)
        return states.cpu().numpy(), pooled.cpu().numpy()

    def _states(self, ids: torch.Tensor, seen: torch.Tensor | None) -> torch.Tensor:
        from torch.nn.functional import embedding

        weights = self._weights
        states = embedding(ids, self._words).to(self._dtype)
        states = states + weights["embeddings.token_type_embeddings.weight"][0]
        states = states + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        states = self._normal(states, "embeddings")
        mask = None if seen is None else seen[:, None, None, :]
        for n in range(self._shape.layers):
            states = self._layer(states, n, mask)
        return states

    def _layer(self, states: torch.Tensor, n: int, seen: torch.Tensor | None) -> torch.Tensor:
        from torch.nn.functional import gelu, scaled_dot_product_attention

        at, (batch, length, width) = f"encoder.layer.{n}", states.shape
        attend, gather, widen, narrow = self._layers[n]
        joined = attend(states)
        query, key, value = joined.view(batch, length, 3, self._shape.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=seen)
        mixed = mixed.transpose(1, 2).reshape(batch, length, width)
        states = self._normal(states + gather(mixed), f"{at}.attention.output")
        return self._normal(states + narrow(gelu(widen(states))), f"{at}.output")

    def _normal(self, states: torch.Tensor, name: str) -> torch.Tensor:
        from torch.nn.functional import layer_norm

        weight, bias = (self._weights[f"{name}.LayerNorm.{part}"] for part in ("weight", "bias"))
        return layer_norm(states, (self._shape.width,), weight, bias, self._shape.epsilon)
