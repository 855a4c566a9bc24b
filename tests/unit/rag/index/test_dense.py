"""Dense search against numpy, value by value, and the snapshot on disk."""

import json
import logging
import threading

import numpy as np
import pytest
from sqlalchemy import text

from ingest.embed import Embedded
from ingest.index import Ledger, Prepared
from ingest.kin import sign
from rag.errors import IndexStateError, StoreError
from rag.index import dense, snapshot, vectors
from rag.index.dense import DenseIndex
from rag.index.geometry import Cloud, Geometry
from rag.index.part import Part
from rag.index.vectors import Clustered, Flat
from rag.store import Store
from rag.types import Place, Query, Space, User
from tests.fakes.library import chunk_ids, chunks_of, document_of, take_away

D = 16
SPACE = Space(1, "random@1", D)
RNG = np.random.default_rng(20261123)


def unit(n):
    rows = RNG.normal(size=(n, D))
    rows[:, 0] += 3  # as with trained embedders, everything lies in one corner
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


EVERYTHING = User()


def asked(vector, foreign=None):
    return Query("", "en", vector, {}, foreign=foreign)


def fill(store, source, spoken, n, *, groups=("*",), collection="default"):
    """A document of n chunks with random vectors."""
    document = document_of(source, [f"Text {i} of {n}." for i in range(n)], spoken=spoken)
    vectors = unit(n).astype(np.float16)
    ledger = Ledger(store)
    space = ledger.active_space(SPACE.fingerprint, D)
    inner = tuple(vectors[i : i + 1] for i in range(n))
    prepared = Prepared(document, chunks_of(document), Embedded(vectors, inner), sign(document))
    place = Place(source, source, groups=groups, collection=collection)
    ledger.put(prepared, [place], "test", space)
    return document.id


@pytest.fixture
def filled(store):
    for source, spoken, n in (("a", "en", 30), ("b", "zh", 20), ("c", "en", 15), ("d", "ja", 1)):
        fill(store, source, spoken, n)
    return store


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "index"


def opened(store, folder):
    index = DenseIndex(store, folder, SPACE)
    index.sync()
    return index


def brute_force(store, query, k, user=EVERYTHING, others=None):
    """The k that stand out most in their languages; ``others``: the query of passages not in English."""
    rows = {
        key: whole.astype(np.float32) for key, (whole, _) in store.hit_vectors(chunk_ids(store), 1).items()
    }
    spoken = {key: ref.language for key, (_, ref) in store.chunks(list(rows), EVERYTHING).items()}
    readable = set(store.chunks(list(rows), user))
    of = {name: [key for key in rows if spoken[key] == name] for name in set(spoken.values())}
    geometry = Geometry({name: Cloud.of(np.stack([rows[key] for key in keys])) for name, keys in of.items()})
    found = []
    for name, keys in of.items():
        vector = query if name == "en" or others is None else others
        mean, deviation = geometry.usual(asked(query, others), name)
        cosines = {key: float(rows[key] @ vector) for key in keys if key in readable}
        found += [((cosine - mean) / deviation, key, cosine) for key, cosine in cosines.items()]
    return [(key, cosine) for _, key, cosine in sorted(found, key=lambda item: (-item[0], item[1]))[:k]]


def assert_same(got, want):
    assert [key for key, _ in got] == [key for key, _ in want]
    assert [cosine for _, cosine in got] == pytest.approx([cosine for _, cosine in want], abs=1e-5)


def test_passages_in_other_languages_are_compared_with_a_vector_of_their_own(filled, folder):
    index = opened(filled, folder)
    for query, others in unit(8).astype(np.float32).reshape(4, 2, D):
        for _ in ("before a snapshot", "after it"):
            got = index.search(asked(query, others), 20, EVERYTHING)
            assert_same(got, brute_force(filled, query, 20, others=others))
            index.settle()


@pytest.mark.parametrize("k", [1, 5, 100])
def test_values_equal_brute_force(filled, folder, k):
    index = opened(filled, folder)
    for query in unit(5).astype(np.float32):
        assert_same(index.search(asked(query), k, EVERYTHING), brute_force(filled, query, k))


@pytest.mark.parametrize(
    "user",
    [
        EVERYTHING,
        User("nobody in particular", ()),
        User("ann", ("staff",)),
        User("bob", ("board", "staff")),
        User("eve", ("others",)),
        User("ann", ("staff",), ("plans",)),
        User("bob", ("board",), ("plans", "default")),
        User("operator", None, ("plans",)),
        User("operator", None, ("nowhere",)),
    ],
)
def test_only_what_the_user_may_read_is_searched(filled, folder, user):
    fill(filled, "staff", "en", 12, groups=("staff",))
    fill(filled, "board", "zh", 7, groups=("board",), collection="plans")
    fill(filled, "both", "en", 5, groups=("board", "staff"), collection="plans")
    fill(filled, "none", "en", 3, groups=())
    for index in (opened(filled, folder), settled(filled, folder)):
        for query in unit(3).astype(np.float32):
            assert_same(index.search(asked(query), 10, user), brute_force(filled, query, 10, user))
        ids = np.array([999, *reversed(chunk_ids(filled)), 0])
        readable = filled.chunks(ids.tolist(), user)
        assert index.readable(user, ids).tolist() == [key in readable for key in ids.tolist()]


def test_who_may_read_a_document_is_followed(filled, folder):
    key = fill(filled, "staff", "en", 6, groups=("staff",))
    eve, query = User("eve", ("others",)), unit(1)[0].astype(np.float32)
    for index in (settled(filled, folder), opened(filled, folder)):
        before = len(index.search(asked(query), 100, eve))
        Ledger(filled).attach(Place("copy", "copy", groups=("others",)), key, "test")
        assert index.sync() == 0, "no vector came or went"
        assert len(index.search(asked(query), 100, eve)) == before + 6
        assert_same(index.search(asked(query), 100, eve), brute_force(filled, query, 100, eve))
        take_away(filled, "copy")
        index.sync()
        assert len(index.search(asked(query), 100, eve)) == before


def test_it_follows_the_database(filled, folder):
    index = opened(filled, folder)
    assert index.size == 66
    assert index.sync() == 0
    fill(filled, "e", "de", 8)
    fill(filled, "a", "en", 3)  # replaced: 30 chunks go, 3 come
    take_away(filled, "b")
    assert index.sync() == 8 + 30 + 3 + 20
    assert index.size == 3 + 15 + 1 + 8
    for query in unit(3).astype(np.float32):
        got = index.search(asked(query), 100, EVERYTHING)
        assert len(got) == index.size
        assert_same(got, brute_force(filled, query, 100))


def test_an_empty_database_gives_nothing(store, folder):
    index = opened(store, folder)
    assert index.search(asked(unit(1)[0].astype(np.float32)), 5, EVERYTHING) == []
    fill(store, "a", "en", 2)
    index.sync()
    filled_again = index.search(asked(unit(1)[0].astype(np.float32)), 5, EVERYTHING)
    assert len(filled_again) == 2
    take_away(store, "a")
    index.sync()
    assert index.search(asked(unit(1)[0].astype(np.float32)), 5, EVERYTHING) == []


def settled(store, folder):
    """An index that was opened from what another one has written."""
    assert opened(store, folder).settle()
    return opened(store, folder)


def reads(monkeypatch):
    """How many vectors are read from the database from now on."""
    read = []
    original = dense.read

    def counted(*given):
        for rows in original(*given):
            read.extend(rows.ids.tolist())
            yield rows

    monkeypatch.setattr(dense, "read", counted)
    return read


def test_languages_are_searched_at_the_same_time_where_they_are_large(filled, folder, monkeypatch):
    index, queries = settled(filled, folder), unit(5).astype(np.float32)
    one_by_one = [index.search(asked(query), 5, EVERYTHING) for query in queries]
    monkeypatch.setattr(dense, "WORTH_A_THREAD", 10)
    threads = set()
    nearest = index._nearest

    def noted(*given):
        threads.add(threading.current_thread().name.rpartition("_")[0])
        return nearest(*given)

    monkeypatch.setattr(index, "_nearest", noted)
    assert [index.search(asked(query), 5, EVERYTHING) for query in queries] == one_by_one
    assert threads == {"", "citewell-dense"}, "Japanese has one row: not worth a thread"


def test_a_snapshot_saves_reading_the_vectors(filled, folder, monkeypatch):
    assert opened(filled, folder).settle()
    fill(filled, "e", "en", 2)
    take_away(filled, "d")
    read = reads(monkeypatch)
    index = opened(filled, folder)
    assert len(read) == 2
    query = unit(1)[0].astype(np.float32)
    assert_same(index.search(asked(query), 100, EVERYTHING), brute_force(filled, query, 100))
    exact = opened(filled, folder / "elsewhere").geometry.usual(asked(query), "en")
    assert index.geometry.usual(asked(query), "en") == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("clustered", [False, True])
def test_a_snapshot_follows_the_database(filled, folder, monkeypatch, clustered):
    if clustered:
        monkeypatch.setattr(snapshot, "FLAT_MOST", 10)
        monkeypatch.setattr(vectors, "PROBES", 10_000)  # every cluster: as good as exact
    index = opened(filled, folder)
    assert index.settle()
    kinds = {name: type(part.main.vectors) for name, part in index._state.parts.items()}
    assert kinds == dict.fromkeys(("en", "zh"), Clustered if clustered else Flat) | {"ja": Flat}
    fill(filled, "e", "de", 8)
    fill(filled, "a", "en", 3)  # replaced: 30 chunks go, 3 come
    take_away(filled, "b")
    assert index.sync() == 8 + 30 + 3 + 20
    assert index.size == 3 + 15 + 1 + 8
    for again in (index, opened(filled, folder), settled(filled, folder)):
        for query in unit(3).astype(np.float32):
            got, want = again.search(asked(query), 100, EVERYTHING), brute_force(filled, query, 100)
            assert sorted(key for key, _ in got) == sorted(key for key, _ in want)
            assert dict(got) == pytest.approx(dict(want), abs=1e-3)


def test_a_snapshot_is_due_after_many_changes(filled, folder, monkeypatch):
    monkeypatch.setattr(dense, "UNSETTLED_ROWS", 30)
    index = opened(filled, folder)
    assert index.unsettled, "66 rows are in no snapshot"
    assert index.settle()
    assert not index.unsettled
    take_away(filled, "b")
    index.sync()
    assert not index.unsettled, "20 rows went"
    fill(filled, "e", "en", 11)
    index.sync()
    assert index.unsettled, "and 11 came"
    assert index.settle()
    assert not index.unsettled
    assert index.size == 57


def test_answers_go_on_while_a_snapshot_is_written(filled, folder, monkeypatch):
    index, query = opened(filled, folder), unit(1)[0].astype(np.float32)
    begun, go_on = threading.Event(), threading.Event()
    original = snapshot.read

    def slowly(*given):
        begun.set()
        assert go_on.wait(30)
        yield from original(*given)

    monkeypatch.setattr(snapshot, "read", slowly)
    writing = threading.Thread(target=index.settle)
    writing.start()
    assert begun.wait(30)
    assert_same(index.search(asked(query), 10, EVERYTHING), brute_force(filled, query, 10))
    assert not opened(filled, folder).settle(), "another process would write the same"
    fill(filled, "e", "en", 4)
    take_away(filled, "b")
    assert index.sync() == 24
    go_on.set()
    writing.join(30)
    assert_same(index.search(asked(query), 100, EVERYTHING), brute_force(filled, query, 100))


def test_what_another_process_has_written_is_opened(filled, folder, monkeypatch):
    index = opened(filled, folder)
    assert opened(filled, folder).settle()
    monkeypatch.setattr(snapshot, "read", None)  # nothing is written again
    assert index.settle()
    query = unit(1)[0].astype(np.float32)
    assert_same(index.search(asked(query), 10, EVERYTHING), brute_force(filled, query, 10))


def test_one_snapshot_is_kept(filled, folder):
    (folder / "x").mkdir(parents=True)
    index = opened(filled, folder)
    index.settle()
    fill(filled, "e", "en", 1)
    index.sync()
    half = folder / f"{index._folder._name}-2.tmp"
    half.mkdir()
    index.settle()
    names = {path.name for path in folder.iterdir()}
    assert names == {"x", "lock", f"{index._folder._name}-{filled.generation()}"}


@pytest.mark.parametrize("damage", ["empty", "half", "other", "gone", "state", "format"])
def test_a_damaged_snapshot_is_made_again(filled, folder, caplog, damage):
    assert opened(filled, folder).settle()
    (state,) = folder.glob("*/state.json")
    file = state.with_name("0.faiss")
    match damage:
        case "empty":
            file.write_bytes(b"")
        case "half":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        case "other":
            file.write_bytes(bytes(file.stat().st_size))
        case "gone":
            file.unlink()
        case "state":
            state.write_text("{")
        case "format":
            state.write_text(json.dumps(json.loads(state.read_text()) | {"format": 0}))
    with caplog.at_level(logging.WARNING):
        again = opened(filled, folder)
    assert "Rebuilding the index" in caplog.text
    query = unit(1)[0].astype(np.float32)
    assert_same(again.search(asked(query), 10, EVERYTHING), brute_force(filled, query, 10))
    assert again.settle()
    assert opened(filled, folder).size == 66


def test_an_embedder_of_another_dimension_is_refused(filled, folder, store):
    opened(filled, folder).settle()
    index = DenseIndex(store, folder, Space(1, SPACE.fingerprint, D * 2))
    with pytest.raises(IndexStateError) as raised:
        index.sync()
    assert f"vectors of {D} dimensions, the embedder random@1 makes {2 * D}" in raised.value.message


def test_the_snapshot_of_another_database_is_not_used(filled, folder, settings, tmp_path, monkeypatch):
    opened(filled, folder).settle()
    other = Store.open(settings.model_copy(update={"home": tmp_path / "other"}))
    fill(other, "z", "en", 4)  # ids 1 to 4 again, of other chunks
    read = reads(monkeypatch)
    index = opened(other, folder)
    assert len(read) == 4
    query = unit(1)[0].astype(np.float32)
    assert_same(index.search(asked(query), 10, EVERYTHING), brute_force(other, query, 10))
    other.close()


def test_a_database_that_was_brought_back_is_read_anew(filled, folder):
    index = opened(filled, folder)
    index.settle()
    with filled.write(silent=True) as connection:
        connection.execute(text("UPDATE setting SET value = '1' WHERE name = 'generation'"))
        connection.execute(text("DELETE FROM chunk WHERE id <= 30"))
    for again in (index, opened(filled, folder)):
        again.sync()
        assert again.size == 36
        query = unit(1)[0].astype(np.float32)
        assert_same(again.search(asked(query), 100, EVERYTHING), brute_force(filled, query, 100))


def test_reading_that_breaks_off_leaves_nothing_behind(filled, folder, monkeypatch):
    original = dense.read

    def broken(*given):
        yield from original(*given)
        raise StoreError("The disk is gone.", "Look at it.")

    index = DenseIndex(filled, folder, SPACE)
    monkeypatch.setattr(dense, "read", broken)
    with pytest.raises(StoreError):
        index.sync()
    monkeypatch.undo()
    assert index.sync() == index.size == 66
    fill(filled, "e", "en", 2)
    monkeypatch.setattr(dense, "read", broken)
    with pytest.raises(StoreError):
        index.sync()
    monkeypatch.undo()
    assert (index.sync(), index.size) == (2, 68)
    query = unit(1)[0].astype(np.float32)
    assert_same(index.search(asked(query), 100, EVERYTHING), brute_force(filled, query, 100))


def test_chunks_that_come_out_of_order_are_found(filled, folder):
    """As after a move to another embedder: older chunks get vectors later."""
    part = Part(D)
    rows = next(read_all(filled))
    odd = rows.ids % 2 == 1
    part.add(rows.besides(rows.ids[odd]), np.zeros(int((~odd).sum()), np.int32))
    part.add(rows.besides(rows.ids[~odd]), np.zeros(int(odd.sum()), np.int32))
    table = np.array([True, False])
    ids = np.array([1, 2, 33, 66, 67, 0])
    assert part.readable(ids, table).tolist() == [True, True, True, True, False, False]


def read_all(store):
    with store.read() as connection:
        yield from dense.read(connection, 1)
