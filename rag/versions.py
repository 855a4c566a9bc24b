"""Which of the near-duplicates that a reader may read are older and which are newer versions."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence

from rag.store import Store
from rag.text.edition import later
from rag.types import DocumentRef, User

__all__ = ["marked", "newer", "newest_first", "versions_of"]


def newer(a: DocumentRef, b: DocumentRef) -> bool:
    """Whether ``a`` is a newer version than ``b``: by the editions that they state, else by the times at
    which they were changed. Of two that are equal or not known neither is.
    """
    stated = later(a.edition, b.edition)
    if stated is not None:
        return stated
    return a.modified is not None and b.modified is not None and a.modified > b.modified


def newest_first(documents: Iterable[DocumentRef]) -> list[DocumentRef]:
    """The documents, those that more others are older than first."""
    known = sorted(documents, key=lambda document: document.id)
    return sorted(known, key=lambda document: -sum(newer(document, other) for other in known))


def marked(document: DocumentRef, kin: Sequence[DocumentRef]) -> DocumentRef:
    """The document with its newest version and its older ones among its kin."""
    after = newest_first(other for other in kin if newer(other, document))
    before = newest_first(other for other in kin if newer(document, other))
    return dataclasses.replace(document, superseded_by=after[0] if after else None, supersedes=tuple(before))


def versions_of(keys: Collection[str], store: Store, user: User) -> dict[str, DocumentRef]:
    """Documents by id as the user sees them now, each with its versions that he may read."""
    kin = store.kin(keys, user)
    return {key: marked(document, kin.get(key, [])) for key, document in store.references(keys, user).items()}
