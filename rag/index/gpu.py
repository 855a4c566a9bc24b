"""A segment's vectors on the GPUs of this machine, where faiss-gpu is installed and there is room.

No index on a GPU removes rows or takes a mask, so more rows are asked for than are wanted and the mask is
laid over what comes; where that would be most of them, the index in main memory, which stays, is asked.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import faiss
import numpy as np

from rag.index.vectors import Bools, Clustered, Flat, Floats, Rows, Vectors

__all__ = ["OnGpu", "on_gpu"]

# The most rows that a search on a GPU can return, and what is left free there for the embedder
MOST_ROWS, RESERVE = 2048, 1 << 30
_BATCH = 100_000
MARGIN = 2  # so many times the rows that it takes where the allowed ones lie evenly

logger = logging.getLogger(__name__)


class OnGpu:
    """Searches on a GPU what ``host`` holds, and ``host`` itself where few rows are allowed."""

    def __init__(self, host: Vectors, device: Any, exact: bool) -> None:  # noqa: ANN401 - faiss has no types
        self._host = host
        self._device = device
        self._lock = threading.Lock()
        self.exact = exact

    def __len__(self) -> int:
        return len(self._host)

    def search(self, query: Floats, k: int, allowed: Bools | None) -> tuple[Rows, Floats]:
        """See rag.index.vectors.Vectors."""
        mine = len(self) if allowed is None else int(np.count_nonzero(allowed))
        wide = k if allowed is None else MARGIN * k * len(self) // max(mine, 1)
        if wide > MOST_ROWS:
            return self._host.search(query, k, allowed)
        with self._lock:  # a GPU's resources serve one thread
            scores, rows = self._device.search(query[None], min(wide, len(self)))
        there = rows[0] >= 0
        if allowed is not None:
            there &= allowed[rows[0]]
        if int(np.count_nonzero(there)) < min(k, mine):
            return self._host.search(query, k, allowed)
        return rows[0][there][:k], scores[0][there][:k]

    def at(self, rows: Rows) -> Floats:
        """See rag.index.vectors.Vectors."""
        return self._host.at(rows)


def on_gpu(host: Flat | Clustered, dimension: int) -> Vectors:
    """The same vectors, searched on the GPUs: all of them exactly in half precision where there is room, else
    in clusters, else, with a warning, in main memory. Without faiss-gpu or a GPU they stay as they are.
    """
    gpus = faiss.get_num_gpus()
    if not gpus or not len(host):
        return host
    free = _free(gpus) - gpus * RESERVE
    try:
        if len(host) * dimension * 2 <= free:
            return OnGpu(host, _flat(host, dimension, gpus), exact=True)
        if isinstance(host, Clustered) and len(host) * (dimension + 8) <= free:
            return OnGpu(
                host, faiss.index_cpu_to_gpus_list(host.index, co=_options(), ngpu=gpus), exact=False
            )
        reason = f"{free >> 20} MiB are free"
    except RuntimeError as error:  # as faiss tells that memory is short
        reason = str(error)
    logger.warning("%d vectors stay in main memory, not on the GPU: %s", len(host), reason)
    return host


def _free(gpus: int) -> int:
    """Free bytes on all of them; what faiss cannot tell is tried out."""
    tell = getattr(faiss, "getFreeMemory", None)
    return 1 << 62 if tell is None else sum(int(tell(gpu)) for gpu in range(gpus))


def _options() -> Any:  # noqa: ANN401 - faiss has no types
    options = faiss.GpuMultipleClonerOptions()
    options.shard, options.useFloat16 = True, True
    return options


def _flat(host: Vectors, dimension: int, gpus: int) -> Any:  # noqa: ANN401 - faiss has no types
    index = faiss.index_cpu_to_gpus_list(faiss.IndexFlatIP(dimension), co=_options(), ngpu=gpus)
    for begin in range(0, len(host), _BATCH):
        index.add(host.at(np.arange(begin, min(begin + _BATCH, len(host)))))
    return index
