"""Scope, answerability and the logistic models behind them."""

import json
import math
from importlib import resources

import numpy as np
import pytest

from rag.answerable import BACKGROUND, WIDTH, answerability, answerable_signals
from rag.calibration import Logistic, load
from rag.late_interaction import matched_tokens, weakest_tokens
from rag.scope import Topics, in_scope, scope_signals
from rag.types import Query
from tests.fakes.embedder import HashingEmbedder
from tests.fakes.library import document_of, evidence_of, hit_of

MODELS = ("addressed", "answerable", "evidence", "scope", "support")
DOCUMENT = document_of("a.md", ["The pump needs oil. The valve is red."], title="Pump")
WEIGHTS = {"pump": 1.0, "oil": 3.0, "salary": 4.0}
(ASKED,) = HashingEmbedder().token_vectors(["How much oil does the pump need?"], "query")
QUERY = Query("How much oil does the pump need?", "en", ASKED.whole, WEIGHTS, ASKED.vectors)


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
    assert data["command"].startswith(("python tests/bench/", "citewell eval calibrate"))
    assert set(data["trained_on"]) == set(data["groups"]) == {"same", "cross"}
    model = load(name)
    assert model.groups == {group: values["coefficients"] for group, values in data["groups"].items()}
    assert 0 < model.threshold < 1
    assert load(name) is model


def test_answerable_signals():
    evidence = [evidence_of(DOCUMENT, "The pump needs oil.", score=0.75)]
    found = hits(9.0, 8.0, 7.0, 6.0, cover=0.5, standing=1.0, sentences=(2.0, 3.0), dense=0.85)
    got = answerable_signals(QUERY, found, evidence, HashingEmbedder())
    embedder = HashingEmbedder()
    question = embedder.token_vectors([QUERY.text], "query")[0].vectors
    quote = [t.vectors for t in embedder.token_vectors([e.quote for e in evidence], "passage")]
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
            "tokens": matched_tokens(question, quote),
            "weakest": weakest_tokens(question, quote),
        }
    )
    assert 0 < got["tokens"] < 1


def test_answerable_signals_of_a_question_without_words():
    asked = Query("???", "en", np.zeros(4, np.float32), {})
    evidence = [evidence_of(DOCUMENT, "The pump needs oil.", score=1.0)]
    got = answerable_signals(asked, hits(9.0, dense=None), evidence, HashingEmbedder())
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
        "tokens": 0,
        "weakest": 0,
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
        "tokens": 1,
        "weakest": 1,
    }
    for signals, answers in ((low, False), (high, True)):
        probability, verdict = answerability(group, signals)
        assert probability == model.probability(group, signals)
        assert verdict is answers is (probability >= model.threshold)


def test_scope_signals_are_the_nearest_of_all_hits():
    found = [
        hit_of(DOCUMENT, directions=(0.1, 0.6, 0.2), standing=2.0, cover=0.1),
        hit_of(DOCUMENT, directions=(0.5, 0.4, 0.3), standing=2.5, cover=0.0),
    ]
    assert scope_signals(found) == pytest.approx(
        {"direction": 0.6, "density": 0.4, "cover": 0.1, "passage": 2.5}
    )
    assert scope_signals([hit_of(DOCUMENT)])["direction"] == 0.0


@pytest.mark.parametrize("group", ["same", "cross"])
def test_scope_follows_its_model(group):
    model = load("scope")
    for standing, inside in ((-9.0, False), (9.0, True)):
        found = hits(1.0, standing=standing, cover=1.0, directions=(standing / 10,))
        probability, verdict = in_scope(group, found)
        assert probability == model.probability(group, scope_signals(found))
        assert verdict is inside


def asked(text, **weights):
    return Query(text, "en", HashingEmbedder().embed_queries([text])[0], weights)


def test_a_topic_is_known_by_its_words_or_its_direction():
    topics = Topics(("salary", "annual leave", " "))
    centre = np.zeros(HashingEmbedder.dimension, np.float32)
    embedder = HashingEmbedder()
    assert topics.match(asked("Who gets which salary?", salary=3.0), embedder, centre) == "salary"
    assert topics.match(asked("annual leave", annual=1.0, leave=1.0), embedder, centre) == "annual leave"
    assert topics.match(asked("annual leaves", annual=1.0, leaves=1.0), embedder, centre) == "annual leave"
    assert topics.match(asked("How much oil?", oil=1.0), embedder, centre) == ""
    # of words alone all must stand there
    assert topics.match(asked("Check the pump yearly, annual", annual=1.0, pump=1.0), embedder, centre) == ""
    assert Topics(()).match(asked("annual leave", annual=1.0), embedder, centre) == ""


def test_a_topic_is_compared_from_the_centre():
    crowded = HashingEmbedder(common=0.9)
    query = Query("How much oil?", "en", crowded.embed_queries(["How much oil?"])[0], {"oil": 1.0})
    topics = Topics(("salary",))
    corner = np.zeros(crowded.dimension, np.float32)
    assert topics.match(query, crowded, corner) == "salary", "all texts crowd into one corner"
    corner[0] = 0.9**0.5
    assert topics.match(query, crowded, corner) == ""
