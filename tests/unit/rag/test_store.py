"""What answers read: whole documents, by readers only, each as the reader may know it."""

import dataclasses
import threading

import numpy as np
import pytest
from sqlalchemy import event

from ingest.index import Ledger
from rag.errors import NotFoundError
from rag.store import Store
from rag.types import DocumentRef, Place, User
from tests.fakes.library import chunk_ids, chunks_of, put, take_away

EVERYTHING = User()
STRANGER = User("stranger", ())
HR = User("hanna", ("hr", "sales"))


def contents(store):
    """Everything that is stored, by source."""
    states = Ledger(store).states("")
    return {uri: store.document(state.document_id, EVERYTHING).text for uri, state in states.items()}


def test_a_document_comes_back_as_it_was(store, embedder):
    given = put(store, embedder, "a.md", ["One. Two.", "Three."], title="Title", heading=("H1", "H2"))
    assert store.document(given.id, EVERYTHING) == given
    assert store.references([given.id, "0" * 32], EVERYTHING) == {
        given.id: DocumentRef(given.id, "a.md", "Title", given.language, 1.5)
    }
    assert store.originals() == {given.sha256}
    assert store.counts() == {"documents": 1, "chunks": 2}
    assert store.check() == "ok"


def test_chunks_come_back_as_they_were_with_ids(store, embedder):
    given = put(store, embedder, "a.md", ["One. Two.", "Three."], header="A | B", heading=("H1",))
    assert chunk_ids(store) == [1, 2]
    got = store.chunks([2, 1, 99], EVERYTHING)
    assert sorted(got) == [1, 2]
    for key, chunk in zip((1, 2), chunks_of(given, "A | B"), strict=True):
        assert got[key][0] == dataclasses.replace(chunk, id=key)
        assert got[key][1].source == "a.md"
        assert given.text[chunk.start : chunk.end] == chunk.text


def test_vectors_come_back_in_half_precision(store, embedder):
    given = put(store, embedder, "a.md", ["One. Two.", "Three."])
    chunks = chunks_of(given)
    want = embedder.embed_passages([c.embedding_text(given.title) for c in chunks]).astype(np.float16)
    space = store.space()
    assert (space.fingerprint, space.dimension) == (embedder.fingerprint, embedder.dimension)
    assert store.space_id(embedder.fingerprint) == space.id
    assert store.space_id("another@1") is None
    inner = store.hit_vectors([1, 2, 99], space.id)
    assert sorted(inner) == [1, 2]
    np.testing.assert_array_equal(np.stack([inner[1][0], inner[2][0]]), want)
    np.testing.assert_array_equal(inner[1][1], embedder.embed_passages(["One.", "Two."]).astype(np.float16))
    assert inner[2][1].shape == (1, embedder.dimension)
    assert store.hit_vectors([1, 2], space.id + 1) == {}


@pytest.fixture
def guarded(store, embedder):
    """Three documents about pumps: public, for hr, for hr or board."""
    put(store, embedder, "public.md", ["The pump is blue."])
    put(store, embedder, "hr.md", ["The pump is red."], groups=["hr"])
    put(store, embedder, "both.md", ["The pump is green."], groups=["hr", "board"])
    return store


@pytest.mark.parametrize(
    ("user", "sources"),
    [
        (EVERYTHING, ["both.md", "hr.md", "public.md"]),
        (STRANGER, ["public.md"]),
        (User("s", ["sales"]), ["public.md"]),
        (User("b", ["board"]), ["both.md", "public.md"]),
        (HR, ["both.md", "hr.md", "public.md"]),
    ],
)
def test_every_read_keeps_to_the_groups(guarded, user, sources):
    ids = chunk_ids(guarded)
    assert sorted(ref.source for _, ref in guarded.chunks(ids, user).values()) == sources
    assert guarded.counts(user) == {"documents": len(sources), "chunks": len(sources)}
    for source, state in Ledger(guarded).states("").items():
        key = state.document_id
        if source in sources:
            assert guarded.references([key], user)[key].source == source
            assert guarded.document(key, user).title == source
            assert guarded.excerpt(key, 0, 8, user) == "The pump"
        else:
            assert guarded.references([key], user) == {}
            assert guarded.excerpt(key, 0, 8, user) is None
            with pytest.raises(NotFoundError):
                guarded.document(key, user)


def test_what_is_not_there_and_what_is_forbidden_look_alike(guarded):
    hidden = Ledger(guarded).states("")["hr.md"].document_id
    messages = []
    for key in (hidden, "0" * 32):
        with pytest.raises(NotFoundError) as raised:
            guarded.document(key, STRANGER)
        messages.append((raised.value.message.replace(key, "?"), raised.value.remedy))
    assert messages[0] == messages[1]


def test_a_document_in_two_places_is_known_to_each_reader_by_his_own(store, embedder):
    given = put(store, embedder, "board/plan.md", ["The plan."], groups=["board"], modified=5.0)
    ledger = Ledger(store)
    assert ledger.attach(Place("all/p.md", "p", modified=3.0, groups=("staff",)), given.id, "test")
    board, staff = User("b", ["board"]), User("s", ["staff"])
    assert store.references([given.id], board)[given.id].source == "board/plan.md"
    assert store.references([given.id], staff)[given.id].source == "all/p.md"
    assert store.references([given.id], staff)[given.id].modified == 3.0
    # who reads both sees the newest
    assert store.references([given.id], User("x", ["staff", "board"]))[given.id].source == "board/plan.md"
    assert store.references([given.id], STRANGER) == {}
    assert take_away(store, "board/plan.md") == 1
    assert store.references([given.id], board) == {}
    assert store.references([given.id], staff)[given.id].source == "all/p.md"
    assert take_away(store, "all/p.md") == 1
    assert store.counts() == {"documents": 0, "chunks": 0}


def test_readers_beside_a_writer_see_whole_documents_only(store, embedder):
    versions = [["aaa one.", "aaa two."], ["bbb one.", "bbb two.", "bbb three."]]
    put(store, embedder, "a.md", versions[0])
    wrong, done = [], threading.Event()

    def read():
        while not done.is_set():
            hits = len(store.lexical(["aaa", "bbb"], 10))
            if hits not in (2, 3):
                wrong.append(hits)
            if store.counts()["documents"] != 1:
                wrong.append("documents")

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(20):
        put(store, embedder, "a.md", versions[turn % 2])
    done.set()
    for reader in readers:
        reader.join(30)
    assert wrong == []


def test_a_store_survives_being_closed_and_opened(settings, store, embedder):
    put(store, embedder, "a.md", ["One."])
    identity = store.identity()
    store.close()
    again = Store.open(settings)
    assert (again.identity(), contents(again), again.generation()) == (identity, {"a.md": "One."}, 2)
    again.close()


def test_two_databases_have_two_identities(settings, store, tmp_path):
    other = Store.open(settings.model_copy(update={"home": tmp_path / "other"}))
    assert other.identity() != store.identity()
    assert len(store.identity()) == 16
    other.close()


def test_who_a_document_is_is_told_without_reading_its_text(store, embedder):
    given = put(store, embedder, "a.md", ["One. Two."])
    with store.read() as connection:
        plans = []

        def explained(connection, cursor, statement, parameters, context, many):
            if statement.startswith("SELECT document.id"):
                plans.extend(row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

        event.listen(connection.engine, "before_cursor_execute", explained)
    assert store.references([given.id], HR)[given.id].source == "a.md"
    assert "SEARCH document USING COVERING INDEX document_reference (id=?)" in plans
