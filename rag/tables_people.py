"""The tables of people, what they sign in with, and the record of what they were answered; beside those of
rag/tables.py.

A change here needs a migration in rag/migrations/versions/. Times are seconds since the epoch; ``hash`` is
the SHA-256 of a random secret, which is kept nowhere.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from rag.tables import metadata

__all__ = ["api_key", "audit", "member", "person", "session", "ticket"]

# ``origin`` is who vouches for them: local (a password here), oidc, proxy, or machine (its operator).
# ``subject`` is what that origin calls them, and never changes: a folded name, or issuer and subject.
person = Table(
    "person",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("origin", String(16), nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("password", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created", Float, nullable=False),
    Column("seen", Float),
    UniqueConstraint("origin", "subject"),
)

member = Table(
    "member",
    metadata,
    Column("person_id", String(32), ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(128), primary_key=True, index=True),
)

session = Table(
    "session",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("person_id", String(32), ForeignKey("person.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
)

# Good for one use: a link that signs somebody in, or a sign-in that is under way at a provider (``data``).
ticket = Table(
    "ticket",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("person_id", String(32), ForeignKey("person.id", ondelete="CASCADE")),
    Column("data", JSON, nullable=False),
    Column("expires", Float, nullable=False),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("person_id", String(32), ForeignKey("person.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("used", Float),
)

# One row for each answer, only ever added to: a trigger keeps all but what erasing a person empties. No key
# refers to person: the record outlives the account.
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False, index=True),
    Column("person_id", String(32), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("channel", String(32), nullable=False),
    Column("question", Text, nullable=False),
    Column("sentences", JSON, nullable=False),
    Column("verdict", String(32), nullable=False),
    Column("language", String(8), nullable=False),
    Column("model", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("settings", String(64), nullable=False),
    Column("usage", JSON, nullable=False),
    Column("ms", Float, nullable=False),
    sqlite_autoincrement=True,
)
