"""Runs migrations on the connection that rag.store hands over."""

from alembic import context

from rag.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, transaction_per_migration=False
)
context.run_migrations()
