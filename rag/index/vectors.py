"""Vectors in rows 0, 1, 2, ..., searched exactly or, where they are many, in clusters.

Both kinds live in one file each and are opened by memory map, so that opening takes no time and processes
share them. Neither forgets a row: what is gone is masked, until all of it is written anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from rag.errors import IndexStateError

__all__ = ["FLAT_MOST", "Clustered", "Flat", "Vectors", "open_vectors"]

# Up to so many vectors of a language are compared one by one: as fast as clusters at that size, and exact.
FLAT_MOST = 300_000
# Of n vectors CLUSTERS * sqrt(n) clusters are made, from so many vectors each, in so many rounds.
CLUSTERS, SAMPLES, ROUNDS = 4, 64, 8
# The nearest clusters that are looked through where every row is allowed (tests/bench/index.py: recall@10
# against exact search); the fewer rows are allowed, the more clusters.
PROBES = 48

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


class Vectors(Protocol):
    """What a segment searches. ``exact``: its cosines are, up to half precision."""

    exact: bool

    def __len__(self) -> int:
        """How many rows there are."""

    def search(self, query: Floats, k: int, allowed: Bools | None) -> tuple[Rows, Floats]:
        """Up to ``k`` rows and their cosines with the unit vector [d], best first; of the rows that
        ``allowed`` [n] marks (None: all).
        """

    def at(self, rows: Rows) -> Floats:
        """The vectors as they are stored [rows, d]."""


class Flat:
    """All of them, in fp16. Exact."""

    exact = True

    def __init__(self, dimension: int, index: faiss.IndexScalarQuantizer | None = None) -> None:
        half = faiss.ScalarQuantizer.QT_fp16
        self._index = index or faiss.IndexScalarQuantizer(dimension, half, faiss.METRIC_INNER_PRODUCT)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: NDArray[np.float16]) -> None:
        """Append rows [n, d]."""
        self._index.add(vectors.astype(np.float32))

    def search(self, query: Floats, k: int, allowed: Bools | None) -> tuple[Rows, Floats]:
        """See Vectors."""
        selector = _selector(allowed)
        parameters = None if selector is None else faiss.SearchParameters(sel=selector)
        return _found(self._index, query, k, parameters)

    def at(self, rows: Rows) -> Floats:
        """See Vectors."""
        return np.asarray(self._index.reconstruct_batch(rows), np.float32)

    def write(self, path: Path) -> None:
        """Write the file that open_vectors opens."""
        faiss.write_index(self._index, str(path))


class Clustered:
    """In clusters, one byte a component. Only the nearest clusters are looked through, so that some of the
    nearest rows may be missed; their order is right once they are compared with the vectors themselves.
    """

    exact = False

    def __init__(self, index: faiss.IndexIVFScalarQuantizer) -> None:
        self.index = index
        self._traced = False  # rows can be told by number

    @classmethod
    def of(cls, sample: NDArray[np.float16], count: int) -> Clustered:
        """Clusters for ``count`` vectors, found in a sample of them [n, d]."""
        dimension, byte = sample.shape[1], faiss.ScalarQuantizer.QT_8bit
        lists = cls.lists(count)
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dimension), dimension, lists, byte, faiss.METRIC_INNER_PRODUCT, False
        )
        index.cp.spherical, index.cp.niter, index.cp.max_points_per_centroid = True, ROUNDS, SAMPLES
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        index.train(sample.astype(np.float32))
        return cls(index)

    @staticmethod
    def lists(count: int) -> int:
        """How many clusters ``count`` vectors are put into."""
        return max(1, int(CLUSTERS * count**0.5))

    def __len__(self) -> int:
        return int(self.index.ntotal)

    def add(self, vectors: NDArray[np.float16]) -> None:
        """Append rows [n, d]."""
        self.index.add(vectors.astype(np.float32))

    def search(self, query: Floats, k: int, allowed: Bools | None) -> tuple[Rows, Floats]:
        """See Vectors."""
        share = 1.0 if allowed is None else max(int(np.count_nonzero(allowed)), 1) / len(self)
        probes = min(self.index.nlist, int(PROBES / share))  # as many vectors are compared as without a mask
        selector = _selector(allowed)
        return _found(self.index, query, k, faiss.SearchParametersIVF(sel=selector, nprobe=probes))

    def at(self, rows: Rows) -> Floats:
        """See Vectors."""
        if not self._traced:
            self.index.make_direct_map()
            self._traced = True
        return np.asarray(self.index.reconstruct_batch(rows), np.float32)

    def write(self, path: Path) -> None:
        """Write the file that open_vectors opens."""
        faiss.write_index(self.index, str(path))


def open_vectors(path: Path, dimension: int) -> Flat | Clustered:
    """Open what was written, by memory map. Raises IndexStateError."""
    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        if isinstance(index, faiss.IndexIVFScalarQuantizer):  # whose lists are mapped by another flag only
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
            faiss.downcast_InvertedLists(index.invlists).prefetch_nthread = 0  # the file is in memory
    except RuntimeError as error:
        raise IndexStateError(f"{path} cannot be read: {error}") from error
    known = isinstance(index, faiss.IndexScalarQuantizer | faiss.IndexIVFScalarQuantizer)
    if not known or index.d != dimension:
        raise IndexStateError(f"{path} is not an index of {dimension} dimensions")
    return Clustered(index) if isinstance(index, faiss.IndexIVFScalarQuantizer) else Flat(dimension, index)


def _selector(allowed: Bools | None) -> faiss.IDSelectorBitmap | None:
    return None if allowed is None else faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))


def _found(
    index: faiss.Index, query: Floats, k: int, parameters: faiss.SearchParameters | None
) -> tuple[Rows, Floats]:
    faiss.omp_set_num_threads(1)  # one query does not gain by waking other threads
    scores, rows = index.search(query[None], min(k, max(int(index.ntotal), 1)), params=parameters)
    there = rows[0] >= 0
    return rows[0][there], scores[0][there]
