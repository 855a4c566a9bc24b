"""Conversations as trees of messages, and what readers say of answers."""

from alembic import op

from rag.tables_conversations import conversation, feedback, message

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    bind = op.get_bind()
    for table in (conversation, message, feedback):
        table.create(bind)
