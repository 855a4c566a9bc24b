"""The tables of the Slack bot, beside those of rag/tables.py.

A change here needs a migration in rag/migrations/versions/. Times are seconds since the epoch; channels,
people and messages are named by Slack's own ids.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from rag.tables import metadata

__all__ = ["slack_answer", "slack_channel", "slack_event", "slack_feedback"]

# What Slack has sent and is to be worked on once. ``place`` is team, channel and time of a message: Slack
# tells of one message by several events. Whoever works on it holds it until ``until``; ``notes`` is what he
# leaves to those who come after him. ``payload`` is emptied when it is done.
slack_event = Table(
    "slack_event",
    metadata,
    Column("id", String(160), primary_key=True),
    Column("place", String(160), nullable=False, unique=True),
    Column("thread", String(160), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("person", String(64), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("holder", String(64), nullable=False),
    Column("until", Float, nullable=False),
    Column("created", Float, nullable=False),
    Index("slack_event_waiting", "state", "created"),
    Index("slack_event_of_thread", "thread", "state"),
)

# Where in Slack an answer of a conversation was given: ``ts`` is the message that holds it, "" for what only
# its asker saw. ``open`` tells whether the channel saw it.
slack_answer = Table(
    "slack_answer",
    metadata,
    Column("message_id", String(32), ForeignKey("message.id", ondelete="CASCADE"), primary_key=True),
    Column("conversation_id", String(32), nullable=False),
    Column("owner", String(128), nullable=False),
    Column("team", String(32), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("thread", String(32), nullable=False),
    Column("ts", String(32), nullable=False),
    Column("asker", String(32), nullable=False),
    Column("open", Boolean, nullable=False),
    Column("verdict", String(32), nullable=False),
    Column("created", Float, nullable=False),
    Index("slack_answer_of_thread", "channel", "thread", "created"),
    Index("slack_answer_of_message", "channel", "ts"),
)

slack_feedback = Table(
    "slack_feedback",
    metadata,
    Column("message_id", String(32), ForeignKey("message.id", ondelete="CASCADE"), primary_key=True),
    Column("person", String(32), primary_key=True),
    Column("rating", String(8), nullable=False),
    Column("reason", String(16), nullable=False),
    Column("comment", Text, nullable=False),
    Column("corrected", Text, nullable=False),
    Column("created", Float, nullable=False),
)

# How it behaves in a channel. Empty collections and groups mean all of them.
slack_channel = Table(
    "slack_channel",
    metadata,
    Column("team", String(32), primary_key=True),
    Column("channel", String(32), primary_key=True),
    Column("answers", String(16), nullable=False, server_default=text("'threads'")),
    Column("questions_only", Boolean, nullable=False, server_default=text("0")),
    Column("language", String(8), nullable=False, server_default=text("''")),
    Column("collections", JSON, nullable=False),
    Column("groups", JSON, nullable=False),
)
