import dataclasses

import numpy as np
import pytest
from sqlalchemy import update

from rag.answer_settings import RetrieveSettings
from rag.index.dense import DenseIndex
from rag.rerank import COVER_WEIGHT, FOREIGN, HEAD_START, _ranked, cover, rerank
from rag.retrieve import retrieve
from rag.tables import vector
from rag.timer import Timer
from rag.types import User
from tests.fakes.library import document_of, hit_of, put, take_away

EVERYTHING = User()


@pytest.fixture
def filled(store, embedder):
    put(store, embedder, "pump.md", ["The pump has a red valve. It closes.", "The pump needs oil."])
    put(store, embedder, "boiler.md", ["The boiler is blue."])
    put(
        store,
        embedder,
        "mail.md",
        ["From: Maria Keller, Subject: red valve\n阀门已经更换，请确认收货。"],
        spoken="zh",
    )
    return store


@pytest.fixture
def looked(filled, embedder, tmp_path):
    """(query, hits, index)"""
    index = DenseIndex(filled, tmp_path / "index", embedder)
    question = "Which valve does the pump have?"
    return *retrieve(question, filled, embedder, index, EVERYTHING, RetrieveSettings(), Timer()), index


def test_cover():
    weights = {"valve": 3.0, "pump": 1.0}
    assert cover(weights, "The VALVE is red.") == 0.75
    assert cover(weights, "Pumps and valve and pump") == 1.0
    assert cover(weights, "nothing") == 0.0
    assert cover({}, "valve") == 0.0


def test_scores_are_standings_and_cover(filled, embedder, looked):
    query, hits, index = looked
    got = rerank(query, hits, filled, index, embedder, 10)
    assert {hit.chunk.id for hit in got} == {1, 2, 3, 4}
    for hit in got:
        spoken, foreign = hit.document.language, hit.document.source == "mail.md"
        vector = query.foreign if foreign else query.vector
        mean, deviation = index.geometry.usual(query, spoken)
        whole = embedder.embed_passages([hit.chunk.embedding_text(hit.document.title)])[0]
        assert hit.dense == pytest.approx(float(whole @ query.vector), abs=1e-3)
        assert hit.standing == pytest.approx((float(whole @ vector) - mean) / deviation, abs=2e-2)
        assert hit.cover == cover(query.weights, hit.chunk.embedding_text(hit.document.title))
        elsewhere = FOREIGN if foreign else 0.0
        told = hit.standing + max(hit.sentences) + COVER_WEIGHT * hit.cover - elsewhere
        assert hit.score == pytest.approx(told)
        assert len(hit.sentences) == len(hit.chunk.sentences)
    assert [hit.score for hit in got] == sorted((hit.score for hit in got), reverse=True)
    assert got[0].chunk.text.startswith("The pump has a red valve.")


def test_a_latin_line_in_a_chinese_document_stands_out_among_english_ones(filled, embedder, looked):
    query, hits, index = looked
    (mail,) = [
        hit for hit in rerank(query, hits, filled, index, embedder, 10) if hit.document.source == "mail.md"
    ]
    chunk = mail.chunk
    texts = [chunk.text[a - chunk.start : b - chunk.start] for a, b in chunk.sentences]
    rows = embedder.embed_passages(texts)
    for standing, row, spoken in zip(mail.sentences, rows, ("en", "zh"), strict=True):
        vector = {"en": query.vector, "zh": query.foreign}[spoken]
        mean, deviation = index.geometry.usual(query, spoken)
        assert standing == pytest.approx((float(row @ vector) - mean) / deviation, abs=2e-2)


def test_a_sentence_without_a_letter_stands_out_no_further_than_its_passage(filled, embedder, tmp_path):
    lines = ["7.2.1.", "The pump of the second floor has a valve.", "}", "It needs oil every month."]
    put(filled, embedder, "numbers.md", ["\n".join(lines)])
    index = DenseIndex(filled, tmp_path / "numbers", embedder)
    asked = ("7.2.1. 7.2.1. 7.2.1.", filled, embedder, index, EVERYTHING, RetrieveSettings(), Timer())
    query, hits = retrieve(*asked)
    (hit,) = [
        one for one in rerank(query, hits, filled, index, embedder, 10) if one.document.source == "numbers.md"
    ]
    assert hit.chunk.sentence_texts() == lines
    mean, deviation = index.geometry.usual(query, "en")
    alone = (embedder.embed_passages(lines) @ query.vector - mean) / deviation
    assert alone[0] > hit.standing + 1  # or this shows nothing
    want = [min(alone[0], hit.standing), alone[1], min(alone[2], hit.standing), alone[3]]
    assert hit.sentences == pytest.approx(want, abs=2e-2)


def test_only_the_best_are_kept(filled, embedder, looked):
    query, hits, index = looked
    all_of_them = rerank(query, hits, filled, index, embedder, 10)
    assert rerank(query, hits, filled, index, embedder, 2) == all_of_them[:2]
    assert rerank(query, [], filled, index, embedder, 5) == []


def test_what_was_deleted_since_it_was_found_is_left_out(filled, embedder, looked):
    query, hits, index = looked
    take_away(filled, "pump.md")
    got = rerank(query, hits, filled, index, embedder, 10)
    assert {hit.document.source for hit in got} == {"boiler.md", "mail.md"}


def test_sentences_that_are_not_embedded_yet_are_embedded_for_the_best(filled, embedder, looked):
    query, hits, index = looked
    want = rerank(query, hits, filled, index, embedder, 10)
    with filled.write() as connection:
        connection.execute(update(vector).values(sentences=None))
    embedder.embedded.clear()
    assert rerank(query, hits, filled, index, embedder, 10) == want
    assert len(embedder.embedded) == sum(len(hit.chunk.sentences) for hit in hits)
    embedder.embedded.clear()
    first = rerank(query, hits, filled, index, embedder, 1)
    assert first == want[:1]
    assert len(embedder.embedded) < sum(len(hit.chunk.sentences) for hit in hits)


def test_the_order_given_does_not_matter(filled, embedder, looked):
    query, hits, index = looked
    backwards = [dataclasses.replace(hit, score=0.0) for hit in reversed(hits)]
    assert rerank(query, backwards, filled, index, embedder, 10) == rerank(
        query, hits, filled, index, embedder, 10
    )


def test_the_store_keeps_half_precision(filled, looked):
    whole, inner = filled.hit_vectors([1], 1)[1]
    assert (whole.dtype, inner.dtype) == (np.float16, np.float16)


def versions(*scores, yields_to="new"):
    """(score, yields) of hits of an old and a new document, alternately, as ranked."""
    names = {"old": document_of("old", ["One."]), "new": document_of("new", ["One."])}
    keys = {name: document.id for name, document in names.items()}
    hits = [
        dataclasses.replace(
            hit_of(names[name], chunk_id=i, score=score),
            yields_to=keys[yields_to] if name != yields_to else "",
        )
        for i, (name, score) in enumerate(scores, start=1)
    ]
    return [(hit.chunk.id, round(hit.score, 6)) for hit in _ranked(hits)]


def test_a_passage_that_yields_comes_after_the_other_version():
    assert versions(("old", 9.0), ("new", 8.0)) == [(2, 8.0), (1, 8.0)]
    assert versions(("old", 7.0), ("new", 8.0)) == [(2, 8.0), (1, 7.0)]
    # both passages of the old version stay behind the best one of the new
    assert versions(("old", 9.0), ("old", 8.5), ("new", 8.0), ("new", 1.0)) == [
        (3, 8.0), (1, 8.0), (2, 8.0), (4, 1.0),
    ]  # fmt: skip
    assert versions(("old", 9.0), ("new", 9.5), yields_to="old") == [(1, 9.0), (2, 9.0)]


def test_a_passage_that_the_other_version_does_not_have_stays_first():
    assert versions(("old", 9.0), ("new", 8.9 - HEAD_START)) == [(1, 9.0), (2, round(8.9 - HEAD_START, 6))]
    assert versions(("old", 9.0)) == [(1, 9.0)]


def test_directions_are_cosines_from_the_centre(filled, embedder, looked):
    query, hits, index = looked
    for hit in rerank(query, hits, filled, index, embedder, 10):
        centre = index.geometry.centre(hit.document.language, len(query.vector))
        assert np.linalg.norm(centre) > 0
        rows = embedder.embed_passages(hit.chunk.sentence_texts()) - centre
        asked = query.vector - centre
        expected = rows @ asked / np.linalg.norm(rows, axis=1) / np.linalg.norm(asked)
        assert hit.directions == pytest.approx(expected, abs=2e-3)
