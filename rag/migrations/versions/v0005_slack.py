"""What the Slack bot keeps: events, where answers were given, feedback, channels."""

from alembic import op

from rag.tables_slack import slack_answer, slack_channel, slack_event, slack_feedback

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    bind = op.get_bind()
    for table in (slack_event, slack_answer, slack_feedback, slack_channel):
        table.create(bind)
