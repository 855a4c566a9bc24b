"""Documents, their groups, chunks with vectors, and the lexical rows."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "document",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("source", sa.Text, nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("elements", sa.JSON, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("mime", sa.String(128), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, index=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("modified", sa.Float),
        sa.Column("pipeline", sa.Text, nullable=False),
    )
    op.create_table(
        "document_group",
        sa.Column(
            "document_id", sa.String(32), sa.ForeignKey("document.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("name", sa.String(128), primary_key=True),
    )
    op.create_table(
        "chunk",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "document_id", sa.String(32), sa.ForeignKey("document.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("end", sa.Integer, nullable=False),
        sa.Column("sentences", sa.JSON, nullable=False),
        sa.Column("page", sa.Integer),
        sa.Column("heading", sa.JSON, nullable=False),
        sa.Column("header", sa.Text, nullable=False),
        sa.Column("tokens", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("sentence_vectors", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("chunk_of_document", "chunk", ["document_id", "position"])
    op.create_table(
        "setting",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.execute("INSERT INTO setting (name, value) VALUES ('identity', lower(hex(randomblob(8))))")
    # Terms are segmented and folded before they come here (rag.text.terms); the tokenizer only parts them at
    # blanks.
    op.execute(
        """CREATE VIRTUAL TABLE chunk_terms USING fts5(
            heading, body, tokenize = "unicode61 remove_diacritics 0 tokenchars '.,:''’·-'")"""
    )
    op.execute("CREATE VIRTUAL TABLE chunk_vocabulary USING fts5vocab(chunk_terms, row)")
