"""Text -> vectors: whole texts and their tokens, in batches that waste little.

torch is imported when a loaded Embedder needs it, not with this module.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import ModelMissingError, SettingsError
from rag.models.encoder import Encoder, open_encoder
from rag.models.folder import require_model
from rag.models.precision import chosen_precision
from rag.models.protocols import Floats, TextKind, TokenVectors
from rag.settings import EmbedderSettings
from rag.types import Span

__all__ = ["GPU_BATCH", "Embedder"]

CPU_BATCH = 2048  # padded tokens
GPU_BATCH = 32768
RAGGED = 0.7  # of the longest text of a batch
WORTH_A_PASS = 1024  # padded tokens
# NVIDIA's driver, AMD's, and the one of Windows below Linux
GPU_NODES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


@dataclass(frozen=True, slots=True)
class _Encoded:
    """One text as the model sees it (cut to max_tokens) and where its own tokens lie.

    ``spans[j]`` are the characters of token ``rows[j]``; rows of the prompt and of special tokens are left
    out.
    """

    ids: list[int]
    rows: list[int]
    spans: list[Span]


def _gpus() -> list[str]:
    """Every GPU that torch computes on; torch is imported only where there may be one."""
    if not any(Path(node).exists() for node in GPU_NODES):
        return []
    import torch

    return [f"cuda:{n}" for n in range(torch.cuda.device_count())]


def _batch_tokens(device: str) -> int:
    """On two cores 2,048 were a tenth to a fifth faster than 8,192; a GPU wants more at once."""
    return CPU_BATCH if device.startswith("cpu") else GPU_BATCH


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


class Embedder:
    """A loaded embedder, made by :meth:`load`. Safe to call from several threads (one pass at a time on each
    device).
    """

    def __init__(self, encoders: Sequence[Encoder], fingerprint: str, batch_tokens: int) -> None:
        """``encoders`` are the same network on each device."""
        encoder = encoders[0]
        self._pad = encoder.pad
        self._batch_tokens = batch_tokens
        self._idle: queue.SimpleQueue[Encoder] = queue.SimpleQueue()
        for each in encoders:
            self._idle.put(each)
        self._pool = ThreadPoolExecutor(len(encoders)) if len(encoders) > 1 else None
        self._tokenizer = encoder.tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.prompts = {kind: encoder.prompts.get(kind, "") for kind in ("query", "passage")}
        self.dimension = encoder.dimension
        self.max_tokens = encoder.max_tokens
        self.fingerprint = fingerprint

    @classmethod
    def load(cls, settings: EmbedderSettings, models_dir: Path) -> Embedder:
        """Load the model that the settings name from its finished folder; never from the network.

        Raises ModelMissingError when it is not on this machine or cannot be read.
        """
        folder, record = require_model(settings.model, models_dir)
        # read by OpenMP when torch loads it; waiting threads that spin stall beside a busy vLLM
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        devices = [device.strip() for device in settings.device.split(",")]
        if settings.device == "auto":
            devices = _gpus() or ["cpu"]
        try:
            precision = chosen_precision(settings.precision, folder, devices[0])
            encoders = [open_encoder(folder, device, precision) for device in devices]
        except RuntimeError as error:
            raise SettingsError(
                f"The embedder cannot compute on {settings.device} in {settings.precision}: {error}.",
                "Set embedder.device and embedder.precision to auto, or the device to one of this machine.",
            ) from error
        except (OSError, ValueError, KeyError) as error:
            raise ModelMissingError(
                f"The embedder {settings.model} cannot be read: {error}.",
                f"Remove {folder} and run `citewell model pull {settings.model}`.",
            ) from error
        return cls(
            encoders, f"{record.name}@{record.revision}", settings.batch_tokens or _batch_tokens(devices[0])
        )

    def embed_queries(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of questions, float32 [n, d]."""
        return self._embed(texts, "query")

    def embed_passages(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of passages, float32 [n, d]."""
        return self._embed(texts, "passage")

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without prompt and special tokens, uncut."""
        return [
            len(encoding)
            for encoding in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        ]

    def token_spans(self, text: str) -> list[Span]:
        """Characters of each token of ``text``, in order, uncut."""
        return [(start, end) for start, end in self._tokenizer.encode(text, add_special_tokens=False).offsets]

    def token_vectors(self, texts: Sequence[str], kind: TextKind) -> list[TokenVectors]:
        """The tokens' last hidden states at unit length; tokens beyond max_tokens are missing."""
        found: dict[int, TokenVectors] = {}
        encoded = self._encode(texts, kind)
        for batch, hidden, pooled in self._forward(encoded, passages=False):
            for i, rows, whole in zip(batch, hidden, pooled, strict=True):
                found[i] = TokenVectors(_unit(rows[encoded[i].rows]), tuple(encoded[i].spans), whole)
        return [found[i] for i in range(len(encoded))]

    def _embed(self, texts: Sequence[str], kind: TextKind) -> Floats:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for batch, _, pooled in self._forward(self._encode(texts, kind), passages=kind == "passage"):
            vectors[batch] = pooled
        return vectors

    def _encode(self, texts: Sequence[str], kind: TextKind) -> list[_Encoded]:
        prompt = self.prompts[kind]
        encodings = self._tokenizer.encode_batch([prompt + text for text in texts])
        return [self._cut(encoding, len(prompt)) for encoding in encodings]

    def _cut(self, encoding: Any, prompt: int) -> _Encoded:  # noqa: ANN401 - tokenizers.Encoding has no types
        ids, special = encoding.ids, encoding.special_tokens_mask
        tail = 0
        while tail < len(ids) and special[len(ids) - 1 - tail]:
            tail += 1
        kept = min(len(ids) - tail, self.max_tokens - tail)
        rows, spans = [], []
        offsets = encoding.offsets
        for row, (start, end) in enumerate(offsets[:kept]):
            # a lone word mark (U+2581) claims the first character of the token after it: it has none of
            # its own
            shared = row + 1 < len(offsets) and offsets[row + 1][0] == start and offsets[row + 1][1] >= end
            if not special[row] and end > prompt and not shared:
                rows.append(row)
                spans.append((max(0, start - prompt), end - prompt))
        return _Encoded(ids[:kept] + ids[len(ids) - tail :], rows, spans)

    def _batches(self, encoded: Sequence[_Encoded]) -> Iterator[list[int]]:
        """Indices, longest first (so that memory peaks at once), padded size within the budget.

        A batch also ends where texts get much shorter than its first, once it is large enough to be worth a
        pass: padding cost a fifth of the time on a mix of passages and sentences.
        """
        order = sorted(range(len(encoded)), key=lambda i: -len(encoded[i].ids))
        batch: list[int] = []
        for i in order:
            if batch:
                longest = len(encoded[batch[0]].ids)
                full = (len(batch) + 1) * longest > self._batch_tokens
                ragged = len(encoded[i].ids) < RAGGED * longest and len(batch) * longest > WORTH_A_PASS
                if full or ragged:
                    yield batch
                    batch = []
            batch.append(i)
        if batch:
            yield batch

    def _forward(
        self, encoded: Sequence[_Encoded], passages: bool
    ) -> Iterator[tuple[list[int], list[Floats], Floats]]:
        """For each batch: indices, hidden states ([t, d] each; none of passages), unit vectors [b, d]."""

        def computed(batch: list[int]) -> tuple[list[int], list[Floats], Floats]:
            return batch, *self._pass([encoded[i].ids for i in batch], passages)

        batches = self._batches(encoded)
        return map(computed, batches) if self._pool is None else self._pool.map(computed, batches)

    def _pass(self, texts: Sequence[Sequence[int]], passages: bool) -> tuple[list[Floats], Floats]:
        """One batch, longest first, on a device that is idle or as soon as one is."""
        lengths = [len(text) for text in texts]
        ids = np.full((len(texts), lengths[0]), self._pad, np.int64)
        for row, text in enumerate(texts):
            ids[row, : lengths[row]] = text
        encoder = self._idle.get()
        try:
            states, pooled = encoder(ids, lengths, passages)
        finally:
            self._idle.put(encoder)
        rows = [] if passages else [states[row, :length] for row, length in enumerate(lengths)]
        return rows, _unit(pooled)
