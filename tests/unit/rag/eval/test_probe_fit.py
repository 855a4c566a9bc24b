"""A probe is fitted so that it separates what can be separated, and measured on what it has not seen."""

import dataclasses

import numpy as np
import pytest

from rag.errors import QuestionSetError
from rag.eval.probe_fit import LeaveDomainsOut, area, difference, fit_logistic, pairs, train, word_cover
from rag.eval.questions import LabelledSentence
from tests.fakes.hidden import FixedStates

DOMAINS = ("hr", "it", "sales")


def examples(count=40):
    return [
        LabelledSentence(
            f"{'true' if i % 2 else 'false'} {'not ' * (i % 4 < 2)}{i}",
            ("the pump", "runs"),
            bool(i % 2),
            domain=domain,
        )
        for domain in DOMAINS
        for i in range(count)
    ]


@pytest.fixture
def probe():
    given = examples()
    return train(FixedStates(), FixedStates().states(pairs(given)), given)


def test_the_evidence_is_read_as_one_text():
    assert pairs(examples(1))[0] == ("the pump\nruns", "false not 0")


def test_separable_states_are_separated(probe):
    assert probe.layer == 4
    given = examples(10)
    found = probe.probabilities(FixedStates(), pairs(given))
    assert all((p > 0.5) == each.supported for p, each in zip(found, given, strict=True))
    # the direction that tells the label outweighs all others
    spread = FixedStates().states(pairs(given))[:, 1].reshape(len(given), -1).std(axis=0)
    assert np.abs(probe.coefficients * spread).argmax() == 3


def test_the_report_is_of_held_out_domains(probe):
    rows = {row["domain"]: row for row in probe.notes["held_out"]}
    assert set(rows) == {*DOMAINS, *(f"{name}, negated" for name in DOMAINS)}
    for name in DOMAINS:
        assert (rows[name]["pairs"], rows[name]["supported"], rows[name]["layer"]) == (40, 20, 4)
        assert rows[name]["probe"]["value"] > 0.95
        assert rows[f"{name}, negated"]["pairs"] == 20
        assert rows[name]["cover"]["value"] == 0.5
    assert probe.notes["trained_on"] == dict.fromkeys(DOMAINS, 40)


def test_a_domain_is_scored_by_probes_that_did_not_see_it():
    """Labels turned round in one domain: probes of the others get all of it wrong."""
    given = [
        dataclasses.replace(each, supported=each.supported != (each.domain == "it")) for each in examples()
    ]
    folds = LeaveDomainsOut(FixedStates().states(pairs(given)), given, (2, 4))
    rows = folds.domains == "it"
    assert area(folds.labels[rows], folds.scores(4, frozenset({"it"}))[rows]).value < 0.05


def test_the_fit_equals_a_plain_regression():
    """Equal weights of domains and labels are those of each example repeated."""
    rng = np.random.default_rng(3)
    features = rng.normal(2.0, 3.0, size=(30, 4)).astype(np.float32)
    labels = np.array([True] * 10 + [False] * 5 + [True] * 5 + [False] * 10)
    domains = np.array(["a"] * 15 + ["b"] * 15)
    coefficients, intercept = fit_logistic(features, labels, domains)
    weights = np.where(labels == (domains == "a"), 0.1, 0.2)
    weights *= 30 / weights.sum()
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)

    def loss(flat):
        z = scaled @ flat[:-1] + flat[-1]
        return 0.5 * flat[:-1] @ flat[:-1] + 1e-3 * weights @ np.logaddexp(0, np.where(labels, -z, z))

    scale = features.std(axis=0)
    own = np.append(coefficients * scale, intercept + coefficients @ features.mean(axis=0))
    best = loss(own)
    assert all(loss(own + step) >= best - 1e-9 for step in np.concatenate([np.eye(5), -np.eye(5)]) * 0.01)


def test_area_equals_counting_pairs():
    labels = np.array([True] * 6 + [False] * 7)
    scores = np.random.default_rng(2).normal(size=13).round(1)
    wins = [(a > b) + (a == b) / 2 for a in scores[:6] for b in scores[6:]]
    found = area(labels, scores)
    assert found.value == pytest.approx(np.mean(wins))
    assert found.low <= found.value <= found.high
    assert area(labels[:10], scores[:10]) is None
    same = difference(labels, scores, scores)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    better = difference(labels, scores, labels.astype(float))
    assert better.value == pytest.approx(1 - np.mean(wins))


def test_word_cover():
    assert word_cover("The pump runs.", "the pump stops") == pytest.approx(2 / 3)
    assert word_cover("", "the pump") == 0.0
    assert word_cover("", "…") == 0.0


def test_one_domain_is_not_enough():
    given = [each for each in examples() if each.domain == "hr" or each.supported]
    with pytest.raises(QuestionSetError, match="two with both labels"):
        train(FixedStates(), FixedStates().states(pairs(given)), given)
