"""Token ids -> hidden states and pooled vectors: the network of an embedder, without its batches. BERT, which
most embedders are, is computed here; all others run in sentence-transformers.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from rag.models.bert import Bert, Shape, inference
from rag.models.bert_numpy import BertInNumpy
from rag.models.protocols import Floats, Ids
from rag.models.quiet import quiet

__all__ = ["Encoder", "Precision", "is_bert", "open_encoder"]

BRIEF = 64  # tokens: a question


class Precision(NamedTuple):
    """Number formats, in torch's names: of questions and of the tokens that checks compare; and of passages'
    vectors, which may also be "int8".
    """

    tokens: str
    passages: str


class Encoder(Protocol):
    """A loaded network. ``tokenizer`` is the compiled one: it keeps no state and tells characters."""

    tokenizer: Any
    pad: int
    prompts: dict[str, str]
    dimension: int
    max_tokens: int

    def __call__(self, ids: Ids, lengths: Sequence[int], passages: bool = False) -> tuple[Floats, Floats]:
        """For token ids [b, t], of each row as many as it is long: hidden states [b, t, d] and pooled vectors
        [b, d], float32. Pooling runs in float32 whatever the precision: a bfloat16 mean would lose half its
        digits. ``passages``: in the precision for these.
        """


def open_encoder(folder: Path, device: str, precision: Precision) -> Encoder:
    """Open the network of a finished model folder. OSError, ValueError, KeyError: it is damaged;
    RuntimeError: it does not compute on that device or in that precision.
    """
    bert = is_bert(folder)
    if precision.passages == "int8" and not (bert and device.startswith("cpu")):
        raise RuntimeError("int8 is for BERT with mean pooling, on a CPU")
    return _Bert(folder, device, precision) if bert else _Other(folder, device, precision.tokens)


def _json(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found if isinstance(found, dict) else {"modules": found}


def is_bert(folder: Path) -> bool:
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


class _Bert:
    """On a CPU torch is loaded with the first text that is worth it; until then short ones go without."""

    def __init__(self, folder: Path, device: str, precision: Precision) -> None:
        from tokenizers import Tokenizer

        config = _json(folder, "config.json")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.pad = int(config.get("pad_token_id") or 0)
        prompts = _json(folder, "config_sentence_transformers.json").get("prompts", {})
        self.prompts = {kind: str(text or "") for kind, text in prompts.items()}
        self._shape = Shape.read(folder)
        self.dimension = self._shape.width
        positions = int(config["max_position_embeddings"])
        self.max_tokens = int(_json(folder, "sentence_bert_config.json").get("max_seq_length") or positions)
        self._device, self._precision = device, precision
        self._brief: BertInNumpy | None = None
        if device == "cpu" and "torch" not in sys.modules:
            with contextlib.suppress(TypeError):  # weights that numpy has no numbers for
                self._brief = BertInNumpy(self._shape)
        self._whole = self._open(precision.tokens) if self._brief is None else None
        self._coarse: Bert | None = None

    def _open(self, precision: str) -> Bert:
        return Bert(self._shape, self._device, precision)

    def __call__(self, ids: Ids, lengths: Sequence[int], passages: bool = False) -> tuple[Floats, Floats]:
        """See Encoder."""
        if self._brief is not None and len(ids) == 1 and ids.size <= BRIEF and "torch" not in sys.modules:
            states, pooled = self._brief(ids[0])
            return states[None], pooled[None]
        self._brief = None
        if passages and self._precision.passages != self._precision.tokens:
            self._coarse = self._coarse or self._open(self._precision.passages)
            return self._coarse(ids, lengths)
        self._whole = self._whole or self._open(self._precision.tokens)
        return self._whole(ids, lengths)


class _Other:
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

    def __call__(self, ids: Ids, lengths: Sequence[int], passages: bool = False) -> tuple[Floats, Floats]:
        """See Encoder."""
        import torch

        encoder, *rest = self._model
        device = self._model.device
        mask = (np.arange(ids.shape[1])[None] < np.array(lengths)[:, None]).astype(np.int64)
        given = {"input_ids": ids, "attention_mask": mask}
        with inference(ids.size):
            features = encoder({name: torch.from_numpy(each).to(device) for name, each in given.items()})
            features["token_embeddings"] = features["token_embeddings"].float()
            for module in rest:
                features = module(features)
        states, pooled = features["token_embeddings"], features["sentence_embedding"].float()
        return states.cpu().numpy(), pooled.cpu().numpy()
