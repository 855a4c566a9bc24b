import math

import numpy as np
import pytest

from rag.answer_settings import RetrieveSettings
from rag.index.dense import DenseIndex
from rag.index.fuse import reciprocal_rank_fusion
from rag.index.lexical import rarest
from rag.retrieve import look_up, retrieve
from rag.timer import Timer
from rag.types import User
from tests.fakes.library import put, take_away

EVERYTHING = User()
STRANGER = User("stranger", ())
SETTINGS = RetrieveSettings(candidates=3)


@pytest.fixture
def filled(store, embedder):
    put(store, embedder, "pump.md", ["The pump has a red valve.", "The pump needs oil every month."])
    put(store, embedder, "boiler.md", ["The boiler is blue.", "The boiler has no valve."])
    put(store, embedder, "secret.md", ["The pump of the new product is golden."], groups=["rnd"])
    put(store, embedder, "zh.md", ["泵有红色阀门。", "锅炉是蓝色的。"])
    return store


@pytest.fixture
def index(filled, embedder, tmp_path):
    return DenseIndex(filled, tmp_path / "index", embedder)


def test_a_question_becomes_a_vector_and_weighted_terms(filled, embedder):
    query = look_up("What colour is the valve of the pump?", filled, embedder)
    assert (query.text, query.language) == ("What colour is the valve of the pump?", "en")
    np.testing.assert_array_equal(query.vector, embedder.embed_queries([query.text])[0])
    # 7 chunks; "valve" stands in 2 and "pump" in 3 of them (their titles count), "colour" in none
    assert query.weights == pytest.approx(
        {"colour": math.log(1 + 7.5 / 0.5), "valve": math.log(1 + 5.5 / 2.5), "pump": math.log(1 + 4.5 / 3.5)}
    )


def found(question, store, embedder, index, user=EVERYTHING):
    """(query, hits)"""
    return retrieve(question, store, embedder, index, user, SETTINGS, Timer())


def test_common_terms_are_weighed_and_not_sought(filled, embedder, index, monkeypatch):
    question = "colour of the valve of the pump"
    asked, hits = found(question, filled, embedder, index)
    # in 2 and 3 chunks; colour stands in none
    assert by_words(hits) == dict(filled.lexical(["valve", "pump"], SETTINGS.candidates))
    monkeypatch.setattr(rarest, "__defaults__", (4,))
    frugal, fewer = found(question, filled, embedder, index)
    assert by_words(fewer) == dict(filled.lexical(["valve"], SETTINGS.candidates)) != by_words(hits)
    assert frugal.weights == asked.weights


def by_words(hits):
    return {hit.chunk.id: hit.lexical for hit in hits if hit.lexical is not None}


def test_hits_are_both_searches_fused(filled, embedder, index):
    query, hits = found("the red valve of the pump", filled, embedder, index)
    looked_up = look_up("the red valve of the pump", filled, embedder)
    assert (query.text, query.language, query.weights) == (
        looked_up.text,
        looked_up.language,
        looked_up.weights,
    )
    np.testing.assert_array_equal(query.vector, looked_up.vector)
    np.testing.assert_array_equal(query.tokens, looked_up.tokens)
    dense = dict(index.search(query, 3, EVERYTHING))
    lexical = dict(filled.lexical(["red", "valve", "pump"], 3))
    want = reciprocal_rank_fusion([list(dense), list(lexical)], SETTINGS.rrf_k)
    assert [(hit.chunk.id, hit.score) for hit in hits] == want
    for hit in hits:
        assert hit.dense == dense.get(hit.chunk.id)
        assert hit.lexical == lexical.get(hit.chunk.id)
        assert hit.document.source.endswith(".md")
    assert hits[0].chunk.text == "The pump has a red valve."


def test_embedding_and_searching_are_timed_apart(filled, embedder, index):
    timer = Timer()
    retrieve("the red valve", filled, embedder, index, EVERYTHING, SETTINGS, timer)
    assert [step.name for step in timer.steps] == ["retrieve", "embed", "retrieve"]
    assert timer.total().keys() == {"retrieve", "embed", "total"}


def test_what_is_forbidden_is_neither_found_nor_shortens_the_list(filled, embedder, index):
    question = "the golden pump of the new product"
    assert found(question, filled, embedder, index)[1][0].document.source == "secret.md"
    hits = found(question, filled, embedder, index, STRANGER)[1]
    assert "secret.md" not in {hit.document.source for hit in hits}
    assert sum(hit.dense is not None for hit in hits) == SETTINGS.candidates


def test_a_new_document_is_found_at_once(filled, embedder, index):
    question = "warranty of the turbine"
    found(question, filled, embedder, index)
    put(filled, embedder, "new.md", ["The warranty of the turbine is 24 months."])
    best = found(question, filled, embedder, index)[1][0]
    assert best.document.source == "new.md"
    assert best.dense is not None
    assert best.lexical is not None


def test_a_deleted_document_never_answers_even_if_the_index_still_holds_it(
    filled, embedder, index, monkeypatch
):
    index.sync()
    take_away(filled, "pump.md")
    monkeypatch.setattr(index, "sync", lambda: 0)
    hits = found("the red valve of the pump", filled, embedder, index)[1]
    assert hits
    assert "pump.md" not in {hit.document.source for hit in hits}


def test_what_became_forbidden_during_the_search_is_left_out(filled, embedder, index, monkeypatch):
    search = index.search
    monkeypatch.setattr(index, "search", lambda query, k, user: search(query, k, EVERYTHING))
    hits = found("the golden pump of the new product", filled, embedder, index, STRANGER)[1]
    assert hits
    assert "secret.md" not in {hit.document.source for hit in hits}


def test_an_empty_store_gives_no_hits(store, embedder, tmp_path):
    index = DenseIndex(store, tmp_path / "index", embedder)
    assert found("anything at all", store, embedder, index)[1] == []
