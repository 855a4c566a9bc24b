"""Step: evidence numbers -> citations whose quotes are verbatim text of the document, confirmed when the
answer is given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from rag.store import Store
from rag.types import Citation, Evidence, User

__all__ = ["cite", "confirmed"]


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
    )


def confirmed(evidence: Sequence[Evidence], store: Store, user: User) -> list[Evidence]:
    """The evidence that still stands, word for word, in a document that the user may read; numbered anew from
    1.
    """
    kept: list[Evidence] = []
    for item in evidence:
        if store.excerpt(item.document.id, item.start, item.end, user) == item.quote:
            kept.append(dataclasses.replace(item, n=len(kept) + 1))
    return kept
