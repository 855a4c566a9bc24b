"""Step: hits -> the same hits, each with the versions of its document, and whether it yields to one of them.

The newest version leads, unless the question names another one ("in the 2024 policy") or asks what was in
force before. A version that the reader may not see plays no part.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

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
    asked = _Asked(tuple(asked_editions(query.text)), asks_for_former(query.text))
    leading = {key: _leader(asked, document, kin.get(key, [])) for key, document in known.items()}
    return [
        dataclasses.replace(hit, document=known[hit.document.id], yields_to=leading[hit.document.id])
        for hit in hits
    ]


class _Asked(NamedTuple):
    """The editions that a question names, and whether it asks for what was in force before."""

    editions: tuple[str, ...]
    former: bool


def _leader(asked: _Asked, document: DocumentRef, kin: Sequence[DocumentRef]) -> str:
    """Id of the version that the document yields to, "" where it leads itself."""
    chosen = _chosen(asked, newest_first((document, *kin))) if kin and any(asked) else []
    if document.id in {one.id for one in chosen}:
        return ""
    if chosen:
        return chosen[0].id
    return document.superseded_by.id if document.superseded_by else ""


def _chosen(asked: _Asked, family: Sequence[DocumentRef]) -> list[DocumentRef]:
    """Those of the family, newest first, that the question asks for; none when it asks for no edition."""
    if exact := [one for one in family if any(is_edition(day, one.edition) for day in asked.editions)]:
        return exact
    # "in 2025" asks for the policy of 2024 when the next one is that of 2026
    if then := [one for one in family if any(in_force(day, one.edition) for day in asked.editions)]:
        return then[:1]
    if not asked.former:
        return []
    return [one for one in family if any(newer(other, one) for other in family)][:1]
