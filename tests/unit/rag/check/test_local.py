"""Layers that read a model in this process: asked in doubt, deciding only where they were fitted."""

import json
import math

import numpy as np
import pytest

from rag.answer_settings import CheckSettings
from rag.calibration import Logistic
from rag.check import Checker, local_layers, local_models
from rag.check.entailment import entailment_signals
from rag.check.local import Lazy
from rag.check.probe import Probe, probe_file
from rag.errors import ModelError, ProbeError
from rag.models import hidden
from rag.models.folder import ModelRecord, write_record
from rag.models.hidden import HiddenStates, template_sha256
from rag.settings import GeneratorSettings, Settings
from rag.timer import Timer
from rag.types import ClaimVerdict
from tests.fakes.embedder import HashingEmbedder
from tests.fakes.generator_folder import make_generator
from tests.fakes.library import document_of, evidence_of

RULES = document_of("rules.md", ["Employees have 25 days of annual leave."], title="Rules")
LEAVE = evidence_of(RULES, "Employees have 25 days of annual leave.", 1)
SENTENCE = "There are 25 days of leave for all employees."
NAMED = CheckSettings(layers=("agreement", "alignment", "entailment", "probe"))
DOUBT = 0.6


@pytest.fixture
def doubtful(monkeypatch):
    """The first two layers leave every sentence in doubt, just above the threshold."""
    original = Logistic.probability
    enough = Logistic.enough

    def probability(self, group, signals):
        return DOUBT if self.name == "support" else original(self, group, signals)

    monkeypatch.setattr(Logistic, "probability", probability)
    monkeypatch.setattr(
        Logistic, "enough", lambda self, g, p: p >= 0.5 if self.name == "support" else enough(self, g, p)
    )


def fit(folder, name, **weights):
    """A model of the layer, as `citewell eval calibrate` writes it."""
    folder.mkdir(exist_ok=True)
    group = {"intercept": 0.0, "coefficients": {"before": 1.0, **weights}, "threshold": 0.5}
    data = {"groups": {"same": group, "cross": group}, "band": [0.02, 0.995]}
    (folder / f"support_{name}.json").write_text(json.dumps(data), "utf-8")
    return folder


def checker(settings=NAMED, folder=None, timer=None, **local):
    return Checker(HashingEmbedder(), [LEAVE], settings, timer=timer, folder=folder, local=local)


def says(**signals):
    return lambda evidence, sentence: signals


async def test_without_a_fit_its_signals_are_told_and_decide_nothing(doubtful):
    seen = []

    def ask(evidence, sentence):
        seen.append((evidence, sentence))
        return {"entailment": -9.0, "contradiction": 9.0}

    timer = Timer()
    got = await checker(timer=timer, entailment=ask, probe=says(probe=-9.0)).check(SENTENCE, [1])
    assert (got.verdict, got.score) == (ClaimVerdict.SUPPORTED, DOUBT)
    assert (got.signals["entailment"], got.signals["contradiction"], got.signals["probe"]) == (-9, 9, -9)
    ((evidence, sentence),) = seen
    assert sentence == SENTENCE
    assert LEAVE.quote in evidence
    assert {"check.entailment", "check.probe"} <= set(timer.total())


async def test_with_a_fit_it_decides(doubtful, tmp_path):
    folder = fit(tmp_path / "calibration", "entailment", entailment=1.0)
    before = math.log(DOUBT / (1 - DOUBT))
    for odds, verdict in ((-1.0, ClaimVerdict.UNSUPPORTED), (1.0, ClaimVerdict.SUPPORTED)):
        told = says(entailment=odds, contradiction=0.0)
        got = await checker(folder=folder, entailment=told, probe=says(probe=0.0)).check(SENTENCE, [1])
        assert got.verdict is verdict
        assert got.score == pytest.approx(1 / (1 + math.exp(-(before + odds))))


async def test_one_that_is_installed_and_fitted_need_not_be_named(doubtful, tmp_path):
    folder = fit(tmp_path / "calibration", "entailment", entailment=1.0)
    alone = CheckSettings(layers=("agreement", "alignment"))
    told = says(entailment=-3.0, contradiction=0.0)
    got = await checker(alone, folder, entailment=told).check(SENTENCE, [1])
    assert got.verdict is ClaimVerdict.UNSUPPORTED
    unfitted = await checker(alone, entailment=told).check(SENTENCE, [1])
    assert "entailment" not in unfitted.signals


async def test_one_that_is_missing_is_not_checked_and_raises_no_verdict(doubtful, tmp_path):
    got = await checker().check(SENTENCE, [1])
    assert got.signals["entailment"] == got.signals["probe"] == "not_checked"
    assert got.verdict is ClaimVerdict.SUPPORTED  # as without it: it would have decided nothing
    folder = fit(tmp_path / "calibration", "probe", probe=1.0)
    got = await checker(folder=folder).check(SENTENCE, [1])
    assert got.verdict is ClaimVerdict.NOT_CHECKED


async def test_where_there_is_no_doubt_nobody_is_asked():
    def never(evidence, sentence):
        raise AssertionError

    got = await checker(entailment=never, probe=never).check("Employees have 28 days of annual leave.", [1])
    assert got.verdict is ClaimVerdict.UNSUPPORTED
    assert "probe" not in got.signals


def test_it_is_opened_once_when_first_asked_and_its_failure_is_said_once(caplog):
    opened = []

    def open_layer():
        opened.append(1)
        if len(opened) < 3:
            raise ModelError("There is no such model.", "Import one.")
        return says(probe=1.0)

    layer = Lazy("probe", open_layer)
    for _ in range(2):
        with pytest.raises(ModelError):
            layer("text", "sentence")
    assert [record.getMessage() for record in caplog.records] == [
        "The layer probe is not asked: There is no such model. Import one."
    ]
    assert layer("text", "sentence") == layer("text", "again") == {"probe": 1.0}
    assert len(opened) == 3


def test_those_that_are_named_and_the_entailment_model_where_it_is_installed(tmp_path):
    plain = Settings(home=tmp_path)
    assert local_layers(plain) == {}
    probing = plain.model_copy(update={"check": CheckSettings(layers=("agreement", "alignment", "probe"))})
    assert list(local_layers(probing)) == ["probe"]
    with pytest.raises(ModelError, match="not on this machine"):
        local_layers(probing)["probe"]("text", "sentence")
    folder = plain.models_dir / plain.check.entailment_model
    folder.mkdir(parents=True)
    write_record(folder, ModelRecord("nli", "1", "0" * 64, "MIT", "none"))
    assert list(local_layers(plain)) == ["entailment"]


def test_entailment_signals_are_log_odds_kept_finite():
    class Model:
        def probabilities(self, pairs):
            assert pairs == [("text", "sentence")]
            return np.array([[0.8, 0.0]], np.float32)

    got = entailment_signals("text", "sentence", Model())
    assert got["entailment"] == pytest.approx(math.log(4), abs=1e-6)
    assert got["contradiction"] == pytest.approx(math.log(1e-4 / (1 - 1e-4)))


PROBING = CheckSettings(layers=("agreement", "alignment", "probe"))
LAYER, SIZE = 2, 16  # of the tiny generator


@pytest.fixture
def probing(tmp_path, monkeypatch):
    """Settings with a real, tiny generator on disk, and a probe of its second layer."""
    monkeypatch.setattr(hidden, "usual_precision", lambda device: "float32")
    settings = Settings(home=tmp_path, generator=GeneratorSettings(model="tiny"), check=PROBING)
    make_generator(settings.models_dir / "tiny")
    weights = np.random.default_rng(4).normal(scale=0.2, size=2 * SIZE).astype(np.float32)
    probe = Probe("tiny", "abc", template_sha256(), LAYER, weights, 0.25, {})
    probe.save(probe_file(tmp_path, "tiny"))
    return settings


async def test_the_probe_reads_the_generator_s_states_of_text_and_sentence(doubtful, probing):
    layers = local_layers(probing)
    timer = Timer()
    got = await checker(PROBING, timer=timer, **layers).check(SENTENCE, [1])
    evidence = f"{RULES.title}\n{LEAVE.quote}"
    states = HiddenStates.load("tiny", probing.models_dir, [LAYER], "cpu").states([(evidence, SENTENCE)])
    probe = Probe.read(probe_file(probing.home, "tiny"))
    expected = float(states[0, 0].ravel() @ probe.coefficients) + 0.25
    assert abs(expected) < 12  # else the probability is cut off
    assert got.signals["probe"] == pytest.approx(expected, abs=1e-3)
    assert (got.verdict, got.score) == (ClaimVerdict.SUPPORTED, DOUBT)
    assert timer.total()["check.probe"] > 0


@pytest.mark.parametrize("change", [{"model_sha256": "def"}, {"template_sha256": "other"}])
async def test_a_probe_of_another_model_or_template_is_not_asked(doubtful, probing, change):
    file = probe_file(probing.home, "tiny")
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **change}), "utf-8")
    with pytest.raises(ProbeError):
        local_layers(probing)["probe"]("text", "sentence")
    got = await checker(PROBING, **local_layers(probing)).check(SENTENCE, [1])
    assert (got.signals["probe"], got.score) == ("not_checked", DOUBT)
    # fitted, it would have had a say: without it nothing is supported
    folder = fit(probing.calibration_dir, "probe", probe=1.0)
    got = await checker(PROBING, folder, **local_layers(probing)).check(SENTENCE, [1])
    assert got.verdict is ClaimVerdict.NOT_CHECKED


async def test_a_calibration_belongs_to_the_model_that_it_was_fitted_on(doubtful, probing):
    folder = fit(probing.calibration_dir, "probe", probe=0.0)
    file = folder / "support_probe.json"
    fitted_on = local_models(probing)["probe"]
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "read": fitted_on}), "utf-8")
    got = await checker(PROBING, folder, **local_layers(probing)).check(SENTENCE, [1])
    assert (got.verdict, got.score) == (ClaimVerdict.SUPPORTED, pytest.approx(DOUBT))

    weights = np.zeros(2 * SIZE, np.float32)
    Probe("tiny", "abc", template_sha256(), LAYER, weights, 0.0, {}).save(probe_file(probing.home, "tiny"))
    assert local_models(probing)["probe"] != fitted_on
    with pytest.raises(ModelError, match=f"another model .{fitted_on}.") as caught:
        local_layers(probing)["probe"]("text", "sentence")
    assert "citewell eval calibrate --layer probe" in caught.value.remedy
    got = await checker(PROBING, folder, **local_layers(probing)).check(SENTENCE, [1])
    assert got.verdict is ClaimVerdict.NOT_CHECKED
    # to be fitted again it must be asked
    assert local_layers(probing, calibrating=True)["probe"]("text", "sentence") == {"probe": 0.0}


def test_what_tells_the_models_of_layers_apart(tmp_path):
    plain = Settings(home=tmp_path)
    assert local_models(plain) == {}
    named = plain.model_copy(update={"check": NAMED})
    assert local_models(named) == {"probe": "", "entailment": ""}
    folder = plain.models_dir / plain.check.entailment_model
    folder.mkdir(parents=True)
    write_record(folder, ModelRecord("nli", "0123", "0" * 64, "MIT", "none"))
    assert local_models(plain) == {"entailment": "nli@0123"}
