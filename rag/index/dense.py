"""Dense search: the chunks' vectors of one space, by language, in step with the database.

The index is derived from the database and can always be made again. It follows the log of changed documents,
so that a change costs what it changes; what is on disk (rag.index.snapshot) only saves reading the vectors.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from rag.errors import IndexStateError
from rag.index.access import Accesses
from rag.index.changes import Read, changed_since, document_number, generation, read, wholes
from rag.index.geometry import Geometry
from rag.index.part import Part, Search
from rag.index.snapshot import Progress, Snapshot, SnapshotFolder
from rag.index.vectors import Floats
from rag.models.protocols import EmbedderProtocol
from rag.store import Store
from rag.types import Query, Space, User

__all__ = ["DenseIndex"]

# A new snapshot is due when more rows than this came or went, and more than this share of all.
UNSETTLED_ROWS, UNSETTLED_SHARE = 10_000, 0.1
# So many times the wanted rows are compared with the stored vectors, where a segment's own are rounded
MARGIN = 2
# Rows of a language that are worth a thread of their own; FAISS leaves Python's lock alone
WORTH_A_THREAD = 10_000
_BESIDE = ThreadPoolExecutor(thread_name_prefix="citewell-dense")


class DenseIndex:
    """Cosine similarity search in the space of one embedder. Safe to use from several threads."""

    def __init__(self, store: Store, directory: Path, embedder: EmbedderProtocol | Space) -> None:
        self._store = store
        self._dimension = embedder.dimension
        self._fingerprint = embedder.fingerprint
        self.space_id = store.space_id(self._fingerprint)
        # another database would give the same ids to other chunks, another embedder other vectors
        mark = hashlib.sha256(self._fingerprint.encode("utf-8")).hexdigest()[:8]
        self._folder = SnapshotFolder(directory, f"{store.identity()}-{mark}", self._dimension)
        self._lock = threading.Lock()
        self._state = self._folder.newest() or Snapshot(-1, Accesses(), {})
        self._opened = self._state.generation
        self.geometry = Geometry({name: part.cloud for name, part in self._state.parts.items()})

    @property
    def size(self) -> int:
        """Vectors in the index."""
        return sum(part.size for part in tuple(self._state.parts.values()))

    @property
    def unsettled(self) -> bool:
        """A new snapshot is due: see settle."""
        rows = sum(part.unsettled for part in tuple(self._state.parts.values()))
        return rows > max(UNSETTLED_ROWS, UNSETTLED_SHARE * self.size)

    def sync(self) -> int:
        """Bring the index in step with the database; returns how many vectors were added and removed. Raises
        IndexStateError.
        """
        with self._lock:
            if self._store.generation() == self._state.generation:
                return 0
            if self.space_id is None:
                self.space_id = self._store.space_id(self._fingerprint)
            if self.space_id is None:
                return 0  # nothing was embedded by this embedder yet
            with self._store.read() as connection:
                return self._follow(connection, self.space_id)

    def _follow(self, connection: Connection, space_id: int) -> int:
        now = generation(connection)
        if not 0 <= self._state.generation <= now:  # nothing is known, or an older database was brought back
            fresh = Snapshot(-1, Accesses(), {})
            moved = sum(self._add(fresh, rows) for rows in read(connection, space_id))
            self._state = fresh
        else:
            keys = changed_since(connection, self._state.generation)
            batches = list(read(connection, space_id, keys))
            before = self.size
            kept = self._keep(keys, batches)
            moved = before - self.size + sum(self._add(self._state, rows.besides(kept)) for rows in batches)
        self._state.generation = now
        self.geometry = Geometry({name: part.cloud for name, part in self._state.parts.items()})
        return moved

    def _keep(self, keys: Sequence[str], batches: Sequence[Read]) -> NDArray[np.int64]:
        """Drop what changed documents no longer have; the ids of what they still have."""
        accesses = self._state.accesses
        access = {key: accesses.number(one) for rows in batches for key, one in rows.accesses.items()}
        documents = np.array([document_number(key) for key in keys], np.int64)
        kept = [np.empty(0, np.int64)]
        for language, part in self._state.parts.items():
            ids = [rows.ids[rows.languages == language] for rows in batches]
            kept.append(part.keep(documents, np.concatenate([kept[0], *ids]), access))
        return np.concatenate(kept)

    def _add(self, state: Snapshot, rows: Read) -> int:
        if rows.vectors.shape[1] != self._dimension:
            raise IndexStateError(
                f"The database holds vectors of {rows.vectors.shape[1]} dimensions, "
                f"the embedder {self._fingerprint} makes {self._dimension}.",
                "Ingest into another home (CITEWELL_HOME), or remove this one.",
            )
        for language in np.unique(rows.languages).tolist():
            mine = rows.of(language)
            part = state.parts.setdefault(language, Part(self._dimension))
            part.add(mine, state.accesses.numbers(mine.documents, mine.accesses))
        return len(rows.ids)

    def search(self, query: Query, k: int, user: User) -> list[tuple[int, float]]:
        """The ``k`` ``(chunk id, similarity)`` that stand out most, best first: the product of the passage's
        vector with what the question is beside its language. Only what the user may read is searched, so that
        the rest never shortens the list.

        A question is nearer to any passage in its own language than to the right one in another; so every
        language is searched for itself, and its best are compared with others by how far they stand out
        from what is usual there. How many languages there are makes the list no longer: ranking all of
        twenty took four times as long and put strange passages before the right ones (CONTRIBUTING.md).
        """
        with self._lock:
            table, geometry = self._state.accesses.table(user), self.geometry
            vectors = {name: query.toward(name)[0] for name in self._state.parts}
            begun = {name: part.search(vectors[name], k, table) for name, part in self._state.parts.items()}
        large = {name: (vectors[name], search) for name, (_, search) in begun.items() if search}
        nearest = dict(zip(large, self._each(list(large.values()), k), strict=True))
        found: list[tuple[float, int, float]] = []
        for language, (recent, _) in begun.items():
            mean, deviation = geometry.usual(query, language)
            best = sorted(recent + nearest.get(language, []), key=lambda one: (-one[0], one[1]))[:k]
            found += [((cosine - mean) / deviation, key, cosine) for cosine, key in best]
        return [(key, cosine) for _, key, cosine in sorted(found, key=lambda item: (-item[0], item[1]))[:k]]

    def _each(self, searches: Sequence[tuple[Floats, Search]], k: int) -> list[list[tuple[float, int]]]:
        """What each finds: those that take longer than a thread takes to wake, at the same time."""
        beside = [
            _BESIDE.submit(self._nearest, one, query, k) if len(one.segment.ids) > WORTH_A_THREAD else None
            for query, one in searches[1:]
        ]
        first = [self._nearest(one, query, k) for query, one in searches[:1]]
        return first + [
            self._nearest(one, query, k) if begun is None else begun.result()
            for (query, one), begun in zip(searches[1:], beside, strict=True)
        ]

    def _nearest(self, search: Search, query: Floats, k: int) -> list[tuple[float, int]]:
        """Up to ``k`` (cosine, chunk id) of a large segment."""
        if search.segment.vectors.exact:
            return search.nearest(query, k)
        assert self.space_id is not None
        ids = [key for _, key in search.nearest(query, MARGIN * k)]
        with self._store.read() as connection:
            stored = wholes(connection, self.space_id, ids)
        return [(float(whole.astype(np.float32) @ query), key) for key, whole in stored.items()]

    def readable(self, user: User, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each chunk is there and may be read by the user [n]."""
        with self._lock:
            table = self._state.accesses.table(user)
            found = np.zeros(len(ids), np.bool_)
            for part in self._state.parts.values():
                found |= part.readable(ids, table)
            return found

    def settle(self, told: Progress | None = None) -> bool:
        """Write a snapshot of what the database holds now, and search that (at a million vectors: minutes,
        while the former answers); False when another process is doing it.
        """
        if self.space_id is None:
            return False
        with self._folder.locked() as mine:
            if not mine:
                return False
            fresh = self._folder.newest()
            if fresh is None or fresh.generation <= self._opened:  # else another process has just written it
                with self._store.read() as connection:
                    self._folder.write(connection, self.space_id, generation(connection), told)
                fresh = self._folder.newest()
        assert fresh is not None
        with self._lock:
            self._state, self._opened = fresh, fresh.generation
            with self._store.read() as connection:
                self._follow(connection, self.space_id)
        return True
