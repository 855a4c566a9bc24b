"""Documents made of paragraphs, put into a real store: one chunk for each paragraph."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from sqlalchemy import select

from ingest.embed import Embedded, embed
from ingest.index import Ledger, Prepared
from ingest.kin import sign
from rag.models.protocols import EmbedderProtocol
from rag.store import Store
from rag.tables import chunk
from rag.text import language, sentences
from rag.types import Chunk, Document, DocumentRef, Element, Evidence, Hit, Place

__all__ = [
    "chunk_ids",
    "chunks_of",
    "document_of",
    "evidence_of",
    "hit_of",
    "put",
    "reference_of",
    "take_away",
]

_SOURCES: dict[str, str] = {}  # by document id: where it lies


def document_of(
    source: str,
    paragraphs: Sequence[str],
    *,
    title: str = "",
    heading: Sequence[str] = (),
    spoken: str = "",
) -> Document:
    text = "\n\n".join(paragraphs)
    elements, start = [], 0
    for paragraph in paragraphs:
        elements.append(Element("text", start, start + len(paragraph), 1, tuple(heading)))
        start += len(paragraph) + 2
    # the name is hashed too: two files of the same words are two documents here
    sha256 = hashlib.sha256(f"{source}\n{text}".encode()).hexdigest()
    _SOURCES[sha256[:32]] = source
    return Document(
        id=sha256[:32],
        title=title or source,
        titled=True,
        text=text,
        elements=tuple(elements),
        language=spoken or language(text),
        mime="text/plain",
        sha256=sha256,
        size=len(text.encode()),
    )


def chunks_of(document: Document, header: str = "") -> list[Chunk]:
    found = []
    for position, element in enumerate(document.elements):
        text = document.text[element.start : element.end]
        spans = tuple((element.start + a, element.start + b) for a, b in sentences(text))
        found.append(
            Chunk(
                document.id, position, text, element.start, element.end, spans,
                element.page, element.heading, header, len(text),
            )
        )  # fmt: skip
    return found


def put(
    store: Store, embedder: EmbedderProtocol, source: str, paragraphs: Sequence[str], **about: object
) -> Document:
    """Store the document with the embedder's vectors of its chunks and their sentences."""
    header = str(about.pop("header", ""))
    groups = tuple(about.pop("groups", ()))
    modified = about.pop("modified", 1.5)
    collection = str(about.pop("collection", "default"))
    document = document_of(source, paragraphs, **about)
    chunks = chunks_of(document, header)
    (embedded,) = embed([(document.title, chunks)], embedder)
    inner = tuple(embedder.embed_passages(chunk.sentence_texts()).astype(np.float16) for chunk in chunks)
    ledger = Ledger(store)
    space = ledger.active_space(embedder.fingerprint, embedder.dimension)
    place = Place(source, source, size=document.size, modified=modified, groups=groups, collection=collection)
    prepared = Prepared(document, chunks, Embedded(embedded.vectors, inner), sign(document))
    ledger.put(prepared, [place], "test", space)
    return document


def take_away(store: Store, *sources: str) -> int:
    """Remove documents by the source that they were put under."""
    return Ledger(store).remove("", sources)


def chunk_ids(store: Store) -> list[int]:
    """Ids of all chunks, ascending."""
    with store.read() as connection:
        return list(connection.execute(select(chunk.c.id).order_by(chunk.c.id)).scalars())


def reference_of(document: Document) -> DocumentRef:
    return DocumentRef(document.id, _SOURCES[document.id], document.title, document.language, 1.5)


def hit_of(
    document: Document, position: int = 0, *, chunk_id: int = 1, header: str = "", **values: object
) -> Hit:
    """A hit on one of the document's paragraphs; its sentences stand out by nothing unless told otherwise."""
    chunk = chunks_of(document, header)[position]
    given = {"score": 1.0, "sentences": (0.0,) * len(chunk.sentences), **values}
    found = Chunk(**{f: getattr(chunk, f) for f in Chunk.__slots__} | {"id": chunk_id})
    return Hit(found, reference_of(document), **given)


def evidence_of(document: Document, quote: str, n: int = 1, **values: object) -> Evidence:
    start = document.text.index(quote)
    given = {"score": 0.9, **values}
    return Evidence(n, reference_of(document), quote, start, start + len(quote), **given)
