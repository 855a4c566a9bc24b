"""Step: hits -> the same hits, each with the versions of its document, and whether it yields to one of them.

The newest version leads, unless the question names another one ("in the 2024 policy") or asks what was in
force before. A version that the reader may not see plays no part.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from rag.store import Store
from rag.text.edition import asked_editions, asks_for_former, in_force, is_edition
from rag.types import DocumentRef, Hit, Query, User
from rag.versions import marked, newer, newest_first

__all__ = ["supersede"]


def supersede(query: Query, hits: Sequence[Hit], store: Store, user: User) -> list[Hit]:
    """The hits, in the same order, with ``document.superseded_by``, ``document.supersedes`` and ``yields_to``
    filled in.
    """
    documents = {hit.document.id: hit.document for hit in hits}
    kin = store.kin(documents, user)
    if not kin:
        return list(hits)
    known = {key: marked(document, kin.get(key, [])) for key, document in documents.items()}
    leading = {key: _leader(query.text, documents[key], others) for key, others in kin.items()}
    return [
        dataclasses.replace(hit, document=known[hit.document.id], yields_to=leading.get(hit.document.id, ""))
        for hit in hits
    ]


def _leader(question: str, document: DocumentRef, kin: Sequence[DocumentRef]) -> str:
    """Id of the version that the document yields to, "" where it leads itself."""
    family = newest_first((document, *kin))
    asked = _asked(question, family)
    if document.id in {one.id for one in asked}:
        return ""
    if asked:
        return asked[0].id
    above = newest_first(other for other in kin if newer(other, document))
    return above[0].id if above else ""


def _asked(question: str, family: Sequence[DocumentRef]) -> list[DocumentRef]:
    """Those of the family, newest first, that the question asks for; none when it asks for no edition."""
    named = asked_editions(question)
    if exact := [one for one in family if any(is_edition(asked, one.edition) for asked in named)]:
        return exact
    # "in 2025" asks for the policy of 2024 when the next one is that of 2026
    if then := [one for one in family if any(in_force(asked, one.edition) for asked in named)]:
        return then[:1]
    if not asks_for_former(question):
        return []
    return [one for one in family if any(newer(other, one) for other in family)][:1]
