"""Hidden states kept on disk, so that a long extraction that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.models.protocols import Floats, HiddenStatesProtocol, Progress

__all__ = ["CachedStates"]

logger = logging.getLogger(__name__)

SHARD = 32  # pairs that are read, then written, at once
HALF_WRITTEN = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


class CachedStates:
    """The states of ``source``, each computed once.

    A pair's key is the hash of model, template, layers, evidence and sentence; ``folder`` holds shards
    ``<hash>.npz`` of a few pairs each, written to a temporary file first. A shard that cannot be read is
    computed again.
    """

    def __init__(self, source: HiddenStatesProtocol, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._known: dict[str, Floats] = {}
        for file in sorted(folder.glob("*.npz")):
            try:
                with file.open("rb") as stored, np.load(stored) as shard:
                    self._known.update(zip(shard["keys"].tolist(), shard["states"], strict=True))
            except HALF_WRITTEN:
                logger.warning("%s cannot be read; its states are computed again", file)

    def states(self, pairs: Sequence[tuple[str, str]], progress: Progress | None = None) -> Floats:
        """States of (evidence, sentence) pairs, float32 [n, layers, 2, d]; ``progress`` counts pairs."""
        keys = [self._key(evidence, sentence) for evidence, sentence in pairs]
        missing = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._known}
        # pairs with the same evidence stay together, those of like length too
        order = sorted(missing, key=lambda key: (len(missing[key][0]), missing[key]))
        for start in range(0, len(order), SHARD):
            if progress:
                progress("reading", len(pairs) - len(order) + start, len(pairs))
            shard = order[start : start + SHARD]
            self._write(shard, self._source.states([missing[key] for key in shard]))
        return np.stack([self._known[key] for key in keys])

    def _key(self, evidence: str, sentence: str) -> str:
        source = self._source
        parts = [source.model_sha256, source.template_sha256, list(source.layers), evidence, sentence]
        return hashlib.sha256(json.dumps(parts).encode("utf-8")).hexdigest()

    def _write(self, keys: Sequence[str], states: Floats) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{hashlib.sha256(''.join(keys).encode()).hexdigest()[:24]}.npz"
        part = file.with_suffix(".part")
        with part.open("wb") as out:
            np.savez(out, keys=np.array(keys), states=states)
        part.replace(file)
        self._known.update(zip(keys, states, strict=True))
