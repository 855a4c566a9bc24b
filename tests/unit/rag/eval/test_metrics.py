"""The measures of answers, counted by hand on a few results."""

import math

import pytest

from rag.eval.figures import EVERY, figures
from rag.eval.metrics import measures
from rag.eval.questions import Part, Question
from rag.types import AnswerVerdict, Gap
from tests.fakes.evaluation import answered, found

SILENT = {"verdict": AnswerVerdict.INSUFFICIENT_CONTEXT}


def values(results, section, language=EVERY):
    return {
        f.name: f.value for f in figures(measures(results)) if f.section == section and f.language == language
    }


def ask(number, **about):
    return Question(f"question {number}?", str(number), language=about.pop("language", "en"), **about)


def test_retrieval():
    one, two = ask(1, sources=("a.md",)), ask(2, sources=("a.md", "b.md"))
    results = [
        answered(one, passages=[found("x/b.md"), found("x/a.md"), found("x/a.md")]),
        answered(two, passages=[found("x/b.md"), *[found("x/c.md")] * 6, found("x/a.md")]),
        answered(ask(3, sources=("z.md",)), passages=[found("x/a.md")]),
        answered(ask(4)),  # nothing is known of it
    ]
    two_ndcg = (1 + 1 / math.log2(9)) / (1 + 1 / math.log2(3))
    assert values(results, "Retrieval") == {
        "R@1": pytest.approx((0 + 0.5 + 0) / 3, abs=1e-4),
        "R@5": pytest.approx((1 + 0.5 + 0) / 3, abs=1e-4),
        "R@10": pytest.approx((1 + 1 + 0) / 3, abs=1e-4),
        "MRR": pytest.approx((0.5 + 1 + 0) / 3, abs=1e-4),
        "nDCG@10": pytest.approx((1 / math.log2(3) + two_ndcg) / 3, abs=1e-4),
    }


def test_answers_and_refusing():
    results = [
        answered(ask(1, answers=("25 days",)), "25 days [1]"),
        answered(ask(2, answers=("25 days",)), "nothing of it"),
        answered(ask(3, answers=("25",)), "The documents do not say 25.", **SILENT),
        answered(ask(4, answers=()), "The documents do not say.", **SILENT),
        answered(ask(5, answers=()), "Something."),
        answered(ask(6, answers=()), "Not about this.", verdict=AnswerVerdict.OFF_TOPIC),
        answered(ask(7), "not judged"),
    ]
    assert values(results, "Answers") == {
        "contains the answer": pytest.approx(1 / 3, abs=1e-4),
        "token F1": pytest.approx(1 / 3, abs=1e-4),
    }
    assert values(results, "Refusing") == {
        "refused though it is there": pytest.approx(1 / 3, abs=1e-4),
        "recall": pytest.approx(2 / 3, abs=1e-4),
        "precision": pytest.approx(2 / 3, abs=1e-4),
    }


def test_citations():
    results = [
        answered(
            ask(1, answers=("25",), sources=("a.md", "b.md")),
            cited=[("x/a.md", "25 days"), ("x/a.md", "other words"), ("x/c.md", "25 kg")],
        ),
        answered(
            ask(2, answers=("red",), passages=("It is red. It is old.",)), cited=[("x/z.md", "It is red.")]
        ),
    ]
    assert values(results, "Citations") == {
        "precision by document": 0.75,
        "recall by document": pytest.approx(2 / 3, abs=1e-4),
        "precision by quote": 0.75,
        "recall by quote": 1.0,
    }


def test_is_it_there_and_is_it_about_that():
    results = [
        answered(ask(1, answers=("a",), topic="in"), "a", answerable=0.9, scope=0.9),
        answered(ask(22, answers=("b",), topic="in"), "c", answerable=0.4, scope=0.5),
        answered(ask(3, answers=(), topic="in"), **SILENT, answerable=0.5, scope=0.7),
        answered(ask(4, answers=(), topic="out"), verdict=AnswerVerdict.OFF_TOPIC, scope=0.6),
    ]
    there = values(results, "Is it there?")
    assert there["AUROC"] == 0.75
    assert there["AUROC of the length alone"] == 0.75
    # surest first: right, right (refused), wrong, right (refused)
    assert there["AURC"] == pytest.approx((0 + 0 + 1 / 3 + 1 / 4) / 4, abs=1e-4)
    assert there["risk at 80% coverage"] == 0.25
    about = values(results, "Is it about that?")
    assert about["AUROC"] == pytest.approx(2 / 3, abs=1e-4)
    assert about["FPR at 95% TPR"] == 1.0
    assert about["AUROC of the language alone"] == 0.5


def test_the_language_alone():
    results = [
        answered(ask(i, answers=("a",) if i < 3 else (), language="en" if i in (0, 1, 5) else "zh"), "a")
        for i in range(6)
    ]
    # two of three English questions are answerable, one of three Chinese ones
    assert values(results, "Is it there?")["AUROC of the language alone"] == pytest.approx(
        (4 + 0.5 * (2 + 2)) / 9, abs=1e-4
    )


def test_completeness():
    parts = (
        Part("How long is the annual leave?", ("25 days",)),
        Part("Who grants sick leave?", ("the head",)),
        Part("What does the pension cost?"),
    )
    asked = ask(1, parts=parts)
    gaps = [
        Gap("part", "What does the pension cost"),
        Gap("part", "How long is the annual leave?"),
        Gap("fact", "Who grants sick leave?", 1),  # of another kind: names no part
    ]
    results = [answered(asked, "25 days [1]", gaps=gaps), answered(ask(2, parts=parts), **SILENT)]
    assert values(results, "Completeness") == {
        "parts answered": 0.25,
        "missing parts named": 0.5,
        "named though answered": 0.5,
    }


def test_time_and_tokens():
    results = [answered(ask(i), "a", ms=10.0 * i, tokens=100 * i) for i in range(1, 4)]
    told = values(results, "Time and tokens")
    assert told["answer, p50, ms"] == 20.0
    assert told["answer, p90, ms"] == 28.0
    assert (told["prompt tokens"], told["completion tokens"]) == (200.0, 2.0)
    assert not any(name.startswith("first sentence") for name in told)


def test_languages_are_told_apart():
    results = [
        answered(ask(1, answers=("a",)), "a"),
        answered(ask(2, answers=("a",), language="zh"), "b"),
    ]
    assert values(results, "Answers", "en")["contains the answer"] == 1.0
    assert values(results, "Answers", "zh")["contains the answer"] == 0.0


def test_a_measure_without_questions_is_left_out():
    assert {one.section for one in measures([answered(ask(1), "a")])} == {"Time and tokens"}
