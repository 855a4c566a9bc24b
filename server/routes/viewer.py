"""/v1/documents/{key}/…: the original, its pages, its text, and where a quote stands."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import FileResponse, Response

from ingest.parse import Boxes
from rag.errors import IngestError, NotFoundError
from rag.library import Library
from rag.store import Store
from rag.types import Document, User
from server.auth import Principal, reader
from server.ingestion import Desk, desk
from server.pages import Pages, pages
from server.problems import problem_responses
from server.routes.library import DocumentKey
from server.schema_documents import BoxesOut, TextOut, boxes_out, text_out

__all__ = ["router"]

router = APIRouter(prefix="/v1/documents/{key}", tags=["documents"])

At = Annotated[Desk, Depends(desk)]
Who = Annotated[Principal, Depends(reader)]
Drawn = Annotated[Pages, Depends(pages)]
Start = Annotated[int, Query(ge=0, le=1 << 40, description="Where the quote begins, in code points.")]
End = Annotated[int, Query(ge=0, le=1 << 40, description="Where it ends.")]
AROUND = 3000  # characters of text shown before and after a quote
CONTEXT = 120  # characters around a quote that tell which of several places is meant
MOST_QUOTE = 5000
# whatever it holds, a browser runs nothing of it
_SANDBOX = {"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff"}


@router.get(
    "/original",
    response_class=FileResponse,
    responses={
        200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
        206: {"description": "The part of it that the header Range asks for"},
        416: {"description": "It has no such part"},
        **problem_responses(401, 403, 404, 421, 500),
    },
    summary="Take the original",
)
def original(at: At, who: Who, drawn: Drawn, key: DocumentKey) -> FileResponse:
    """The file as it was ingested, byte for byte."""
    found = Library(at.store).get(key, who.user)
    return FileResponse(
        drawn.original(found.sha256),
        media_type=found.mime or "application/octet-stream",
        filename=PurePosixPath(found.uri).name or found.id,
        content_disposition_type="attachment",
        headers=_SANDBOX,
    )


@router.get(
    "/pages/{number}",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
        **problem_responses(401, 403, 404, 413, 415, 421, 422, 500),
    },
    summary="See a page",
)
def page_picture(
    at: At,
    who: Who,
    drawn: Drawn,
    key: DocumentKey,
    number: Annotated[int, Path(ge=1, le=1_000_000, description="Page, from 1.")],
    width: Annotated[int, Query(ge=16, le=4000, description="Pixels across.")] = 1000,
) -> Response:
    """Of PDF files and pictures."""
    found = Library(at.store).get(key, who.user)
    picture = drawn.picture(found.sha256, number, width)
    return Response(picture, media_type="image/png", headers=_SANDBOX)


@router.get("/text", responses=problem_responses(401, 403, 404, 421, 422, 500), summary="Read around a quote")
def text(at: At, who: Who, key: DocumentKey, start: Start = 0, end: End = 0) -> TextOut:
    """The text around a place, cut at blocks where there are some near; without a place, its beginning."""
    document, title = _document(at.store, key, who.user)
    start, end = _span(document, start, end)
    first = max((e.start for e in document.elements if e.start <= max(0, start - AROUND)), default=0)
    last = min(
        (e.end for e in document.elements if e.end >= min(len(document.text), end + AROUND)),
        default=len(document.text),
    )
    # one block may be very long
    window = max(first, start - 2 * AROUND), min(last, end + 2 * AROUND)
    return text_out(title, document, (start, end), window)


@router.get("/boxes", responses=problem_responses(401, 403, 404, 421, 422, 500), summary="Place a quote")
def boxes(at: At, who: Who, drawn: Drawn, key: DocumentKey, start: Start, end: End) -> BoxesOut:
    """Rectangles of a quote on the page of a PDF; none where it cannot be placed."""
    document, _ = _document(at.store, key, who.user)
    start, end = _span(document, start, end)
    page = next((e.page for e in reversed(document.elements) if e.start <= start), None)
    if page is None or document.mime != "application/pdf" or not start < end <= start + MOST_QUOTE:
        return boxes_out(page, Boxes(0, 0))
    before = document.text[max(0, start - CONTEXT) : start]
    after = document.text[end : end + CONTEXT]
    try:
        found = drawn.boxes(document.sha256, page, document.text[start:end], before, after)
    except (IngestError, NotFoundError):  # not kept, or damaged: the text can still be shown
        found = Boxes(0, 0)
    return boxes_out(page, found)


def _document(store: Store, key: str, user: User) -> tuple[Document, str]:
    """The document, and its title as the user may know it. Raises NotFoundError."""
    document = store.document(key, user)
    named = store.references([key], user).get(key)
    return document, named.title if named else document.title


def _span(document: Document, start: int, end: int) -> tuple[int, int]:
    """The place within the text; an end before the start is taken for the start."""
    start = min(start, len(document.text))
    return start, min(max(start, end), len(document.text))
