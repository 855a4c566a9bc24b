"""Documents as they are listed and looked at over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ingest.parse import Boxes
from ingest.registry import is_private
from rag.library import Collection, Listed
from rag.text.edition import shown_edition
from rag.types import Document
from server.schema_citation import SOURCE, VersionOut, version_out

__all__ = [
    "BoxesOut",
    "CollectionOut",
    "ListedOut",
    "ListedPageOut",
    "TextOut",
    "boxes_out",
    "collection_out",
    "listed_out",
    "text_out",
]

_LISTED: dict[str, Any] = {
    "id": SOURCE["document_id"],
    "title": SOURCE["title"],
    "source": "policies",
    "uri": SOURCE["source"],
    "collection": "default",
    "language": "en",
    "mime": "application/pdf",
    "size": 48213,
    "modified": "2026-02-01T00:00:00Z",
    "edition": "2026-02-01, v4",
    "error": "",
    "superseded_by": None,
    "readable": True,
}
_TEXT = "Devices\n\nA lost laptop must be reported to the IT service desk within 4 hours."


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [value]})


class ListedOut(BaseModel):
    """A document, by the newest of the places that the reader may see; or a file that could not be read,
    with the reason in ``error``. ``source`` is the name of its source, "" for what was ingested by path.
    """

    model_config = _example(_LISTED)

    id: str
    title: str
    source: str
    uri: str
    collection: str
    language: str
    mime: str
    size: int | None
    modified: datetime | None
    edition: str
    error: str
    superseded_by: VersionOut | None
    readable: Literal[True] = True


class ListedPageOut(BaseModel):
    """The last added first; ``next`` is the cursor of what follows."""

    model_config = _example({"items": [_LISTED], "next": None})

    items: list[ListedOut]
    next: str | None


class CollectionOut(BaseModel):
    """A collection; ``private``: that of one person."""

    model_config = _example({"name": "policies", "documents": 1204, "private": False})

    name: str
    documents: int
    private: bool


class TextOut(BaseModel):
    """A piece of a document's text that begins at ``from``; ``start`` and ``end`` are the place asked for.
    All offsets are those of the whole text, in code points. ``headings`` stand above ``start``.
    """

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "title": SOURCE["title"], "text": _TEXT, "from": 4111, "start": 4120, "end": 4189,
                    "headings": ["Devices"],
                }
            ]
        },
    )  # fmt: skip

    title: str
    text: str
    from_: int = Field(alias="from")
    start: int
    end: int
    headings: list[str]


class BoxesOut(BaseModel):
    """Where a quote stands on its page: [left, bottom, right, top] of each of its lines, in PDF points from
    the lower left. Empty when it cannot be placed; ``page`` is null where the document has none.
    """

    model_config = _example({"page": 3, "width": 595.0, "height": 842.0, "rects": [[72, 612.4, 380.2, 626]]})

    page: int | None
    width: float
    height: float
    rects: list[tuple[float, float, float, float]]


def listed_out(one: Listed) -> ListedOut:
    """A document as it is listed."""
    return ListedOut(
        id=one.id,
        title=one.title,
        source=one.source,
        uri=one.uri,
        collection=one.collection,
        language=one.language,
        mime=one.mime,
        size=one.size,
        modified=None if one.modified is None else datetime.fromtimestamp(round(one.modified, 3), UTC),
        edition=shown_edition(one.edition),
        error=one.error,
        superseded_by=None if one.superseded_by is None else version_out(one.superseded_by),
    )


def collection_out(one: Collection) -> CollectionOut:
    """A collection as it is listed."""
    return CollectionOut(name=one.name, documents=one.documents, private=is_private(one.name))


def text_out(title: str, document: Document, span: tuple[int, int], window: tuple[int, int]) -> TextOut:
    """The text within ``window``, around ``span``."""
    above = next((e for e in reversed(document.elements) if e.start <= span[0]), None)
    headings = list(above.heading) if above else []
    if above and above.kind == "heading":
        headings.append(document.text[above.start : above.end])
    return TextOut(
        title=title,
        text=document.text[window[0] : window[1]],
        from_=window[0],
        start=span[0],
        end=span[1],
        headings=headings,
    )


def boxes_out(page: int | None, boxes: Boxes) -> BoxesOut:
    """A quote's place as it is sent."""
    return BoxesOut(page=page, width=boxes.width, height=boxes.height, rects=list(boxes.rects))
