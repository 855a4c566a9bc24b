"""Alembic migrations, run by rag.store when a database is opened; importing them runs nothing."""
