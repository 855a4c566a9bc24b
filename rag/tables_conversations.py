"""The tables of conversations and of what readers say of answers, beside those of rag/tables.py.

A change here needs a migration in rag/migrations/versions/.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, ForeignKey, Index, String, Table, Text

from rag.tables import metadata

__all__ = ["conversation", "feedback", "message"]

# ``active`` is the message that the branch which is shown ends with. Times are seconds since the epoch.
conversation = Table(
    "conversation",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("title", Text, nullable=False),
    Column("collections", JSON, nullable=False),
    Column("active", String(32)),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Index("conversation_of_owner", "owner", "updated"),
)

# A tree: siblings are other wordings of a question, or other answers to it. ``content`` is a question;
# ``answer`` (rag.types.Answer) is what an assistant's message consists of, and is never shown as it lies
# here: see rag/stored.py. ``basis`` are the documents that it was made from, cited or not.
message = Table(
    "message",
    metadata,
    Column("id", String(32), primary_key=True),
    Column(
        "conversation_id",
        String(32),
        ForeignKey("conversation.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("parent", String(32)),
    Column("role", String(16), nullable=False),
    Column("content", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("answer", JSON),
    Column("basis", JSON, nullable=False),
    Column("created", Float, nullable=False),
)

# One for each answer: its owner's. ``state`` is the administrators' mark.
feedback = Table(
    "feedback",
    metadata,
    Column("id", String(32), primary_key=True),
    Column(
        "message_id",
        String(32),
        ForeignKey("message.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    Column("rating", String(8), nullable=False),
    Column("reason", String(16), nullable=False),
    Column("comment", Text, nullable=False),
    Column("corrected", Text, nullable=False),
    Column("state", String(8), nullable=False, index=True),
    Column("created", Float, nullable=False),
)
