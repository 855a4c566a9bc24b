"""The store's promises: one transaction per document, readers that never wait, groups, and clear errors."""

import dataclasses
import threading

import numpy as np
import pytest
from sqlalchemy import text

from rag.errors import DiskFullError, IndexStateError, NotFoundError, StoreError
from rag.store import DocumentState, Store
from rag.types import User
from tests.fakes.library import chunks_of, document_of, put

EVERYTHING = User()
STRANGER = User("stranger", ())
HR = User("hanna", ("hr", "sales"))


def contents(store):
    """Everything that a reader can see, by source."""
    seen = {}
    for source, state in store.states().items():
        document = store.document(state.document_id, EVERYTHING)
        seen[source] = document.text
    return seen


def test_a_document_comes_back_as_it_was(store, embedder):
    given = put(
        store,
        embedder,
        "a.md",
        ["One. Two.", "Three."],
        title="Title",
        groups=["hr", "board"],
        heading=("H1", "H2"),
    )
    got = store.document(given.id, EVERYTHING)
    assert got == dataclasses.replace(given, groups=("board", "hr"))
    assert store.states() == {
        "a.md": DocumentState(given.id, given.sha256, given.size, given.modified, "test")
    }
    assert store.originals() == {given.sha256}
    assert store.counts() == {"documents": 1, "chunks": 2}
    assert store.check() == "ok"


def test_chunks_come_back_as_they_were_with_ids(store, embedder):
    given = put(store, embedder, "a.md", ["One. Two.", "Three."], header="A | B", heading=("H1",))
    ids, languages = store.chunk_languages()
    assert list(ids) == [1, 2]
    assert set(languages) == {given.language}
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
    ((ids, vectors),) = store.vectors(np.array([1, 2, 99]))
    assert list(ids) == [1, 2]
    np.testing.assert_array_equal(vectors, want)
    inner = store.hit_vectors([1, 2, 99])
    assert sorted(inner) == [1, 2]
    np.testing.assert_array_equal(inner[1][0], want[0])
    np.testing.assert_array_equal(inner[1][1], embedder.embed_passages(["One.", "Two."]).astype(np.float16))
    assert inner[2][1].shape == (1, embedder.dimension)
    assert list(store.vectors(np.array([], np.int64))) == []


def test_replacing_leaves_nothing_of_the_old_version(store, embedder):
    put(store, embedder, "b.md", ["Untouched."])
    old = put(store, embedder, "a.md", ["The old wording.", "More."], groups=["hr"])
    old_ids = set(store.chunk_languages()[0])
    new = put(store, embedder, "a.md", ["Fresh wording."])
    assert new.id == old.id
    assert contents(store) == {"a.md": "Fresh wording.", "b.md": "Untouched."}
    assert store.counts() == {"documents": 2, "chunks": 2}
    assert store.document(new.id, STRANGER).groups == ()
    assert store.lexical(["old"], 10, EVERYTHING) == []
    ((found, _),) = store.lexical(["fresh"], 10, EVERYTHING)
    assert found not in old_ids, "ids are never given twice"


def test_an_id_is_not_given_again_after_everything_is_gone(store, embedder):
    put(store, embedder, "a.md", ["One."])
    store.remove_documents(["a.md"])
    put(store, embedder, "b.md", ["Two."])
    assert list(store.chunk_languages()[0]) == [2]


def test_a_failure_in_the_middle_leaves_the_old_document(store, embedder):
    put(store, embedder, "a.md", ["The old wording."])
    generation = store.generation()
    document = document_of("a.md", ["New one.", "New two."])
    chunks = chunks_of(document)
    chunks[1] = dataclasses.replace(chunks[1], text=None)
    vectors = embedder.embed_passages(["x", "y"]).astype(np.float16)
    with pytest.raises(StoreError):
        store.replace_document(document, chunks, vectors, [vectors[:1], vectors[1:]], "test")
    assert contents(store) == {"a.md": "The old wording."}
    assert len(store.lexical(["old"], 10, EVERYTHING)) == 1
    assert store.lexical(["new"], 10, EVERYTHING) == []
    assert store.generation() == generation


def test_counts_that_do_not_fit_are_refused(store, embedder):
    document = document_of("a.md", ["One.", "Two."])
    vectors = embedder.embed_passages(["x"]).astype(np.float16)
    with pytest.raises(ValueError, match="2 chunks, 1 vectors"):
        store.replace_document(document, chunks_of(document), vectors, [vectors], "test")


def test_vectors_of_another_length_are_refused(store, embedder):
    put(store, embedder, "a.md", ["One."])
    document = document_of("b.md", ["Two."])
    wrong = np.ones((1, 8), np.float16)
    with pytest.raises(IndexStateError) as raised:
        store.replace_document(document, chunks_of(document), wrong, [wrong], "test")
    assert "64 dimensions, the embedder makes 8" in raised.value.message
    assert "b.md" not in store.states()


def test_the_generation_grows_with_every_change(store, embedder):
    seen = [store.generation()]
    put(store, embedder, "a.md", ["One."])
    seen.append(store.generation())
    store.touch("a.md", 7, 9.5)
    seen.append(store.generation())
    assert store.remove_documents(["a.md", "never there"]) == 1
    seen.append(store.generation())
    assert seen == [0, 1, 2, 3]
    assert store.counts() == {"documents": 0, "chunks": 0}
    assert store.lexical(["one"], 10, EVERYTHING) == []


def test_touching_changes_size_and_time_alone(store, embedder):
    given = put(store, embedder, "a.md", ["One."])
    store.touch("a.md", 7, 9.5)
    assert store.states()["a.md"] == DocumentState(given.id, given.sha256, 7, 9.5, "test")
    assert store.document(given.id, EVERYTHING).text == "One."


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
    ids = [int(i) for i in guarded.chunk_languages()[0]]
    by_id = {i: ref.source for i, (_, ref) in guarded.chunks(ids, EVERYTHING).items()}
    assert sorted(ref.source for _, ref in guarded.chunks(ids, user).values()) == sources
    assert sorted(by_id[i] for i, _ in guarded.lexical(["pump"], 10, user)) == sources
    readable = guarded.readable_ids(user)
    assert sorted(by_id[int(i)] for i in (ids if readable is None else readable)) == sources
    for source, state in guarded.states().items():
        if source in sources:
            assert guarded.document(state.document_id, user).source == source
        else:
            with pytest.raises(NotFoundError):
                guarded.document(state.document_id, user)


def test_without_any_group_no_list_of_ids_is_needed(store, embedder):
    put(store, embedder, "a.md", ["One."])
    assert store.readable_ids(STRANGER) is None
    assert store.readable_ids(EVERYTHING) is None


def test_what_is_not_there_and_what_is_forbidden_look_alike(guarded):
    hidden = guarded.states()["hr.md"].document_id
    messages = []
    for key in (hidden, "0" * 32):
        with pytest.raises(NotFoundError) as raised:
            guarded.document(key, STRANGER)
        messages.append((raised.value.message.replace(key, "?"), raised.value.remedy))
    assert messages[0] == messages[1]


def test_a_reader_sees_the_old_document_until_the_new_one_is_whole(settings, store, embedder):
    put(store, embedder, "a.md", ["The old wording."])
    other = Store.open(settings)
    with store._write() as connection:
        store._delete(connection, ["a.md"])
        assert contents(other) == {"a.md": "The old wording."}
        assert len(other.lexical(["old"], 10, EVERYTHING)) == 1
    assert contents(other) == {}
    other.close()


def test_readers_beside_a_writer_see_whole_documents_only(store, embedder):
    versions = [["aaa one.", "aaa two."], ["bbb one.", "bbb two.", "bbb three."]]
    put(store, embedder, "a.md", versions[0])
    key = store.states()["a.md"].document_id
    wrong, done = [], threading.Event()

    def read():
        while not done.is_set():
            if store.document(key, EVERYTHING).text not in {"\n\n".join(v) for v in versions}:
                wrong.append("text")
            hits = len(store.lexical(["aaa", "bbb"], 10, EVERYTHING))
            if hits not in (2, 3):
                wrong.append(hits)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(20):
        put(store, embedder, "a.md", versions[turn % 2])
    done.set()
    for reader in readers:
        reader.join(30)
    assert wrong == []


def test_writers_wait_for_each_other(settings, embedder):
    stores = [Store.open(settings) for _ in range(2)]

    def write(n):
        for i in range(10):
            put(stores[n], embedder, f"{n}-{i}.md", [f"Text {n} {i}."])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert stores[0].counts() == {"documents": 20, "chunks": 20}
    assert stores[0].generation() == 20
    for one in stores:
        one.close()


def test_a_full_disk_is_named_and_nothing_is_lost(store, embedder):
    put(store, embedder, "a.md", ["The old wording."])
    with store._engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
        connection.execute(text(f"PRAGMA max_page_count={pages}"))
    with pytest.raises(DiskFullError) as raised:
        put(store, embedder, "a.md", [f"New wording {i}. " * 50 for i in range(200)])
    assert "No room left" in raised.value.message
    assert "Free some disk space" in raised.value.remedy
    assert contents(store) == {"a.md": "The old wording."}
    assert store.check() == "ok"


def test_a_store_survives_being_closed_and_opened(settings, store, embedder):
    put(store, embedder, "a.md", ["One."])
    identity = store.identity()
    store.close()
    again = Store.open(settings)
    assert (again.identity(), contents(again), again.generation()) == (identity, {"a.md": "One."}, 1)
    again.close()


def test_two_databases_have_two_identities(settings, store, tmp_path):
    other = Store.open(settings.model_copy(update={"home": tmp_path / "other"}))
    assert other.identity() != store.identity()
    assert len(store.identity()) == 16
    other.close()
