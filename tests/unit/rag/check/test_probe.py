"""The probe: what it computes, and what it refuses."""

import json
import math

import numpy as np
import pytest

from rag.check.probe import Probe
from rag.errors import ProbeError
from tests.fakes.hidden import SIZE, FixedStates


@pytest.fixture
def probe():
    """It reads the number that tells the label."""
    coefficients = np.zeros(2 * SIZE, np.float32)
    coefficients[3] = 1.25
    return Probe("tiny", "abc", "t1", 4, coefficients, -0.5, {"date": "2026-11-25"})


def test_probability_is_the_logistic_of_the_states():
    probe = Probe("tiny", "abc", "t1", 4, np.array([0.5, -1.0, 2.0, 0.25], np.float32), -0.75, {})
    states = np.array([[1.0, 2.0], [0.5, 4.0]], np.float32)
    z = 0.5 - 2.0 + 1.0 + 1.0 - 0.75
    assert probe.probability(states) == pytest.approx(1 / (1 + math.exp(-z)))
    assert probe.probability(np.full((2, 2), 1e6, np.float32)) == pytest.approx(1.0)
    with pytest.raises(ProbeError, match="takes 4 numbers, not 6"):
        probe.probability(np.zeros((2, 3), np.float32))


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
