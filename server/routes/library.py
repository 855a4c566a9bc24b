"""/v1/documents and /v1/collections: what there is to read, for whoever may read it."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query

from ingest.registry import private_collection
from ingest.uploads import is_upload, remove_uploads
from rag.errors import ForbiddenError
from rag.library import Library
from server.auth import Principal, Role, reader, uploader
from server.ingestion import Desk, desk
from server.paging import cursor, place_of
from server.problems import problem_responses
from server.schema_documents import CollectionOut, ListedOut, ListedPageOut, collection_out, listed_out

__all__ = ["DocumentKey", "router"]

router = APIRouter(prefix="/v1", tags=["documents"])

At = Annotated[Desk, Depends(desk)]
Who = Annotated[Principal, Depends(reader)]
DocumentKey = Annotated[str, Path(description="Id of the document.", examples=["5e0c3f7a9d1b42c8"])]


@router.get("/documents", responses=problem_responses(401, 403, 421, 422, 500), summary="List documents")
def list_documents(
    at: At,
    who: Who,
    q: Annotated[str, Query(max_length=500, description="Only those with this in title or place.")] = "",
    collection: Annotated[str | None, Query(description="Only those of this collection.")] = None,
    source: Annotated[str | None, Query(description="Only those of this source.")] = None,
    state: Annotated[
        Literal["ok", "failed"] | None, Query(description="Only what was read, or what could not be.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Documents at most.")] = 50,
    after: Annotated[str | None, Query(alias="cursor", description="``next`` of the list so far.")] = None,
) -> ListedPageOut:
    """Those that the reader may read, the last added first, each once."""
    user = who.user if collection is None else dataclasses.replace(who.user, collections=(collection,))
    known = place_of(after)
    found = Library(at.store).list(
        user,
        q=q.strip(),
        source=source,
        state=state,
        limit=limit + 1,
        before=None if known is None else int(known[0]),
    )
    last = found[limit - 1] if len(found) > limit else None
    return ListedPageOut(
        items=[listed_out(one) for one in found[:limit]],
        next=None if last is None else cursor((last.place, last.id)),
    )


@router.get(
    "/documents/{key}", responses=problem_responses(401, 403, 404, 421, 500), summary="Show a document"
)
def show_document(at: At, who: Who, key: DocumentKey) -> ListedOut:
    """One document, or one file that could not be read."""
    return listed_out(Library(at.store).get(key, who.user))


@router.delete(
    "/documents/{key}",
    status_code=204,
    responses=problem_responses(401, 403, 404, 409, 421, 500),
    summary="Delete an uploaded document",
)
def delete_document(at: At, who: Annotated[Principal, Depends(uploader)], key: DocumentKey) -> None:
    """It is in no answer from now on. Editors delete what was uploaded, and everyone what is private to him;
    what a source brings is removed there.
    """
    places = Library(at.store).places(key, who.user)
    if not who.role.includes(Role.EDITOR):
        uploads = [place for place in places if is_upload(place)]
        places = tuple(place for place in uploads if place.collection == private_collection(who.id))
        if not places:
            raise ForbiddenError("Only editors delete what others may read.", "Ask an editor.")
    for source in remove_uploads(places, at.settings, at.store):
        # sweeps up what is left, and what a sync that runs now brings back
        at.jobs.upload(source)


@router.get("/collections", responses=problem_responses(401, 403, 421, 500), summary="List collections")
def list_collections(at: At, who: Who) -> list[CollectionOut]:
    """Those with documents that the reader may read, with how many."""
    return [collection_out(one) for one in Library(at.store).collections(who.user)]
