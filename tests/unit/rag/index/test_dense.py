"""Dense search against numpy, value by value, and the snapshot on disk."""

import hashlib
import logging

import numpy as np
import pytest

from ingest.embed import Embedded
from ingest.index import Ledger, Prepared
from ingest.kin import sign
from rag.errors import IndexStateError
from rag.index.dense import DenseIndex
from rag.index.geometry import Geometry
from rag.store import Store
from rag.types import Place, Space
from tests.fakes.library import chunks_of, document_of, take_away

D = 16
SPACE = Space(1, "random@1", D)
RNG = np.random.default_rng(20261123)


def unit(n):
    rows = RNG.normal(size=(n, D))
    rows[:, 0] += 3  # as with trained embedders, everything lies in one corner
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fill(store, source, spoken, n):
    """A document of n chunks with random vectors."""
    document = document_of(source, [f"Text {i} of {n}." for i in range(n)], spoken=spoken)
    vectors = unit(n).astype(np.float16)
    ledger = Ledger(store)
    space = ledger.active_space(SPACE.fingerprint, D)
    inner = tuple(vectors[i : i + 1] for i in range(n))
    prepared = Prepared(document, chunks_of(document), Embedded(vectors, inner), sign(document))
    ledger.put(prepared, [Place(source, source)], "test", space)


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


def brute_force(store, query, k, allowed=None):
    """The k best of each language by cosine, ordered by how far they stand out."""
    ids, languages = store.chunk_languages()
    known, vectors = next(store.vectors(ids, 1)) if len(ids) else (ids, np.zeros((0, D), np.float16))
    rows = dict(zip(known.tolist(), vectors.astype(np.float32), strict=True))
    geometry = Geometry({str(s): np.stack([rows[i] for i in ids[languages == s]]) for s in set(languages)})
    found = []
    for spoken in set(languages):
        inside = [i for i in ids[languages == spoken].tolist() if allowed is None or i in allowed]
        best = sorted(((float(rows[i] @ query), i) for i in inside), reverse=True)[:k]
        mean, deviation = geometry.usual(query, str(spoken))
        found += [((cosine - mean) / deviation, key, cosine) for cosine, key in best]
    return [(key, cosine) for _, key, cosine in sorted(found, key=lambda item: (-item[0], item[1]))]


def assert_same(got, want):
    assert [key for key, _ in got] == [key for key, _ in want]
    assert [cosine for _, cosine in got] == pytest.approx([cosine for _, cosine in want], abs=1e-5)


@pytest.mark.parametrize("k", [1, 5, 100])
def test_values_equal_brute_force(filled, folder, k):
    index = opened(filled, folder)
    for query in unit(5).astype(np.float32):
        assert_same(index.search(query, k), brute_force(filled, query, k))


@pytest.mark.parametrize(
    "allowed", [[], [3], [1, 2, 31, 32, 66], list(range(1, 67, 2)), list(range(1, 67)), [5, 999]]
)
def test_only_what_is_allowed_is_searched(filled, folder, allowed):
    index = opened(filled, folder)
    for query in unit(3).astype(np.float32):
        got = index.search(query, 10, np.array(allowed, np.int64))
        assert_same(got, brute_force(filled, query, 10, set(allowed)))
        assert len(got) >= min(10, len(set(allowed) & set(range(1, 67)))), "filtering never shortens the list"


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
        got = index.search(query, 100)
        assert len(got) == index.size
        assert_same(got, brute_force(filled, query, 100))


def test_an_empty_database_gives_nothing(store, folder):
    index = opened(store, folder)
    assert index.search(unit(1)[0].astype(np.float32), 5) == []
    fill(store, "a", "en", 2)
    index.sync()
    filled_again = index.search(unit(1)[0].astype(np.float32), 5)
    assert len(filled_again) == 2
    take_away(store, "a")
    index.sync()
    assert index.search(unit(1)[0].astype(np.float32), 5) == []


def reads(store, monkeypatch):
    """How many vectors are read from the database from now on."""
    read = []
    original = store.vectors

    def counted(ids, space):
        for found, vectors in original(ids, space):
            read.extend(found.tolist())
            yield found, vectors

    monkeypatch.setattr(store, "vectors", counted)
    return read


def test_a_snapshot_saves_reading_the_vectors(filled, folder, monkeypatch):
    opened(filled, folder).save()
    fill(filled, "e", "en", 2)
    take_away(filled, "d")
    read = reads(filled, monkeypatch)
    index = opened(filled, folder)
    assert len(read) == 2
    monkeypatch.undo()
    query = unit(1)[0].astype(np.float32)
    assert_same(index.search(query, 100), brute_force(filled, query, 100))


def test_saving_leaves_one_file(filled, folder):
    index = opened(filled, folder)
    index.save()
    index.save()
    mark = hashlib.sha256(SPACE.fingerprint.encode()).hexdigest()[:8]
    assert [path.name for path in folder.iterdir()] == [f"{filled.identity()}-{mark}.faiss"]


@pytest.mark.parametrize("content", [b"", b"not an index", "half", "flat"])
def test_a_damaged_snapshot_is_rebuilt(filled, folder, caplog, content):
    index = opened(filled, folder)
    index.save()
    (snapshot,) = folder.iterdir()
    if content == "half":
        content = snapshot.read_bytes()[: snapshot.stat().st_size // 2]
    elif content == "flat":
        import faiss

        faiss.write_index(faiss.IndexFlatIP(D), str(snapshot))
        content = snapshot.read_bytes()
    snapshot.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        again = opened(filled, folder)
    assert "Rebuilding the index" in caplog.text
    query = unit(1)[0].astype(np.float32)
    assert_same(again.search(query, 10), index.search(query, 10))


def test_a_snapshot_of_another_dimension_is_rebuilt(filled, folder, store):
    opened(filled, folder).save()
    index = DenseIndex(store, folder, Space(1, SPACE.fingerprint, D * 2))
    with pytest.raises(IndexStateError) as raised:
        index.sync()
    assert f"vectors of {D} dimensions, the embedder random@1 makes {2 * D}" in raised.value.message


def test_the_snapshot_of_another_database_is_not_used(filled, folder, settings, tmp_path, monkeypatch):
    opened(filled, folder).save()
    other = Store.open(settings.model_copy(update={"home": tmp_path / "other"}))
    fill(other, "z", "en", 4)  # ids 1 to 4 again, of other chunks
    read = reads(other, monkeypatch)
    index = opened(other, folder)
    assert len(read) == 4
    monkeypatch.undo()
    query = unit(1)[0].astype(np.float32)
    assert_same(index.search(query, 10), brute_force(other, query, 10))
    other.close()


def test_a_document_removed_while_the_index_reads_is_left_out(filled, folder, monkeypatch):
    original = filled.chunk_languages

    def then_removed():
        found = original()
        monkeypatch.undo()
        take_away(filled, "b")
        return found

    monkeypatch.setattr(filled, "chunk_languages", then_removed)
    index = DenseIndex(filled, folder, SPACE)
    index.sync()
    assert index.size == 46
    index.sync()
    query = unit(1)[0].astype(np.float32)
    assert_same(index.search(query, 100), brute_force(filled, query, 100))
