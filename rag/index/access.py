"""Who may read what, as numbers: documents with the same collections and readers share one, so that millions
of rows are filtered by a look into a short table.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.tables import EVERYONE, NOBODY
from rag.types import User

__all__ = ["GONE", "Access", "Accesses", "reader_names"]

# A document's places: the collection of each, and the names of those who may read it there.
Access = frozenset[tuple[str, frozenset[str]]]

_Names = frozenset[str] | None

# The number of rows that nobody finds any more: the last entry of a table, counted from its end.
GONE = -1
_REMEMBERED = 256  # users' tables that are kept


def reader_names(user: User) -> list[str] | None:
    """The readers that the user counts as; None for one who reads everything."""
    return None if user.groups is None else [EVERYONE, *(name for name in user.groups if name != NOBODY)]


class Accesses:
    """Numbers each kind of access once. Not safe to use from several threads."""

    def __init__(self, known: Iterable[Access] = ()) -> None:
        self._known = list(known)
        self._numbers = {access: n for n, access in enumerate(self._known)}
        self._tables: OrderedDict[tuple[_Names, _Names], NDArray[np.bool_]] = OrderedDict()

    def __iter__(self) -> Iterator[Access]:
        return iter(self._known)

    def number(self, access: Access) -> int:
        """Its number, from 0."""
        if access not in self._numbers:
            self._numbers[access] = len(self._known)
            self._known.append(access)
        return self._numbers[access]

    def numbers(self, documents: NDArray[np.int64], accesses: Mapping[int, Access]) -> NDArray[np.int32]:
        """The number of each row, by its document [n]."""
        known = {document: self.number(accesses[document]) for document in np.unique(documents).tolist()}
        return np.array([known[document] for document in documents.tolist()], np.int32)

    def table(self, user: User) -> NDArray[np.bool_]:
        """For each number whether the user may read such documents, and False for GONE [numbers + 1]."""
        key = _names(user.groups), _names(user.collections)
        before = self._tables.pop(key, np.zeros(1, np.bool_))
        if len(before) <= len(self._known):
            more = [_may_read(access, user) for access in self._known[len(before) - 1 :]]
            before = np.array([*before[:-1], *more, False], np.bool_)
        self._tables[key] = before
        if len(self._tables) > _REMEMBERED:
            self._tables.popitem(last=False)
        return before


def _names(given: Sequence[str] | None) -> _Names:
    return None if given is None else frozenset(given)


def _may_read(access: Access, user: User) -> bool:
    if user.groups is None and user.collections is None:
        return True
    names = reader_names(user)
    return any(
        (user.collections is None or collection in user.collections)
        and (names is None or not readers.isdisjoint(names))
        for collection, readers in access
    )
