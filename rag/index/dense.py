"""Dense search: FAISS over the chunks' vectors, exact, in fp16.

The index is derived from the database and can always be rebuilt. Chunk ids are never given twice, so
comparing the set of ids tells all there is to know about what changed; the snapshot on disk only saves the
time of reading vectors again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from rag.errors import IndexStateError
from rag.index.geometry import Geometry
from rag.models.protocols import EmbedderProtocol
from rag.store import Store
from rag.types import Space

__all__ = ["DenseIndex"]

# Mean and covariance settle long before this many vectors.
GEOMETRY_SAMPLE = 5000

logger = logging.getLogger(__name__)


class DenseIndex:
    """Cosine similarity search in the space of one embedder, following the database. Safe to use from several
    threads.
    """

    def __init__(self, store: Store, directory: Path, embedder: EmbedderProtocol | Space) -> None:
        self._store = store
        self._dimension = embedder.dimension
        self._fingerprint = embedder.fingerprint
        self.space_id = store.space_id(self._fingerprint)
        # another database would give the same ids to other chunks, another embedder other vectors
        mark = hashlib.sha256(self._fingerprint.encode("utf-8")).hexdigest()[:8]
        self._snapshot = directory / f"{store.identity()}-{mark}.faiss"
        self._lock = threading.Lock()
        self._generation = -1
        self._ids = np.empty(0, np.int64)
        self._index = self._open()
        self._languages: dict[str, NDArray[np.int64]] = {}
        self.geometry = Geometry({})

    def _empty(self) -> faiss.IndexIDMap2:
        flat = faiss.IndexScalarQuantizer(
            self._dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        return faiss.IndexIDMap2(flat)

    def _open(self) -> faiss.IndexIDMap2:
        if not self._snapshot.is_file():
            return self._empty()
        try:
            index = faiss.read_index(str(self._snapshot))
            if not isinstance(index, faiss.IndexIDMap2) or index.d != self._dimension:
                raise IndexStateError(f"{self._snapshot} is not of {self._dimension} dimensions with ids")
            self._ids = np.sort(faiss.vector_to_array(index.id_map))
            return index
        except (RuntimeError, IndexStateError) as error:
            logger.warning("Rebuilding the index from the database: %s", error)
            return self._empty()

    @property
    def size(self) -> int:
        """Vectors in the index."""
        return int(self._index.ntotal)

    def sync(self) -> int:
        """Bring the index in step with the database; returns how many vectors were added and removed."""
        with self._lock:
            generation = self._store.generation()
            if generation == self._generation:
                return 0
            if self.space_id is None:
                self.space_id = self._store.space_id(self._fingerprint)
            if self.space_id is None:
                return 0  # nothing was embedded by this embedder yet
            wanted, languages = self._store.chunk_languages()
            gone = np.setdiff1d(self._ids, wanted, assume_unique=True)
            new = np.setdiff1d(wanted, self._ids, assume_unique=True)
            if len(gone):
                self._index.remove_ids(faiss.IDSelectorBatch(gone))
            for ids, vectors in self._store.vectors(new, self.space_id):
                if vectors.shape[1] != self._dimension:
                    raise IndexStateError(
                        f"The database holds vectors of {vectors.shape[1]} dimensions, "
                        f"the embedder {self._fingerprint} makes {self._dimension}.",
                        "Ingest into another home (CITEWELL_HOME), or remove this one.",
                    )
                self._index.add_with_ids(vectors.astype(np.float32), ids)
            self._ids = np.sort(faiss.vector_to_array(self._index.id_map))
            # a chunk that was deleted between the two reads has no vector
            there = np.isin(wanted, self._ids, assume_unique=True)
            wanted, languages = wanted[there], languages[there]
            self._languages = {str(name): wanted[languages == name] for name in np.unique(languages)}
            self.geometry = Geometry({name: self._some(ids) for name, ids in self._languages.items()})
            self._generation = generation
            return len(gone) + len(new)

    def _some(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Vectors of up to GEOMETRY_SAMPLE of the ids, spread evenly, [n, d]."""
        chosen = ids[:: -(-len(ids) // GEOMETRY_SAMPLE)]
        return np.stack([self._index.reconstruct(int(i)) for i in chosen])

    def search(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """The ``k`` best ``(chunk id, cosine)`` of each language for a unit vector [d], those that stand out
        most first.

        A question is nearer to any passage in its own language than to the right one in another; so every
        language is searched for itself. ``allowed`` (None: all) restricts the search itself, so that
        forbidden chunks never shorten the list.
        """
        found: list[tuple[float, int, float]] = []
        with self._lock:
            for language, ids in self._languages.items():
                within = ids if allowed is None else np.intersect1d(ids, allowed, assume_unique=True)
                mean, deviation = self.geometry.usual(query, language)
                found += [
                    ((cosine - mean) / deviation, key, cosine)
                    for key, cosine in self._nearest(query, k, within)
                ]
        return [(key, cosine) for _, key, cosine in sorted(found, key=lambda item: (-item[0], item[1]))]

    def _nearest(
        self, query: NDArray[np.float32], k: int, within: NDArray[np.int64]
    ) -> list[tuple[int, float]]:
        if not len(within):
            return []
        parameters = None
        if len(within) < self.size:
            selector = faiss.IDSelectorBatch(within)
            parameters = faiss.SearchParameters()
            parameters.sel = selector
        scores, ids = self._index.search(query[None].astype(np.float32), k, params=parameters)
        return [(int(i), float(s)) for i, s in zip(ids[0], scores[0], strict=True) if i >= 0]

    def save(self) -> None:
        """Write the snapshot: a temporary file, fsync, rename."""
        self._snapshot.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._snapshot.with_suffix(f".{os.getpid()}.tmp")
        with self._lock:
            faiss.write_index(self._index, str(temporary))
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(self._snapshot)
