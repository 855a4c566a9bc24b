"""Token ids -> hidden states and pooled vectors: the network of an embedder, without its batches.

BERT, which most embedders are, is computed here: importing sentence-transformers takes longer than a whole
search, and reading a vocabulary of 250,000 vectors as long again. All others run in sentence-transformers.
(Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", NAACL 2019)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rag.models.quiet import quiet

if TYPE_CHECKING:
    import torch

__all__ = ["Encoder", "open_encoder"]


class Encoder(Protocol):
    """A loaded network. ``tokenizer`` is the compiled one: it keeps no state and tells characters."""

    tokenizer: Any
    pad: int
    prompts: dict[str, str]
    dimension: int
    max_tokens: int

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """For token ids and what of them is text [b, t]: hidden states [b, t, d] and pooled vectors [b, d],
        in float32 on the CPU. Pooling runs in float32 whatever the precision: a bfloat16 mean would lose
        half its digits.
        """


def open_encoder(folder: Path, device: str, precision: str) -> Encoder:
    """Load the network of a finished model folder. OSError, ValueError, KeyError: it is damaged."""
    return Bert(folder, device, precision) if _is_bert(folder) else Other(folder, device, precision)


def _json(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found if isinstance(found, dict) else {"modules": found}


def _is_bert(folder: Path) -> bool:
    """A plain BERT whose hidden states are averaged and brought to unit length."""
    config, pooling = _json(folder, "config.json"), _json(folder, "1_Pooling/config.json")
    kinds = [one["type"].rpartition(".")[2] for one in _json(folder, "modules.json").get("modules", [])]
    modes = {name for name, value in pooling.items() if name.startswith("pooling_mode_") and value}
    return (
        config.get("model_type") == "bert"
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and kinds == ["Transformer", "Pooling", "Normalize"]
        and pooling.get("include_prompt", True)
        and (pooling.get("pooling_mode") == "mean" or modes == {"pooling_mode_mean_tokens"})
        and (folder / "tokenizer.json").is_file()
        and (folder / "model.safetensors").is_file()
    )


class Bert:
    """BERT with mean pooling. The vectors of the vocabulary stay in the file, of which those of the texts are
    read.
    """

    def __init__(self, folder: Path, device: str, precision: str) -> None:
        import torch
        from safetensors import SafetensorError, safe_open
        from tokenizers import Tokenizer

        config = _json(folder, "config.json")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.pad = int(config.get("pad_token_id") or 0)
        prompts = _json(folder, "config_sentence_transformers.json").get("prompts", {})
        self.prompts = {kind: str(text or "") for kind, text in prompts.items()}
        self.dimension = int(config["hidden_size"])
        positions = int(config["max_position_embeddings"])
        self.max_tokens = int(_json(folder, "sentence_bert_config.json").get("max_seq_length") or positions)
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        self._device, self._dtype = torch.device(device), getattr(torch, precision)
        kept = "embeddings.word_embeddings.weight"
        try:
            with safe_open(folder / "model.safetensors", framework="pt") as file:
                names = set(file.keys()) - {kept}
                self._words = file.get_tensor(kept)
                self._weights = {n: file.get_tensor(n).to(self._device, self._dtype) for n in names}
        except SafetensorError as error:
            raise ValueError(str(error)) from error
        if self._device.type != "cpu":
            self._words = self._words.to(self._device, self._dtype)
        self._layers = [self._joined(n) for n in range(int(config["num_hidden_layers"]))]

    def _joined(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights and biases of a layer's query, key and value as one: one product instead of three."""
        import torch

        parts = [f"encoder.layer.{n}.attention.self.{part}" for part in ("query", "key", "value")]
        weight = torch.cat([self._weights.pop(f"{part}.weight") for part in parts])
        return weight, torch.cat([self._weights.pop(f"{part}.bias") for part in parts])

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See Encoder."""
        import torch

        ids, mask = ids.to(self._device), mask.to(self._device)
        weights = self._weights
        states = torch.nn.functional.embedding(ids, self._words).to(self._dtype)
        states = states + weights["embeddings.token_type_embeddings.weight"][0]
        states = states + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        states = self._normal(states, "embeddings")
        seen = None if bool(mask.all()) else mask.bool()[:, None, None, :]
        for n in range(len(self._layers)):
            states = self._layer(states, n, seen)
        states = states.float()
        weight = mask.float().unsqueeze(-1)
        pooled = (states * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
        return states.cpu(), torch.nn.functional.normalize(pooled, dim=-1).cpu()

    def _layer(self, states: torch.Tensor, n: int, seen: torch.Tensor | None) -> torch.Tensor:
        from torch.nn.functional import gelu, linear, scaled_dot_product_attention

        at, (batch, length, width) = f"encoder.layer.{n}", states.shape
        joined = linear(states, *self._layers[n])
        query, key, value = joined.view(batch, length, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=seen)
        mixed = mixed.transpose(1, 2).reshape(batch, length, width)
        states = self._normal(
            states + self._linear(mixed, f"{at}.attention.output.dense"), f"{at}.attention.output"
        )
        wide = gelu(self._linear(states, f"{at}.intermediate.dense"))
        return self._normal(states + self._linear(wide, f"{at}.output.dense"), f"{at}.output")

    def _linear(self, states: torch.Tensor, name: str) -> torch.Tensor:
        from torch.nn.functional import linear

        return linear(states, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _normal(self, states: torch.Tensor, name: str) -> torch.Tensor:
        from torch.nn.functional import layer_norm

        weight, bias = (self._weights[f"{name}.LayerNorm.{part}"] for part in ("weight", "bias"))
        return layer_norm(states, (self.dimension,), weight, bias, self._epsilon)


class Other:
    """Any network that sentence-transformers loads."""

    def __init__(self, folder: Path, device: str, precision: str) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        options: dict[str, Any] = {"dtype": getattr(torch, precision)}
        if _json(folder, "config.json").get("model_type") == "bert":
            options["add_pooling_layer"] = False
        with quiet():
            model = SentenceTransformer(
                str(folder), device=device, local_files_only=True, model_kwargs=options
            )
        self._model = model.eval()
        self.tokenizer = model.tokenizer.backend_tokenizer
        self.pad = int(model.tokenizer.pad_token_id or 0)
        self.prompts = {kind: str(text or "") for kind, text in model.prompts.items()}
        self.dimension = int(model.get_embedding_dimension() or 0)
        self.max_tokens = int(model.max_seq_length or 512)

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See Encoder."""
        encoder, *rest = self._model
        device = self._model.device
        features: dict[str, Any] = encoder({"input_ids": ids.to(device), "attention_mask": mask.to(device)})
        features["token_embeddings"] = features["token_embeddings"].float()
        for module in rest:
            features = module(features)
        return features["token_embeddings"].cpu(), features["sentence_embedding"].float().cpu()
