"""The statistics agree with scikit-learn's, and with what can be counted by hand."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve

from rag.eval.detectors import (
    area,
    aurc,
    average_precision,
    calibration_error,
    f1,
    false_positives,
    risk_coverage,
    support_measures,
)
from rag.eval.figures import figures
from tests.fakes.evaluation import checked


@pytest.fixture(params=range(6))
def drawn(request):
    """Labels and scores; those of odd seeds have many ties."""
    rng = np.random.default_rng(request.param)
    labels = (rng.random(80) < 0.3).astype(float)
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.25), 0, 1)
    return labels, np.round(scores, 1) if request.param % 2 else scores


def test_areas_are_scikit_learn_s(drawn):
    labels, scores = drawn
    assert area(labels, scores) == pytest.approx(roc_auc_score(labels, scores))
    assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores))
    told = (scores > 0.5).astype(float)
    assert f1(labels, told) == pytest.approx(f1_score(labels, told))


def test_false_positives_are_those_of_the_roc_curve(drawn):
    labels, scores = drawn
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert false_positives(labels, scores) == pytest.approx(false[np.argmax(true >= 0.95)])


@pytest.mark.parametrize("statistic", [area, average_precision, f1, false_positives])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_labels_that_are_all_alike_tell_nothing(statistic, label):
    assert np.isnan(statistic(np.full(3, label), np.array([0.1, 0.5, 0.9])))


def test_calibration_error_by_hand():
    labels, scores = np.array([1.0, 1.0, 0.0, 1.0]), np.array([0.91, 0.99, 0.95, 1.0])
    assert calibration_error(labels, scores) == pytest.approx(abs(scores.mean() - 0.75))
    labels, scores = np.array([0.0, 1.0]), np.array([0.2, 0.7])
    assert calibration_error(labels, scores) == pytest.approx((0.2 + 0.3) / 2)


def test_risk_and_coverage_by_hand():
    coverage, risk = risk_coverage(np.array([0.2, 0.9, 0.8, 0.5]), np.array([0.0, 1.0, 0.0, 1.0]))
    assert coverage == pytest.approx([0.25, 0.5, 0.75, 1])
    assert risk == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert aurc(np.array([0.2, 0.9, 0.8, 0.5]), np.array([0.0, 1.0, 0.0, 1.0])) == pytest.approx(risk.mean())


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
def test_the_order_of_equally_sure_answers_does_not_matter(order):
    correct = np.array([1.0, 0.0, 0.0, 1.0])[order]
    assert aurc(np.full(4, 0.5), correct) == pytest.approx(0.5)


def test_support_with_its_baselines():
    results = [
        checked("a true sentence", True, 0.9, True),
        checked("one more true one", True, 0.8, True),
        checked("true, but doubted", True, 0.3, False),
        checked("false", False, 0.1, False),
        checked("lie", False, 0.6, True),
    ]
    found = {f.name: f.value for f in figures(support_measures(results))}
    assert found == {
        "AUROC": pytest.approx(5 / 6, abs=1e-4),
        "AUROC of the length alone": 1.0,  # the false ones are the shortest
        "AUROC of the language alone": 0.5,
        "AUPRC": pytest.approx((1 + 2 / 3) / 2, abs=1e-4),
        "share of unsupported sentences": 0.4,
        "F1 at the threshold": 0.5,
        "wrong among supported": pytest.approx(1 / 3, abs=1e-4),
        "supported ones shown": pytest.approx(2 / 3, abs=1e-4),
        "ECE": pytest.approx((0.1 + 0.2 + 0.7 + 0.1 + 0.6) / 5),
        "not checked": 0.0,
        "check, mean ms": 5.0,
    }
