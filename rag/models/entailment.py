"""An entailment model of the organisation's own: does a sentence follow from a text?

Any sequence classifier with the labels entailment and contradiction (neutral, where it has it, is the rest),
as a transformers folder taken with `citewell model import FOLDER --name NAME`; read with
sentence-transformers, which is imported when the model is loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import ModelError
from rag.models.folder import require_model
from rag.models.protocols import Floats
from rag.models.quiet import quiet

__all__ = ["Entailment"]

NAMES = ("entailment", "contradiction")


class Entailment:
    """Made by :meth:`load`. Safe to call from several threads (one pass at a time)."""

    def __init__(self, encoder: Any, columns: tuple[int, int]) -> None:  # noqa: ANN401 - CrossEncoder
        self._encoder = encoder
        self._columns = columns
        self._lock = threading.Lock()

    @classmethod
    def load(cls, name: str, models_dir: Path, device: str = "auto") -> Entailment:
        """From its folder, never from the network. Raises ModelMissingError, and ModelError when it is not
        such a model.
        """
        folder, _ = require_model(name, models_dir)
        import torch
        from sentence_transformers import CrossEncoder

        where = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        try:
            with quiet():
                encoder = CrossEncoder(
                    str(folder), device=where, local_files_only=True, activation_fn=torch.nn.Identity()
                )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(f"{name} cannot be read: {error}", "Import another copy.") from error
        labels = {str(label).casefold(): int(i) for i, label in encoder.config.id2label.items()}
        if not set(NAMES) <= set(labels):
            raise ModelError(
                f"{name} has the labels {', '.join(labels)}, not {' and '.join(NAMES)}.",
                "Name them so as id2label in its config.json, if it is an entailment model.",
            )
        return cls(encoder, (labels[NAMES[0]], labels[NAMES[1]]))

    def probabilities(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """Of (text, sentence) pairs: P(entailment) and P(contradiction), float32 [n, 2]."""
        with self._lock:
            logits = np.asarray(self._encoder.predict(list(pairs), show_progress_bar=False), np.float64)
        shares = np.exp(logits - logits.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        chosen: Floats = shares[:, list(self._columns)].astype(np.float32)
        return chosen
