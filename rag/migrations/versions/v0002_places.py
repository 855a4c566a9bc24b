"""Documents by content, with places, readers, vector spaces, near-duplicates, sources and jobs.

Documents that were ingested before keep answering: their file becomes a place, their vectors move into a
space named after the embedder that made them. They are parsed anew by the next ingestion.
"""

import sqlalchemy as sa
from alembic import op

from rag.tables import band, job, kin, place, reader, source, space, vector

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    bind = op.get_bind()
    for table in (place, reader, space, vector, kin, band, source, job):
        table.create(bind)
    op.execute(
        """INSERT INTO space (fingerprint, dimension, active)
        SELECT COALESCE((SELECT substr(d.pipeline, instr(substr(d.pipeline, instr(d.pipeline, '/') + 1), '/')
            + instr(d.pipeline, '/') + 1) FROM document d LIMIT 1), 'unknown@0'), CAST(value AS INTEGER), 1
        FROM setting WHERE name = 'dimension'"""
    )
    op.execute(
        """INSERT INTO vector (chunk_id, space_id, whole, sentences)
        SELECT c.id, s.id, c.vector, c.sentence_vectors FROM chunk c, space s"""
    )
    op.execute(
        """INSERT INTO place (source, uri, document_id, title, size, modified, sha256, pipeline)
        SELECT '', source, id, title, size, modified, sha256, '' FROM document"""
    )
    op.execute(
        """INSERT INTO reader (place_id, name, document_id)
        SELECT p.id, g.name, p.document_id FROM place p JOIN document_group g ON g.document_id = p.document_id
        UNION ALL SELECT p.id, '*', p.document_id FROM place p
        WHERE NOT EXISTS (SELECT 1 FROM document_group g WHERE g.document_id = p.document_id)"""
    )
    op.execute("DELETE FROM setting WHERE name = 'dimension'")
    op.drop_table("document_group")
    op.execute("ALTER TABLE chunk DROP COLUMN vector")
    op.execute("ALTER TABLE chunk DROP COLUMN sentence_vectors")
    with op.batch_alter_table("document") as changed:
        changed.add_column(sa.Column("titled", sa.Boolean, nullable=False, server_default=sa.text("1")))
        changed.add_column(sa.Column("edition", sa.String(32), nullable=False, server_default=sa.text("''")))
        changed.add_column(sa.Column("signature", sa.LargeBinary))
        changed.drop_column("source")
        changed.drop_column("modified")
