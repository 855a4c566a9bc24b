"""Scope, answerability and the logistic models behind them."""

import json
import math
from importlib import resources

import numpy as np
import pytest

from rag.answerable import BACKGROUND, WIDTH, answerability, answerable_signals
from rag.calibration import Logistic, load
from rag.scope import in_scope, scope_signals
from rag.types import Query
from tests.fakes.library import document_of, evidence_of, hit_of

MODELS = ("answerable", "evidence", "scope", "support")
DOCUMENT = document_of("a.md", ["The pump needs oil. The valve is red."], title="Pump")
WEIGHTS = {"pump": 1.0, "oil": 3.0, "salary": 4.0}
QUERY = Query("How much oil does the pump need?", "en", np.zeros(4, np.float32), WEIGHTS)


def hits(*scores, **values):
    return [hit_of(DOCUMENT, chunk_id=i, score=score, **values) for i, score in enumerate(scores)]


def test_a_logistic_model_is_arithmetic():
    model = Logistic("m", {"same": {"a": 2.0, "b": -1.0}}, {"same": 0.5}, 0.4)
    assert model.probability("same", {"a": 1.0, "b": 3.0, "unused": 9.0}) == pytest.approx(
        1 / (1 + math.exp(0.5))
    )
    assert model.probability("same", {"a": 1e6, "b": 0.0}) == pytest.approx(1.0)
    assert 0 < model.probability("same", {"a": -1e6, "b": 0.0}) < 1e-20
    with pytest.raises(KeyError):
        model.probability("same", {"a": 1.0})


@pytest.mark.parametrize("name", MODELS)
def test_each_model_says_where_it_comes_from(name):
    data = json.loads(resources.files("rag.calibration").joinpath(f"{name}.json").read_text("utf-8"))
    assert data["name"] == name
    assert data["date"]
    assert data["command"].startswith("python tests/bench/")
    assert set(data["trained_on"]) == set(data["groups"]) == {"same", "cross"}
    model = load(name)
    assert model.groups == {group: values["coefficients"] for group, values in data["groups"].items()}
    assert 0 < model.threshold < 1
    assert load(name) is model


def test_answerable_signals():
    evidence = [evidence_of(DOCUMENT, "The pump needs oil.", score=0.75)]
    found = hits(9.0, 8.0, 7.0, 6.0, cover=0.5, standing=1.0, sentences=(2.0, 3.0), dense=0.85)
    got = answerable_signals(QUERY, found, evidence)
    rest = [6.0] + [BACKGROUND] * (WIDTH - 4)
    assert got == pytest.approx(
        {
            "answer": math.log(3),
            "union": 0.5,
            "missing": 0.4,
            "passage_cover": 0.5,
            "standing": 3.0,
            "similarity": 0.85,
            "margin": 9.0 - sum(rest) / len(rest),
        }
    )


def test_answerable_signals_of_a_question_without_words():
    asked = Query("???", "en", np.zeros(4, np.float32), {})
    evidence = [evidence_of(DOCUMENT, "The pump needs oil.", score=1.0)]
    got = answerable_signals(asked, hits(9.0, dense=None), evidence)
    assert (got["union"], got["missing"], got["similarity"]) == (0.0, 0.0, 0.0)
    assert got["answer"] == pytest.approx(math.log(1e6), rel=1e-3)
    assert got["margin"] == pytest.approx(9.0 - BACKGROUND)


@pytest.mark.parametrize("group", ["same", "cross"])
def test_answerability_follows_its_model(group):
    base = {
        "answer": 0,
        "union": 0,
        "missing": 0,
        "passage_cover": 0,
        "standing": 0,
        "similarity": 0,
        "margin": 0,
    }
    model = load("answerable")
    low = {**base, "answer": -9.0}
    high = {
        "answer": 9.0,
        "union": 1.0,
        "missing": 0,
        "passage_cover": 1,
        "standing": 9,
        "similarity": 1,
        "margin": 9,
    }
    for signals, answers in ((low, False), (high, True)):
        probability, verdict = answerability(group, signals)
        assert probability == model.probability(group, signals)
        assert verdict is answers is (probability >= model.threshold)


def test_scope_signals_are_the_nearest_of_all_hits():
    found = [
        hit_of(DOCUMENT, sentences=(1.0, 4.0), standing=2.0, cover=0.1),
        hit_of(DOCUMENT, sentences=(3.0, 0.0), standing=2.5, cover=0.0),
    ]
    assert scope_signals(found) == {"sentence": 4.0, "passage": 2.5, "cover": 0.1}


@pytest.mark.parametrize("group", ["same", "cross"])
def test_scope_follows_its_model(group):
    model = load("scope")
    for standing, inside in ((-9.0, False), (9.0, True)):
        found = hits(1.0, standing=standing, cover=1.0)
        probability, verdict = in_scope(group, found)
        assert probability == model.probability(group, scope_signals(found))
        assert verdict is inside
