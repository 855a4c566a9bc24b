"""Step: evidence numbers -> citations whose quotes are verbatim text of the document, confirmed whenever
something is said to the reader.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from rag.store import Store
from rag.types import Citation, Evidence, User
from rag.versions import versions_of

__all__ = ["Standing", "cite", "confirmed"]


def cite(evidence: Evidence, n: int) -> Citation:
    """The citation that an answer's [n] points to."""
    return Citation(
        n=n,
        document_id=evidence.document.id,
        title=evidence.document.title,
        source=evidence.document.source,
        page=evidence.page,
        heading=evidence.heading,
        quote=evidence.quote,
        start=evidence.start,
        end=evidence.end,
        modified=evidence.document.modified,
        edition=evidence.document.edition,
        superseded_by=evidence.document.superseded_by,
        supersedes=evidence.document.supersedes,
    )


def confirmed(evidence: Sequence[Evidence], store: Store, user: User) -> list[Evidence]:
    """The evidence that still stands, word for word, in a document that the user may read; numbered anew from
    1.
    """
    kept = [item for item in evidence if _stands(item, store, user)]
    return [dataclasses.replace(item, n=n) for n, item in enumerate(kept, start=1)]


def _stands(item: Evidence, store: Store, user: User) -> bool:
    return store.excerpt(item.document.id, item.start, item.end, user) == item.quote


class Standing:
    """The evidence of one answer as long as it is being given: documents may be deleted or closed to the
    reader meanwhile.
    """

    def __init__(self, evidence: Sequence[Evidence], store: Store, user: User) -> None:
        self._evidence = tuple(evidence)
        self._store = store
        self._user = user
        self._generation: int | None = None

    def now(self) -> tuple[Evidence, ...]:
        """What stands now of what was given, with its numbers; each document by the name, and with those
        versions, that the reader may see now. What is gone does not come back.
        """
        # read first: what changes while we look is looked at the next time
        generation = self._store.generation()
        if generation != self._generation:
            documents = versions_of({e.document.id for e in self._evidence}, self._store, self._user)
            self._evidence = tuple(
                dataclasses.replace(item, document=documents[item.document.id])
                for item in self._evidence
                if item.document.id in documents and _stands(item, self._store, self._user)
            )
            self._generation = generation
        return self._evidence
