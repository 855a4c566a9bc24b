"""The vectors of one language: a large segment that was written once and is opened by memory map, and a small
one of what came since.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.index.access import GONE
from rag.index.changes import Read
from rag.index.geometry import Cloud
from rag.index.vectors import Bools, Flat, Floats, Rows, Vectors

__all__ = ["Part", "Search", "Segment"]


@dataclass(slots=True, eq=False)
class Segment:
    """Rows that are searched together. ``access`` is the number of who may read them, GONE when they were
    removed: they are masked then.
    """

    vectors: Vectors
    ids: NDArray[np.int64]  # [n], of the chunks
    documents: NDArray[np.int64]  # [n]
    access: NDArray[np.int32]  # [n]
    order: NDArray[np.int64] | None = None  # the rows by ascending id; None: they are in order

    @classmethod
    def empty(cls, dimension: int) -> Segment:
        """A segment that can be added to."""
        nothing = np.empty(0, np.int64)
        return cls(Flat(dimension), nothing, nothing, np.empty(0, np.int32))

    def allowed(self, table: Bools) -> Bools | None:
        """The rows that the table of rag.index.access allows; None for all of them."""
        allowed = table[self.access]
        return None if allowed.all() else allowed

    def readable(self, ids: NDArray[np.int64], table: Bools) -> Bools:
        """Whether each of some chunks is here, and allowed by the table."""
        if not len(self.ids):
            return np.zeros(len(ids), np.bool_)
        at = np.minimum(np.searchsorted(self.ids, ids, sorter=self.order), len(self.ids) - 1)
        rows = at if self.order is None else self.order[at]
        return np.asarray((self.ids[rows] == ids) & table[self.access[rows]], np.bool_)

    def of(self, documents: NDArray[np.int64]) -> Rows:
        """The rows of some documents that are there."""
        return np.flatnonzero(np.isin(self.documents, documents) & (self.access != GONE))


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A search of a segment that was begun: what is left to do touches nothing that changes."""

    segment: Segment
    allowed: Bools | None

    def nearest(self, query: Floats, k: int) -> list[tuple[float, int]]:
        """Up to ``k`` (cosine, chunk id)."""
        if self.allowed is not None and not self.allowed.any():
            return []
        rows, cosines = self.segment.vectors.search(query, k, self.allowed)
        return list(zip(cosines.tolist(), self.segment.ids[rows].tolist(), strict=True))


class Part:
    """See above. Not safe to use from several threads, but for a Search of ``main``."""

    def __init__(self, dimension: int, main: Segment | None = None, cloud: Cloud | None = None) -> None:
        self.main = main
        self._gone = 0  # rows of it
        self.tail = Segment.empty(dimension)
        self.cloud = cloud or Cloud.of(np.empty((0, dimension), np.float32))

    @property
    def size(self) -> int:
        """Vectors that are there."""
        return self.cloud.count

    @property
    def unsettled(self) -> int:
        """Rows that a new snapshot would put into, or take out of, the large segment."""
        return len(self.tail.ids) + self._gone

    def _segments(self) -> list[Segment]:
        return [self.main, self.tail] if self.main else [self.tail]

    def keep(self, documents: NDArray[np.int64], ids: NDArray[np.int64], access: dict[int, int]) -> Rows:
        """Of some documents keep the chunks ``ids``, with the access that they have now, and drop the others.
        Returns the ids of those that are kept.
        """
        kept = []
        for segment in self._segments():
            rows = segment.of(documents)
            stay = np.isin(segment.ids[rows], ids)
            segment.access[rows[stay]] = [access[n] for n in segment.documents[rows[stay]].tolist()]
            gone = rows[~stay]
            if len(gone):
                self.cloud -= Cloud.of(segment.vectors.at(gone))
                segment.access[gone] = GONE
                self._gone += len(gone) if segment is self.main else 0
            kept.append(segment.ids[rows[stay]])
        return np.concatenate(kept)

    def add(self, rows: Read, access: NDArray[np.int32]) -> None:
        """Rows that are not there yet, at least one, by ascending id."""
        tail = self.tail
        assert isinstance(tail.vectors, Flat)
        tail.vectors.add(rows.vectors)
        in_order = tail.order is None and not np.any(tail.ids[-1:] > rows.ids[0])
        tail.ids = np.concatenate([tail.ids, rows.ids])
        tail.order = None if in_order else np.argsort(tail.ids)
        tail.documents = np.concatenate([tail.documents, rows.documents])
        tail.access = np.concatenate([tail.access, access])
        self.cloud += Cloud.of(rows.vectors.astype(np.float32))

    def readable(self, ids: NDArray[np.int64], table: Bools) -> Bools:
        """See Segment.readable."""
        found = self.tail.readable(ids, table)
        return found if self.main is None else found | self.main.readable(ids, table)

    def search(self, query: Floats, k: int, table: Bools) -> tuple[list[tuple[float, int]], Search | None]:
        """Up to ``k`` (cosine, chunk id) of the small segment, and the search of the large one."""
        found = []
        if len(self.tail.ids):
            found = Search(self.tail, self.tail.allowed(table)).nearest(query, k)
        return found, None if self.main is None else Search(self.main, self.main.allowed(table))
