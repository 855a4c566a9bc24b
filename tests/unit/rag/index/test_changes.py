"""The log of changed documents: whatever an index depends on is noted."""

import numpy as np
import pytest
from sqlalchemy import delete, insert, select, text, update

from ingest.index import Ledger
from rag.index.changes import changed_since, document_number, read, sample, sizes
from rag.tables import chunk, document, place, reader, vector
from rag.types import Place
from tests.fakes.library import chunk_ids, put, take_away


@pytest.fixture
def two(store, embedder):
    return [put(store, embedder, f"{name}.md", ["One.", "Two."]).id for name in ("a", "b")]


def changed(store, *statements):
    """What is noted for a transaction of these statements."""
    before = store.generation()
    with store.write() as connection:
        for statement in statements:
            connection.execute(statement)
    with store.read() as connection:
        assert changed_since(connection, store.generation()) == []
        return set(changed_since(connection, before))


def row(document_id, position):
    given = {"document_id": document_id, "position": position, "start": 0, "end": 1, "sentences": [[0, 1]]}
    return given | {"heading": [], "header": "", "tokens": 1, "text": "x"}


def test_every_kind_of_change_is_noted(store, two):
    first, second = two
    chunks = select(chunk.c.id).where(chunk.c.document_id == second)
    assert changed(store, insert(chunk).values(**row(first, 2))) == {first}
    assert changed(store, insert(vector).values(chunk_id=5, space_id=1, whole=b"12")) == {first}
    assert changed(store, update(vector).where(vector.c.chunk_id.in_(chunks)).values(whole=b"")) == {second}
    assert changed(store, delete(chunk).where(chunk.c.id == 5)) == {first}
    assert changed(store, update(document).where(document.c.id == second).values(language="de")) == {second}
    assert changed(store, update(place).where(place.c.document_id == first).values(collection="x")) == {first}
    assert changed(store, update(place).where(place.c.document_id == first).values(document_id=second)) == {
        first,
        second,
    }
    assert changed(store, insert(reader).values(place_id=1, name="staff", document_id=first)) == {first}
    assert changed(store, update(reader).where(reader.c.name == "staff").values(name="board")) == {first}
    assert changed(store, delete(reader).where(reader.c.name == "board")) == {first}
    assert changed(store, delete(place).where(place.c.id == 1)) == {first, second}, "with its readers"


def test_a_place_and_a_removal_are_noted(store, two):
    first, second = two
    before = store.generation()
    Ledger(store).attach(Place("copy.md", "copy"), first, "test")
    take_away(store, "b.md")
    with store.read() as connection:
        assert set(changed_since(connection, before)) == {first, second}


def test_what_no_answer_depends_on_is_not_noted(store, two):
    first, _ = two
    assert changed(store, update(vector).values(sentences=b"12")) == set()
    assert changed(store, update(place).where(place.c.document_id == first).values(etag="x")) == set()


def test_rows_are_read_as_they_are(store, embedder, two):
    put(store, embedder, "c.md", ["三。"], groups=["staff"], collection="plans")
    with store.read() as connection:
        (rows,) = read(connection, 1)
        assert rows.ids.tolist() == chunk_ids(store) == [1, 2, 3, 4, 5]
        assert rows.languages.tolist() == ["en"] * 4 + ["zh"]
        assert rows.documents.tolist()[:4] == [document_number(two[0])] * 2 + [document_number(two[1])] * 2
        assert rows.accesses[document_number(two[0])] == {("default", frozenset({"*"}))}
        assert rows.accesses[int(rows.documents[4])] == {("plans", frozenset({"staff"}))}
        stored = store.hit_vectors([1, 2, 3, 4, 5], 1)
        np.testing.assert_array_equal(rows.vectors, np.stack([stored[key][0] for key in rows.ids.tolist()]))
        (some,) = read(connection, 1, [two[1], "0" * 32])
        assert some.ids.tolist() == [3, 4]
        assert list(read(connection, 2)) == list(read(connection, 1, [])) == []
        assert sizes(connection, 1) == {"en": 4, "zh": 1}
        assert sample(connection, 1, "en", 2).shape == (2, embedder.dimension)
        assert rows.of("zh").ids.tolist() == [5]
        assert rows.besides(np.array([1, 5])).ids.tolist() == [2, 3, 4]


def test_a_number_for_a_document_is_always_the_same():
    assert document_number("a" * 32) == document_number("a" * 32) != document_number("b" * 32)
    assert np.array([document_number("a" * 32)], np.int64).dtype == np.int64


def test_what_is_silent_counts_with_the_next_change(store, two):
    before = store.generation()
    with store.write(silent=True) as connection:
        connection.execute(text("UPDATE place SET collection = 'x' WHERE document_id = :k"), {"k": two[0]})
    assert store.generation() == before
    with store.write():
        pass
    with store.read() as connection:
        assert changed_since(connection, before) == [two[0]]
