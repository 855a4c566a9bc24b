"""The tables of the one database. A change here needs a migration in rag/migrations/versions/."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
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
)

__all__ = ["chunk", "document", "document_group", "metadata", "setting"]

metadata = MetaData()

document = Table(
    "document",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("source", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("elements", JSON, nullable=False),
    Column("language", String(8), nullable=False),
    Column("mime", String(128), nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("size", Integer, nullable=False),
    Column("modified", Float),
    Column("pipeline", Text, nullable=False),
)

# No row here: everyone may read the document.
document_group = Table(
    "document_group",
    metadata,
    Column("document_id", String(32), ForeignKey("document.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(128), primary_key=True),
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
    Column("vector", LargeBinary, nullable=False),
    Column("sentence_vectors", LargeBinary, nullable=False),
    Index("chunk_of_document", "document_id", "position"),
    sqlite_autoincrement=True,
)

setting = Table(
    "setting",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
