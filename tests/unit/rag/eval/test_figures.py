"""Figures by language, with intervals that cover what they should."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from rag.eval.figures import EVERY, figures, interval, mean, measure, quantile, share
from rag.eval.questions import Question
from tests.fakes.evaluation import answered


def asked(values, languages):
    return [
        answered(Question(f"{i}?", str(i), language=language), ms=value)
        for i, (value, language) in enumerate(zip(values, languages, strict=True))
    ]


def measured(results, statistic=mean):
    return measure("s", "n", "lower", "m", results, lambda r: (r.answer.timings_ms["total"],), statistic)


def test_overall_and_by_language():
    found = figures([measured(asked([1.0, 2.0, 9.0], ["en", "en", "zh"]))])
    assert [(f.language, f.n, f.value) for f in found] == [(EVERY, 3, 4.0), ("en", 2, 1.5), ("zh", 1, 9.0)]


def test_one_language_is_told_once():
    assert [f.language for f in figures([measured(asked([1.0, 2.0], ["en", "en"]))])] == [EVERY]


def test_what_is_not_defined_is_left_out():
    nan = float("nan")
    found = figures([measured(asked([nan, nan, 3.0], ["en", "en", "zh"]))])
    assert [(f.language, f.value) for f in found] == [(EVERY, 3.0), ("zh", 3.0)]


def test_the_interval_is_that_of_scipy_s_bootstrap():
    values = np.random.default_rng(1).normal(5, 2, 60)
    low, high = interval(lambda rows: mean(values[rows]), len(values))
    known = bootstrap((values,), np.mean, n_resamples=5000, method="percentile", rng=2).confidence_interval
    assert (low, high) == (pytest.approx(known.low, abs=0.08), pytest.approx(known.high, abs=0.08))


def test_the_same_results_give_the_same_interval():
    results = asked([1.0, 2.0, 5.0, 9.0], ["en"] * 4)
    assert figures([measured(results)]) == figures([measured(results)])


@pytest.mark.parametrize(("value", "low", "high"), [(1.0, 0.8389, 1.0), (0.0, 0.0, 0.1611)])
def test_all_right_or_all_wrong_is_not_certain(value, low, high):
    (figure,) = figures([measured(asked([value] * 20, ["en"] * 20))])
    assert (figure.value, figure.low, figure.high) == (value, low, high)


def test_statistics():
    nan = float("nan")
    assert mean(np.array([1.0, nan, 3.0])) == 2.0
    assert share(np.array([1.0, 0.0]), np.array([2.0, 2.0])) == 0.25
    assert np.isnan(share(np.zeros(2), np.zeros(2)))
    assert quantile(0.5)(np.array([nan, 1.0, 2.0, 9.0])) == 2.0
