"""Opening a database: migrations, other versions, damage."""

import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

import rag.migrations
from ingest.index import Ledger
from rag.database import HEAD, open_engine
from rag.errors import SchemaError, StoreError
from rag.store import Store
from rag.tables import metadata
from rag.types import Space, User


@pytest.fixture
def engine(tmp_path):
    opened = open_engine(f"sqlite:///{tmp_path / 'new.db'}")
    yield opened
    opened.dispose()


def test_migrations_make_the_tables_that_the_code_names(engine):
    def ours(object_, name, kind, reflected, compare_to):
        return not (kind == "table" and str(name).startswith("chunk_"))  # full-text tables

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "include_object": ours}
        )
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, metadata) == []


def test_head_is_the_last_migration():
    scripts = ScriptDirectory(str(Path(rag.migrations.__file__).parent))
    assert scripts.get_current_head() == HEAD
    assert len(scripts.get_heads()) == 1


def test_the_full_text_table_keeps_terms_whole(engine):
    with engine.connect() as connection:
        connection.execute(
            text("INSERT INTO chunk_terms (heading, body) VALUES ('', 'e-mail 1,200 销上 ünit')")
        )
        terms = connection.execute(text("SELECT term FROM chunk_vocabulary ORDER BY term")).scalars()
        assert set(terms) == {"e-mail", "1,200", "销上", "ünit"}


def test_pragmas(engine):
    with engine.connect() as connection:
        values = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    assert values == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1, "busy_timeout": 30000}


def test_opening_twice_changes_nothing(engine):
    with engine.connect() as connection:
        before = connection.execute(text("SELECT value FROM setting WHERE name = 'identity'")).scalar()
    again = open_engine(str(engine.url))
    with again.connect() as connection:
        after = connection.execute(text("SELECT value FROM setting WHERE name = 'identity'")).scalar()
    again.dispose()
    assert after == before


def test_a_new_database_may_be_opened_by_many_at_once(settings):
    found, failed = [], []

    def open_it():
        try:
            store = Store.open(settings)
            found.append(store.identity())
            store.close()
        except StoreError as error:
            failed.append(error.message)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert len(found) == 4
    assert len(set(found)) == 1


def test_the_switch_to_wal_waits_for_who_writes(tmp_path):
    path = tmp_path / "new.db"
    writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    writer.execute("CREATE TABLE one (x)")
    writer.execute("BEGIN IMMEDIATE")
    leaves = threading.Timer(0.2, writer.close)
    leaves.start()
    engine = open_engine(f"sqlite:///{path}")  # SQLite itself would fail at once, whatever its busy_timeout
    leaves.join()
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    engine.dispose()


def test_a_newer_schema_is_refused_and_left_alone(settings, store):
    store.close()
    path = settings.home / "citewell.db"
    raw = sqlite3.connect(path)
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()
    with pytest.raises(SchemaError) as raised:
        Store.open(settings)
    assert "schema 9999, newer than this version's" in raised.value.message
    assert "Upgrade Citewell" in raised.value.remedy
    assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    raw.close()


def test_a_file_that_is_no_database_is_named(settings):
    settings.home.mkdir()
    (settings.home / "citewell.db").write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(StoreError) as raised:
        Store.open(settings)
    assert "is damaged" in raised.value.message
    assert "ingest again" in raised.value.remedy


def test_a_home_that_cannot_be_made_is_named(settings):
    settings.home.write_text("a file stands here")
    with pytest.raises(StoreError) as raised:
        Store.open(settings)
    assert str(settings.home) in raised.value.message


def _first_schema(path):
    """A database as the first version left it: one document for all, one for a group."""
    config = Config()
    config.set_main_option("script_location", str(Path(rag.migrations.__file__).parent))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        vector = np.ones(4, np.float16).tobytes()
        for number, name in enumerate(("open.md", "closed.md"), 1):
            connection.execute(
                text(
                    "INSERT INTO document VALUES (:id, :source, :title, 'One. Two.', '[]', 'en', "
                    "'text/plain', :sha, 9, 5.0, '4/220/small@r1')"
                ),
                {"id": f"d{number}", "source": name, "title": name, "sha": f"s{number}"},
            )
            connection.execute(
                text(
                    'INSERT INTO chunk (id, document_id, position, start, "end", sentences, heading, '
                    "header, tokens, text, vector, sentence_vectors) VALUES "
                    "(:n, :id, 0, 0, 9, '[[0, 4], [5, 9]]', '[]', '', 4, 'One. Two.', :v, :s)"
                ),
                {"n": number, "id": f"d{number}", "v": vector, "s": vector * 2},
            )
        connection.execute(text("INSERT INTO document_group VALUES ('d2', 'board')"))
        connection.execute(text("INSERT INTO setting VALUES ('dimension', '4')"))
        connection.execute(text("INSERT INTO chunk_terms (rowid, heading, body) VALUES (1, '', 'one two')"))
    engine.dispose()


def test_documents_of_the_first_schema_keep_answering(settings):
    settings.home.mkdir()
    _first_schema(settings.home / "citewell.db")
    store = Store.open(settings)
    assert store.space() == Space(1, "small@r1", 4)
    assert {ref.source for ref in store.references(["d1", "d2"], User()).values()} == {"open.md", "closed.md"}
    assert set(store.references(["d1", "d2"], User("s", ()))) == {"d1"}
    assert set(store.references(["d1", "d2"], User("b", ("board",)))) == {"d1", "d2"}
    whole, inner = store.hit_vectors([1, 2], 1)[2]
    assert (whole.shape, inner.shape) == ((4,), (2, 4))
    assert store.lexical(["two"], 5)[0][0] == 1
    assert [chunk.text for chunk, _ in store.chunks([1, 2], User()).values()] == ["One. Two."] * 2
    # parsed anew by the next ingestion, whatever its version
    assert {state.pipeline for state in Ledger(store).states("").values()} == {""}
    assert store.check() == "ok"
    store.close()
