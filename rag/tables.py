"""The tables of the one database. A change here needs a migration in rag/migrations/versions/."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

__all__ = [
    "EVERYONE",
    "NOBODY",
    "band",
    "change",
    "chunk",
    "document",
    "job",
    "kin",
    "metadata",
    "place",
    "reader",
    "setting",
    "source",
    "space",
    "vector",
]

metadata = MetaData()

# The readers' names that stand for all and for none of them; no group is called so
EVERYONE = "*"
NOBODY = "!"

# What was parsed from some bytes: the same bytes found in two places are one document. ``title`` is what was
# embedded; where the content has none of its own (``titled`` false) and its places have different names, it
# is empty, so that nobody learns a name that he may not see. ``edition`` is the date or version that the
# content states of itself, in a form that sorts; ``signature`` its MinHash.
document = Table(
    "document",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("title", Text, nullable=False),
    Column("titled", Boolean, nullable=False, server_default=text("1")),
    Column("text", Text, nullable=False),
    Column("elements", JSON, nullable=False),
    Column("language", String(8), nullable=False),
    Column("mime", String(128), nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("size", Integer, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("edition", String(32), nullable=False, server_default=text("''")),
    Column("signature", LargeBinary),
    # what answers tell of a document, without reading the text that stands before it in a row
    Index("document_reference", "id", "title", "titled", "language", "edition"),
)

# Where a document lies. ``parent`` is the uri of the archive or mail that holds it. A place without a
# document is a container, or a file that could not be read (``error``); a place with both was read once and
# is damaged now. ``title`` names a document that has no title of its own.
place = Table(
    "place",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("source", String(128), nullable=False),
    Column("uri", Text, nullable=False),
    Column("parent", Text, nullable=False, server_default=text("''")),
    Column("document_id", String(32), ForeignKey("document.id"), index=True),
    Column("collection", String(128), nullable=False, server_default=text("'default'")),
    Column("title", Text, nullable=False),
    Column("size", Integer),
    Column("modified", Float),
    Column("etag", Text, nullable=False, server_default=text("''")),
    Column("sha256", String(64), nullable=False, server_default=text("''")),
    Column("pipeline", Text, nullable=False),
    Column("edition", String(32), nullable=False, server_default=text("''")),
    Column("error", Text, nullable=False, server_default=text("''")),
    UniqueConstraint("source", "uri"),
    Index("place_of_parent", "source", "parent"),
    sqlite_autoincrement=True,
)

# Who may read a place, and so its document: groups, or EVERYONE.
reader = Table(
    "reader",
    metadata,
    Column("place_id", Integer, ForeignKey("place.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("document_id", String(32), ForeignKey("document.id", ondelete="CASCADE")),
    Index("reader_of_document", "document_id", "name"),
)

# AUTOINCREMENT: an id is never given twice, so an index that lags behind can never name another chunk by it.
chunk = Table(
    "chunk",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("document_id", String(32), ForeignKey("document.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("sentences", JSON, nullable=False),
    Column("page", Integer),
    Column("heading", JSON, nullable=False),
    Column("header", Text, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Index("chunk_of_document", "document_id", "position"),
    sqlite_autoincrement=True,
)

# A vector space is what one embedder makes. One is active and answers; another may be being filled, and a
# retired one (seconds since the epoch) still serves those who have not noticed.
space = Table(
    "space",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("dimension", Integer, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("retired", Float),
    sqlite_autoincrement=True,
)

# fp16, unit length. ``sentences`` are those of the chunk's sentences in order, null until they were embedded.
vector = Table(
    "vector",
    metadata,
    Column("chunk_id", Integer, ForeignKey("chunk.id", ondelete="CASCADE"), primary_key=True),
    Column("space_id", Integer, ForeignKey("space.id", ondelete="CASCADE"), primary_key=True),
    Column("whole", LargeBinary, nullable=False),
    Column("sentences", LargeBinary),
    # finds the rows that still wait for their sentences without reading all
    Index("vector_unrefined", "space_id", "chunk_id", sqlite_where=Column("sentences").is_(None)),
)

# When each document's chunks, vectors, places or readers changed last, those of documents that are gone, too.
# Written by triggers (rag/migrations/versions/v0006_changes.py).
change = Table(
    "change",
    metadata,
    Column("document_id", String(32), primary_key=True),
    Column("generation", Integer, nullable=False, index=True),
)

# Near-duplicates, both ways round. ``similarity`` estimates the Jaccard index of their shingles.
kin = Table(
    "kin",
    metadata,
    Column("document_id", String(32), ForeignKey("document.id", ondelete="CASCADE"), primary_key=True),
    Column("other_id", String(32), ForeignKey("document.id", ondelete="CASCADE"), primary_key=True),
    Column("similarity", Float, nullable=False),
)

# The hash of a document's subject (title without marks of the version, language, script): only documents that
# share it are compared.
band = Table(
    "band",
    metadata,
    Column("value", BigInteger, primary_key=True),
    Column(
        "document_id", String(32), ForeignKey("document.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
)

# Sources that were added by command or API; those of the settings file are not here.
source = Table(
    "source",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("config", JSON, nullable=False),
    Column("created", Float, nullable=False),
)

# What a running or finished job tells of itself; that it runs at all is the queue's affair.
job = Table(
    "job",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("source", String(128), nullable=False),
    Column("progress", JSON, nullable=False),
    Column("updated", Float, nullable=False),
)

setting = Table(
    "setting",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
