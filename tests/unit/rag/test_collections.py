"""Collections narrow what is searched, inside of both searches and everywhere after them."""

import dataclasses
from functools import partial

import pytest

from ingest.index import Ledger
from rag.index.dense import DenseIndex
from rag.library import Library
from rag.types import Place, Query, User
from tests.fakes.library import put

WORDS = "The hotel allowance is 140 EUR a night."
ANN = User("ann", ("staff",))


@pytest.fixture
def found(store, embedder, settings):
    """Names of the documents that each search finds for a user, one passage at most."""
    for name, collection, groups in (
        ("a", "one", ()), ("b", "two", ("staff",)), ("c", "two", ("board",)), ("d", "three", ()),
    ):  # fmt: skip
        put(
            store,
            embedder,
            f"{name}.md",
            [f"{WORDS} ({name})"],
            title=name,
            collection=collection,
            groups=groups,
        )
    index = DenseIndex(store, settings.index_dir, embedder)
    index.sync()

    def run(user, *collections, k=9):
        within = dataclasses.replace(user, collections=collections or None)
        vector = embedder.embed_queries([WORDS])[0]
        dense = [key for key, _ in index.search(Query(WORDS, "en", vector, {}), k, within)]
        readable = partial(index.readable, within)
        lexical = [key for key, _ in store.lexical(["hotel", "allowance"], k, readable)]
        assert set(dense) == set(lexical) or k < 9
        chunks = store.chunks(dense + lexical, within)
        assert set(chunks) == {*dense, *lexical}
        return {document.title for _, document in chunks.values()}

    return run


def test_collections_and_rights_hold_together(found):
    assert found(ANN) == {"a", "b", "d"}
    assert found(ANN, "one") == {"a"}
    assert found(ANN, "two") == {"b"}
    assert found(ANN, "one", "two", "nowhere") == {"a", "b"}
    assert found(ANN, "nowhere") == set()
    assert found(User(), "two") == {"b", "c"}
    assert found(User("x", ()), "two") == set()


def test_the_filter_does_not_shorten_the_list(found):
    # each search gives its one best: of the whole, that might be any
    assert found(ANN, "three", k=1) == {"d"}


def test_a_document_counts_by_the_place_that_the_reader_may_read(store, embedder):
    document = put(store, embedder, "x.md", [WORDS], collection="open")
    Ledger(store).attach(Place("y.md", "y", collection="closed", groups=("board",)), document.id, "test")
    within = dataclasses.replace(ANN, collections=("closed",))
    assert store.references([document.id], within) == {}
    board = User("b", ("board",), ("closed",))
    assert store.references([document.id], board)[document.id].source == "y.md"
    assert [(one.name, one.documents) for one in Library(store).collections(ANN)] == [("open", 1)]
