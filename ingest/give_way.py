"""Ingestion steps back while questions are being answered, in whatever process of this machine that is.

Whoever answers holds a shared lock on a file of the home; the worker looks, between two batches, whether
anybody does. The kernel drops the lock with its process, so a server that dies holds nobody up.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rag.home import make_home
from rag.models.passes import Around
from rag.models.protocols import EmbedderProtocol, Floats

__all__ = ["Considerate", "answering", "give_way"]

TICK_S = 0.02
BYTES_A_TOKEN = 3.5  # about as many in every script: four Latin letters, or one Han character of three bytes
# An answer that comes in the middle of a batch competes with the rest of it. On two cores batches of 2,048
# tokens (0.3 s) were as fast as those of 8,192 (1.5 s); where they take less (a GPU), they may be larger.
BATCH_S = 0.3
FIRST_TOKENS = 2048
LEAST_TOKENS = 512


def _lock(home: Path) -> Path:
    return home / "answering.lock"


@contextmanager
def answering(home: Path) -> Iterator[None]:
    """Tell the workers of this home that a question is being answered while the block runs."""
    make_home(home)
    with _lock(home).open("ab") as file:
        # waits for no longer than a worker's look takes, some microseconds
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def give_way(home: Path, most_s: float) -> float:
    """Wait while questions are being answered in this home, ``most_s`` seconds at most, so that ingestion
    gets on however many there are. Returns how long it waited, in seconds.
    """
    if most_s <= 0 or not _lock(home).exists():
        return 0.0
    begun = time.monotonic()
    with _lock(home).open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waited = time.monotonic() - begun
                if waited >= most_s:
                    return waited
                time.sleep(min(TICK_S, most_s - waited))
            else:
                return time.monotonic() - begun


class Considerate(Around):
    """An embedder that works in batches of a fraction of a second and calls ``between`` before each.

    Texts of like length go together, as the embedder itself would have it.
    """

    def __init__(self, embedder: EmbedderProtocol, batch_tokens: int, between: Callable[[], None]) -> None:
        super().__init__(embedder)
        self._most = batch_tokens
        self._tokens = min(batch_tokens, FIRST_TOKENS)
        self._between = between

    def embed_passages(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of passages, float32 [n, d]."""
        if not texts:
            return self._embedder.embed_passages(texts)
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for batch in self._batches(texts):
            self._between()
            begun = time.monotonic()
            vectors[batch] = self._embedder.embed_passages([texts[i] for i in batch])
            self._adapt(time.monotonic() - begun)
        return vectors

    def _adapt(self, took_s: float) -> None:
        if took_s > 2 * BATCH_S:
            self._tokens = min(self._tokens, max(self._tokens // 2, LEAST_TOKENS))
        elif took_s < BATCH_S / 2:
            self._tokens = min(2 * self._tokens, self._most)

    def _batches(self, texts: Sequence[str]) -> Iterator[list[int]]:
        sizes = [len(text.encode("utf-8", "replace")) for text in texts]
        batch: list[int] = []
        for i in sorted(range(len(texts)), key=lambda i: -sizes[i]):
            if batch and (len(batch) + 1) * sizes[batch[0]] > self._tokens * BYTES_A_TOKEN:
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch
