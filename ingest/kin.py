"""Near-duplicates: which documents are versions of one another.

Two documents are linked when they have the same subject (ingest.subject) and their texts share a good part of
their shingles, as their MinHash signatures tell (Broder, "On the resemblance and containment of documents",
1997). Every link depends on its two documents alone, so the order in which documents come makes no
difference. Which of two versions is the newer is decided when a reader asks (rag.supersede): he may not see
all of them.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, insert, select

from ingest.subject import clash, facts, filled_in, is_record, subject
from rag.tables import band, kin
from rag.tables import document as documents
from rag.text import terms
from rag.text.edition import edition_in_name, edition_of
from rag.types import Document

__all__ = ["Signature", "forget", "link", "sign", "stated_in_name"]

PERMUTATIONS = 128
# Pairs of terms; a rule that was revised in every paragraph keeps two fifths of them, while unlike texts of
# one make share less than a seventh (measured on Django's documentation, releases 3.2 and 5.2)
NEAR = 0.35
# Of short texts, and of records, only copies with small corrections are versions
NEARLY = 0.7
FEW_SHINGLES = 30
# A name may have replaced another one in forms that are no longer than this
FORM_SHINGLES, FORM_CHARS = 400, 8000
# So many documents of one subject are a series (a page of a site that is called as all its pages are)
SERIES = 64
# Of longer texts the lines with the smallest hashes are taken: mostly the same ones in all versions
SAMPLE_CHARS = 200_000
_MAIL = "message/rfc822"
_NUMBER = re.compile(r"\d[\d.,:]*")
_HEAD = 1 + PERMUTATIONS


@dataclass(frozen=True, slots=True)
class Signature:
    """``digest``: the MinHash of the document's shingles, as stored; ``edition``: the date or version that it
    states of itself, in a form that sorts, "" where it states none.

    The digest is little-endian uint32: the number of shingles, the minima, the pairs of ingest.subject.facts.
    """

    digest: bytes
    edition: str


def sign(document: Document) -> Signature:
    """The document's signature. A mail answers the one before it and supersedes nothing: its digest is
    empty.
    """
    edition = edition_of(document.title if document.titled else "", document.text)
    if document.mime == _MAIL:
        return Signature(b"", edition)
    shingles = set(_shingles(document.text))
    sketch = MinHash(PERMUTATIONS, hashfunc=int, scheme="affine32")
    sketch.update_batch(shingles)
    about = itertools.chain.from_iterable(sorted(facts(document.text[:SAMPLE_CHARS]).items()))
    parts = ([len(shingles)], sketch.digest(), list(about))
    return Signature(b"".join(np.asarray(part, "<u4").tobytes() for part in parts), edition)


def stated_in_name(name: str) -> str:
    """The edition that a file's name states, in the form of Signature.edition."""
    return edition_in_name(name)


def _shingles(text: str) -> Iterator[int]:
    """Hashes of pairs of neighbouring terms within a line, all numbers taken for the same."""
    for line in _sampled(text):
        words = ["0" if _NUMBER.fullmatch(term) else term for term in terms(line)]
        if len(words) == 1:
            yield zlib.crc32(words[0].encode())
        for pair in itertools.pairwise(words):
            yield zlib.crc32(" ".join(pair).encode())


def _sampled(text: str) -> Iterator[str]:
    lines = text.split("\n")
    if len(text) <= SAMPLE_CHARS:
        yield from lines
        return
    left = SAMPLE_CHARS
    for line in sorted(set(lines), key=lambda line: (zlib.crc32(line.encode()), line)):
        yield line[:left]
        left -= len(line)
        if left <= 0:
            return


@dataclass(frozen=True, slots=True)
class _Known:
    """A stored document as it is compared."""

    id: str
    title: str
    shingles: int
    minima: NDArray[np.uint32]
    about: dict[int, int]


def _known(key: str, title: str, digest: bytes) -> _Known:
    values = np.frombuffer(digest, "<u4")
    about = dict(values[_HEAD:].reshape(-1, 2).tolist())
    return _Known(key, title, int(values[0]), values[1:_HEAD], about)


def link(connection: Connection, document: Document, signature: Signature) -> None:
    """Find the stored near-duplicates of a document that was just inserted and note them both ways round."""
    named = subject(document.title, document.text, document.language)
    if not signature.digest or not named:
        return
    value = _value(named)
    connection.execute(insert(band), {"value": value, "document_id": document.id})
    others = _of_subject(connection, value, document.id)
    if len(others) == SERIES:
        # with this one it has become a series
        connection.execute(delete(kin).where(kin.c.document_id.in_([other.id for other in others])))
    if len(others) < SERIES:
        new = _known(document.id, document.title, signature.digest)
        _note(connection, [(new, other) for other in others])


def forget(connection: Connection, document_id: str) -> None:
    """Call it before a document is deleted: what was a series may then be versions again."""
    value = connection.execute(select(band.c.value).where(band.c.document_id == document_id)).scalar()
    if value is None:
        return
    others = _of_subject(connection, value, document_id)
    if len(others) == SERIES:
        _note(connection, list(itertools.combinations(others, 2)))


def _value(named: str) -> int:
    digest = hashlib.blake2b(named.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _of_subject(connection: Connection, value: int, but: str) -> list[_Known]:
    """Up to one more than a series of the other documents of a subject."""
    query = (
        select(documents.c.id, documents.c.title, documents.c.signature)
        .join_from(band, documents, band.c.document_id == documents.c.id)
        .where(band.c.value == value, band.c.document_id != but)
        .limit(SERIES + 1)
    )
    return [_known(row.id, row.title, row.signature) for row in connection.execute(query)]


def _note(connection: Connection, pairs: Sequence[tuple[_Known, _Known]]) -> None:
    rows = []
    for a, b in pairs:
        similarity = float(np.count_nonzero(a.minima == b.minima)) / PERMUTATIONS
        if _versions(connection, a, b, similarity):
            rows += [
                {"document_id": one.id, "other_id": other.id, "similarity": similarity}
                for one, other in ((a, b), (b, a))
            ]
    if rows:
        connection.execute(insert(kin), rows)


def _versions(connection: Connection, a: _Known, b: _Known, similarity: float) -> bool:
    strict = min(a.shingles, b.shingles) < FEW_SHINGLES or is_record(a.title)
    if similarity < (NEARLY if strict else NEAR) or clash(a.about, b.about):
        return False
    if max(a.shingles, b.shingles) > FORM_SHINGLES:
        return True
    query = select(documents.c.id, func.substr(documents.c.text, 1, FORM_CHARS)).where(
        documents.c.id.in_([a.id, b.id])
    )
    texts: dict[str, str] = {key: text for key, text in connection.execute(query)}
    return not filled_in(texts[a.id], texts[b.id], a.title, b.title)
