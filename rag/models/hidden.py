"""Hidden states of a pinned generator over (evidence, sentence) pairs, with transformers.

The states feed a probe (SAPLMA, Azaria & Mitchell 2023, arXiv:2304.13734): what the model makes of a
sentence after it has read the evidence, at a few of its middle layers. The pairs stand in one fixed template
(rag/prompts/probe.txt) whose sha256 belongs to the probe's key.

vLLM, which serves the same weights, can hand out hidden states too, but only through a connector that needs
CUDA; so the weights are read a second time here, up to the highest layer asked for and without the output
layer.

torch and transformers are imported when the states are loaded, not with this module.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import ModelError, ModelMissingError
from rag.models.folder import ModelRecord, require_model
from rag.models.precision import usual_precision
from rag.models.protocols import Floats
from rag.models.quiet import quiet
from rag.prompts import prompt

if TYPE_CHECKING:
    import torch

__all__ = ["HiddenStates", "middle_layers", "template_sha256"]

EVIDENCE_TOKENS = 768  # longer evidence is cut at its end: a check cites a few sentences, not a book
BATCH_TOKENS = 4096  # padded
SHARES = (3 / 8, 1 / 2, 5 / 8, 3 / 4)  # of the depth: SAPLMA found truth in the middle and after it


@functools.cache
def _template() -> tuple[str, str]:
    """What stands before the evidence, and between it and the sentence, which comes last: the state of its
    last token has then seen all that was said.
    """
    before, rest = prompt("probe", "").split("<evidence>")
    between, after = rest.split("<sentence>")
    if after:
        raise ValueError("The probe's template must end with the sentence.")
    return before, between


def template_sha256() -> str:
    """Names the template: a probe that was fitted under another is not used."""
    return hashlib.sha256(prompt("probe", "").encode("utf-8")).hexdigest()


def middle_layers(depth: int) -> tuple[int, ...]:
    """The layers that a probe is tried on in a model of ``depth`` layers; 1 is the first."""
    return tuple(sorted({max(1, round(share * depth)) for share in SHARES}))


@dataclass(frozen=True, slots=True)
class _Encoded:
    """Tokens of a pair: ``prefix`` is the template with the evidence but for its last token, ``rest`` that
    token and the sentence's.
    """

    prefix: tuple[int, ...]
    rest: tuple[int, ...]


class HiddenStates:
    """Reads hidden states, made by :meth:`load`. Safe to call from several threads (one pass at a time)."""

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - transformers' own class, untyped
        tokenizer: Any,  # noqa: ANN401
        record: ModelRecord,
        layers: Sequence[int],
    ) -> None:
        self.model = record.name
        self.model_sha256 = record.sha256
        self.template_sha256 = template_sha256()
        self.layers = tuple(layers)
        self._tokenizer = tokenizer
        self._model = model.eval()
        self._model.layers = self._model.layers[: max(self.layers)]
        self._lock = threading.Lock()
        self._seen: dict[int, torch.Tensor] = {}
        for layer in self.layers:
            # the output of the layer itself: transformers' own list ends with a normalised state
            self._model.layers[layer - 1].register_forward_hook(functools.partial(self._keep, layer))

    @classmethod
    def load(
        cls, name: str, models_dir: Path, layers: Sequence[int] = (), device: str = "auto"
    ) -> HiddenStates:
        """Load a model from its finished folder; never from the network. ``layers`` count from 1; none
        means the middle ones.

        bfloat16 on a GPU and on a CPU that multiplies in it, else float32. Raises ModelMissingError when it
        is not on this machine or cannot be read, ModelError when it is no generator with such layers.
        """
        folder, record = require_model(name, models_dir)
        depth = _depth(name, folder)
        layers = tuple(sorted(layers)) or middle_layers(depth)
        if not 1 <= layers[0] <= layers[-1] <= depth:
            raise ModelError(f"{name} has layers 1 to {depth}, not {layers}.", "Name others.")
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see rag/models/embedder.py
        import torch
        from transformers import AutoModel, AutoTokenizer

        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        # float16 would overflow: some states of these models are in the thousands
        precision = torch.float32 if usual_precision(device) == "float32" else torch.bfloat16
        try:
            with quiet():
                tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
                model: Any = AutoModel.from_pretrained(folder, dtype=precision, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelMissingError(
                f"The model {name} cannot be read: {error}.",
                f"Remove {folder} and run `citewell model pull {name}`.",
            ) from error
        if not hasattr(model, "layers"):
            raise ModelError(f"{name} does not show its layers.", "Take a generator of the catalogue.")
        return cls(model.to(device), tokenizer, record, layers)

    def states(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """States of (evidence, sentence) pairs, float32 [n, layers, 2, d]: at the sentence's last token, and
        the mean over its tokens.

        A sentence without tokens gives the state before it. Pairs with the same evidence read it once.
        """
        encoded = self._encode(pairs)
        found = np.zeros((len(pairs), len(self.layers), 2, int(self._model.config.hidden_size)), np.float32)
        for batch, prefix in self._batches(encoded):
            rows = [encoded[i].rest if prefix else encoded[i].prefix + encoded[i].rest for i in batch]
            skipped = [1 if prefix else len(encoded[i].prefix) + 1 for i in batch]
            found[batch] = self._forward(rows, skipped, prefix)
        return found

    def _encode(self, pairs: Sequence[tuple[str, str]]) -> list[_Encoded]:
        before, between = _template()

        @functools.cache
        def tokens(text: str, limit: int | None = None) -> tuple[int, ...]:
            return tuple(self._tokenizer(text, add_special_tokens=False).input_ids[:limit])

        @functools.cache
        def opening(evidence: str) -> tuple[int, ...]:
            return tokens(before) + tokens(evidence, EVIDENCE_TOKENS) + tokens(between)

        found = []
        for evidence, sentence in pairs:
            start = opening(evidence)
            found.append(_Encoded(start[:-1], start[-1:] + tokens(sentence)))
        return found

    def _batches(self, encoded: Sequence[_Encoded]) -> Iterator[tuple[list[int], tuple[int, ...]]]:
        """(indices, the prefix that they share or nothing), longest first, padded size within the budget."""
        sharing: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, each in enumerate(encoded):
            sharing[each.prefix].append(i)
        alone = [group[0] for group in sharing.values() if len(group) == 1]
        for batch in _within(alone, [len(each.prefix) + len(each.rest) for each in encoded]):
            yield batch, ()
        for prefix, group in sharing.items():
            if len(group) > 1:
                # each row carries the keys and values of the prefix
                for batch in _within(group, [len(prefix) + len(each.rest) for each in encoded]):
                    yield batch, prefix

    def _keep(self, layer: int, module: object, given: object, output: Any) -> None:  # noqa: ANN401
        self._seen[layer] = output[0] if isinstance(output, tuple) else output

    def _forward(
        self, rows: Sequence[tuple[int, ...]], skipped: Sequence[int], prefix: tuple[int, ...]
    ) -> Floats:
        """States [b, layers, 2, d] of the tokens after the first ``skipped`` of each row.

        Rows are padded on the right and read without a mask: under causal attention no token sees what comes
        after it.
        """
        import torch

        ids = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        device = self._model.device
        with self._lock, torch.inference_mode():
            cache = None
            if prefix:
                read = self._model(torch.tensor([prefix], device=device), use_cache=True)
                cache = read.past_key_values
                cache.batch_repeat_interleave(len(rows))
            self._model(ids.to(device), past_key_values=cache, use_cache=cache is not None)
            kept = torch.stack([self._seen.pop(layer) for layer in self.layers], dim=1)
            pooled = [
                torch.stack([own[:, len(row) - 1], own[:, min(skip, len(row) - 1) : len(row)].mean(dim=1)], 1)
                for own, row, skip in zip(kept.float(), rows, skipped, strict=True)
            ]
            return np.asarray(torch.stack(pooled).cpu().numpy(), np.float32)


def _depth(name: str, folder: Path) -> int:
    """How many layers the model in ``folder`` has, told without reading its weights."""
    try:
        return int(json.loads((folder / "config.json").read_text("utf-8"))["num_hidden_layers"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelMissingError(
            f"{folder} does not say how many layers {name} has.",
            f"Remove it and run `citewell model pull {name}`.",
        ) from error


def _within(indices: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """``indices`` longest first, in batches of at most BATCH_TOKENS padded tokens."""
    batch: list[int] = []
    for i in sorted(indices, key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
