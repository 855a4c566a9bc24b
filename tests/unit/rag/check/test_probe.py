"""The probe: what it computes, what it refuses, and that it is measured on what it has not seen."""

import json
import math

import numpy as np
import pytest

from rag.check.labels import Example
from rag.check.probe import Probe
from rag.check.probe_fit import LeaveDomainsOut, area, difference, fit_logistic, train, word_cover
from rag.errors import LabelsError, ProbeError

SIZE = 6
DOMAINS = ("hr", "it", "sales")


class FixedStates:
    """Hidden states at two layers: noise at the first; at the second one direction tells the label, which the
    sentence's first word gives away.
    """

    model, model_sha256, template_sha256, layers = "tiny", "abc", "t1", (2, 4)

    def states(self, pairs):
        rng = np.random.default_rng(1)
        found = rng.normal(size=(len(pairs), 2, 2, SIZE)).astype(np.float32)
        found[:, 1, 0, 3] += [4.0 if sentence.startswith("true") else -4.0 for _, sentence in pairs]
        return found


def examples(count=40):
    return [
        Example(
            "the pump runs", f"{'true' if i % 2 else 'false'} {'not ' * (i % 4 < 2)}{i}", bool(i % 2), domain
        )
        for domain in DOMAINS
        for i in range(count)
    ]


def pairs(given):
    return [(each.evidence, each.sentence) for each in given]


@pytest.fixture
def probe():
    given = examples()
    return train(FixedStates(), FixedStates().states(pairs(given)), given)


def test_probability_is_the_logistic_of_the_states():
    probe = Probe("tiny", "abc", "t1", 4, np.array([0.5, -1.0, 2.0, 0.25], np.float32), -0.75, {})
    states = np.array([[1.0, 2.0], [0.5, 4.0]], np.float32)
    z = 0.5 - 2.0 + 1.0 + 1.0 - 0.75
    assert probe.probability(states) == pytest.approx(1 / (1 + math.exp(-z)))
    assert probe.probability(np.full((2, 2), 1e6, np.float32)) == pytest.approx(1.0)
    with pytest.raises(ProbeError, match="takes 4 numbers, not 6"):
        probe.probability(np.zeros((2, 3), np.float32))


def test_separable_states_are_separated(probe):
    assert probe.layer == 4
    given = examples(10)
    found = probe.probabilities(FixedStates(), pairs(given))
    assert all((p > 0.5) == each.label for p, each in zip(found, given, strict=True))
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
        Example(each.evidence, each.sentence, each.label != (each.domain == "it"), each.domain)
        for each in examples()
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
    assert word_cover(Example("The pump runs.", "the pump stops", True, "x")) == pytest.approx(2 / 3)
    assert word_cover(Example("", "the pump", True, "x")) == 0.0
    assert word_cover(Example("", "…", True, "x")) == 0.0


def test_one_domain_is_not_enough():
    given = [each for each in examples() if each.domain == "hr" or each.label]
    with pytest.raises(LabelsError, match="two with both labels"):
        train(FixedStates(), FixedStates().states(pairs(given)), given)


def test_what_is_saved_is_what_is_loaded(probe, tmp_path):
    file = tmp_path / "probes" / "tiny.json"
    probe.save(file)
    loaded = Probe.load(file, model_sha256="abc", template_sha256="t1")
    np.testing.assert_allclose(loaded.coefficients, probe.coefficients, rtol=1e-5)
    assert (loaded.layer, loaded.intercept, loaded.notes) == (4, probe.intercept, probe.notes)
    assert [path.name for path in file.parent.iterdir()] == ["tiny.json"]


@pytest.mark.parametrize(
    "asked, message",
    [
        (
            {"model_sha256": "def", "template_sha256": "t1"},
            r"trained on tiny \(abc\), not on the model in use",
        ),
        ({"model_sha256": "abc", "template_sha256": "t2"}, "another template"),
    ],
)
def test_a_probe_for_another_model_is_refused(probe, tmp_path, asked, message):
    probe.save(tmp_path / "p.json")
    with pytest.raises(ProbeError, match=message) as caught:
        Probe.load(tmp_path / "p.json", **asked)
    assert "citewell model probe train" in caught.value.remedy


@pytest.mark.parametrize("name, value", [("model_sha256", "x"), ("template_sha256", "x"), ("layers", (2, 3))])
def test_states_of_another_model_are_refused(probe, name, value):
    other = FixedStates()
    setattr(other, name, value)
    with pytest.raises(ProbeError, match="reads layer 4 of tiny"):
        probe.probabilities(other, [("a", "b")])


@pytest.mark.parametrize("change", [{"coefficients": [[1.0]]}, {"coefficients": [float("nan")]}])
def test_a_damaged_probe(probe, tmp_path, change):
    file = tmp_path / "p.json"
    with pytest.raises(ProbeError, match="There is no probe"):
        Probe.read(file)
    probe.save(file)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ProbeError, match="damaged"):
        Probe.read(file)
    file.write_text('{"layer": 1}')
    with pytest.raises(ProbeError, match="is not a probe"):
        Probe.read(file)
