"""The connection to the database: pragmas and transactions of SQLite, migrations, and the driver's errors in
our words.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, Engine, FromClause, create_engine, event, inspect, text
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.pool import ConnectionPoolEntry

from rag import tables_conversations as tables_conversations  # their tables belong to the metadata
from rag import tables_people as tables_people
from rag import tables_slack as tables_slack
from rag.errors import DiskFullError, SchemaError, StoreError

__all__ = ["HEAD", "open_engine", "translated"]

HEAD = "0006"
BUSY_S = 30.0


def open_engine(url: str) -> Engine:
    """An engine on a database that is at HEAD, created or migrated as needed. Raises SchemaError."""
    # a table that is made anew is dropped in between, which must not delete what refers to it
    migrating = _engine(url, foreign_keys=False)
    try:
        _migrate(migrating)
    finally:
        migrating.dispose()
    return _engine(url, foreign_keys=True)


def _engine(url: str, foreign_keys: bool) -> Engine:
    engine = create_engine(url, json_deserializer=from_json)  # a third of the time of Python's own
    engine.dialect.statement_compiler = _Hinted
    pragmas = ["synchronous=NORMAL", *(["foreign_keys=ON"] if foreign_keys else [])]

    def configure(connection: Any, _: ConnectionPoolEntry) -> None:  # noqa: ANN401 - the driver's own class
        connection.isolation_level = None  # transactions begin where we say, see _begin
        connection.execute(f"PRAGMA busy_timeout={BUSY_S * 1000:.0f}")
        _write_ahead(connection)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", _begin)
    return engine


class _Hinted(SQLiteCompiler):
    """Puts the text of ``with_hint`` behind the table's name, where SQLite has INDEXED BY; SQLAlchemy leaves
    hints for SQLite out without a word.
    """

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        """The hint itself."""
        return text


def _write_ahead(connection: Any) -> None:  # noqa: ANN401 - the driver's own class
    """Switch to WAL mode. Of several that open a new database at once, SQLite fails all but one instead of
    letting them wait: busy_timeout does not cover a reader that asks for the whole file while another writes.
    """
    until = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _begin(connection: Connection) -> None:
    # a writer takes its lock at once: upgrading a read transaction fails when another writer came first
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _migrate(engine: Engine) -> None:
    """Bring the database to HEAD; Alembic is imported only when there is something to do."""
    with engine.connect() as connection:
        known = inspect(connection).has_table("alembic_version")
        version = (
            connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if known else None
        )
    if version == HEAD:
        return
    if version is not None and version > HEAD:
        raise SchemaError(
            f"The database has schema {version}, newer than this version's {HEAD}.",
            "Upgrade Citewell, or use another home.",
        )
    from alembic import command
    from alembic.config import Config

    with engine.connect().execution_options(write=True) as connection, connection.begin():
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)


def translated(error: Exception, where: object) -> StoreError:
    """The driver's error in our words."""
    cause = str(getattr(error, "orig", error))
    if "disk is full" in cause or "No space left" in cause:
        return DiskFullError(
            f"No room left to write {where}.",
            "Free some disk space and run the command again; nothing was lost.",
        )
    if "locked" in cause:
        return StoreError(
            f"The database {where} is busy: {cause}.", "Wait for the other command to finish, then try again."
        )
    if "malformed" in cause or "not a database" in cause:
        return StoreError(
            f"The database {where} is damaged: {cause}.", "Move it away and ingest again; originals are kept."
        )
    return StoreError(f"The database {where} failed: {cause}.", "`citewell doctor` checks it.")
