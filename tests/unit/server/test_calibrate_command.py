"""`citewell eval calibrate` from the outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import server.commands.eval_calibrate as command
from rag.calibration import load
from rag.check.probe import Probe, probe_file
from rag.models.folder import ModelRecord, write_record
from rag.models.hidden import HiddenStates, template_sha256
from rag.settings import Settings
from server.cli import app
from tests.fakes.embedder import HashingEmbedder

PARTS = ("pump", "valve", "filter", "motor", "pipe")


@pytest.fixture(autouse=True)
def _no_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "configure_logging", lambda *_: None)


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two files of sentences, half of them about something else."""
    monkeypatch.setattr(command, "LazyEmbedder", lambda settings, model: HashingEmbedder())
    files = []
    for domain, verb in (("shop", "costs"), ("depot", "weighs")):
        rows = []
        for i in range(60):
            part, other = PARTS[i % 5], PARTS[(i + 2) % 5]
            said = f"The {part} of kind {i} {verb} too much." if i % 2 else f"Our {other}s rarely need care."
            evidence = f"The {part} of kind {i} {verb} much."
            rows.append({"evidence": evidence, "sentence": said, "label": i % 2, "id": str(i)})
        file = tmp_path / f"{domain}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        files.append(file)
    return files


def run(*arguments: object) -> Any:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["eval", "calibrate", *map(str, arguments)])


class Told:
    """States that tell whether the sentence is one of the supported ones."""

    model_sha256, template_sha256, layers = "abc", template_sha256(), (3,)

    def __init__(self, model: str) -> None:
        self.model = model

    def states(self, pairs: list[tuple[str, str]]) -> Any:
        found = np.zeros((len(pairs), 1, 2, 4), np.float32)
        found[:, 0, 0, 1] = [sentence.startswith("The") for _, sentence in pairs]
        return found


@pytest.fixture
def probed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A probe and what it reads."""
    name = settings.generator.model
    (settings.models_dir / name).mkdir(parents=True)
    write_record(settings.models_dir / name, ModelRecord(name, "1", "abc", "none", "test"))
    monkeypatch.setattr(HiddenStates, "load", lambda name, models_dir, layers: Told(name))
    weights = np.array([0, 2, 0, 0, 0, 0, 0, 0], np.float32)
    probe = Probe(name, "abc", template_sha256(), 3, weights, -1.0, {"trained_on": {"hr": 20}})
    probe.save(probe_file(settings.home, name))
    return settings


def test_a_model_of_ones_own(labels: list[Path], settings: Settings) -> None:
    result = run(*labels)
    assert result.exit_code == 0, result.output
    data = json.loads((settings.calibration_dir / "support.json").read_text("utf-8"))
    assert data["trained_on"] == {"same": {"depot": 60, "shop": 60}}
    assert data["command"] == "citewell eval calibrate shop.jsonl depot.jsonl"
    assert load("support", settings.calibration_dir).groups["same"] == data["groups"]["same"]["coefficients"]
    assert "shop: AUROC 1.000" in result.stdout


def test_a_domain_is_what_the_sentence_says_before_the_name_of_its_file(
    labels: list[Path], settings: Settings
) -> None:
    rows = [json.loads(line) | {"domain": "prices"} for line in labels[0].read_text("utf-8").splitlines()]
    labels[0].write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert run(*labels).exit_code == 0
    data = json.loads((settings.calibration_dir / "support.json").read_text("utf-8"))
    assert data["trained_on"] == {"same": {"depot": 60, "prices": 60}}


def test_signals_of_other_conditions_want_another_folder(
    labels: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(*labels, "--work", tmp_path / "work").exit_code == 0
    monkeypatch.setenv("CITEWELL_EMBEDDER__MODEL", "another")
    result = run(*labels, "--work", tmp_path / "work")
    assert result.exit_code == 2
    assert "what differs: embedder" in result.stderr
    assert "another folder as --work" in result.stderr


def test_questions_are_no_labels(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text('{"question": "Why?"}\n', "utf-8")
    result = run(tmp_path / "set.jsonl")
    assert result.exit_code == 2
    assert "holds questions, not labelled sentences" in result.stderr


def test_a_probe_is_fitted_on_top(labels: list[Path], probed: Settings) -> None:
    result = run("--layer", "probe", *labels)
    assert result.exit_code == 0, result.output
    data = json.loads((probed.calibration_dir / "support_probe.json").read_text("utf-8"))
    assert set(data["groups"]["same"]["coefficients"]) == {"before", "probe"}
    assert data["groups"]["same"]["coefficients"]["probe"] > 0
    (told,) = {one["probe"] for one in _conditions(probed)}
    assert data["read"] == told
    assert not (probed.calibration_dir / "support.json").exists()


def test_a_layer_is_fitted_after_the_model_that_it_stands_on(labels: list[Path], probed: Settings) -> None:
    assert run(*labels).exit_code == 0
    result = run("--layer", "probe", *labels)
    assert result.exit_code == 0, result.output
    fits = sorted(file.name for file in probed.calibration_dir.glob("*.json"))
    assert fits == ["support.json", "support_probe.json"]


def _conditions(settings: Settings) -> list[dict[str, Any]]:
    files = (settings.home / "eval" / "calibrate-probe").glob("*/run.json")
    return [json.loads(file.read_text("utf-8")) for file in files]


def test_a_probe_is_not_calibrated_on_what_it_was_trained_on(labels: list[Path], probed: Settings) -> None:
    file = probe_file(probed.home, probed.generator.model)
    probe = Probe.read(file)
    probe.notes["trained_on"]["shop"] = 60  # type: ignore[index]
    probe.save(file)
    result = run("--layer", "probe", *labels)
    assert result.exit_code == 2
    assert "shop, which the probe was trained on" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ("probe", "There is no probe"),
        ("entailment", "citewell model import FOLDER --name mdeberta-v3-base-xnli"),
        ("judge", "No generator answers"),
    ],
)
def test_what_a_layer_lacks_is_told_before_anything_is_checked(
    labels: list[Path], settings: Settings, monkeypatch: pytest.MonkeyPatch, layer: str, said: str
) -> None:
    monkeypatch.setenv("CITEWELL_GENERATOR__URL", "http://127.0.0.1:9/v1")
    result = run("--layer", layer, *labels)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert _conditions(settings) == []


def test_a_layer_that_is_none() -> None:
    result = run("--layer", "nonsense", "x.jsonl")
    assert result.exit_code == 2
    assert "nonsense is none of entailment, translation, contrast, probe, judge" in " ".join(
        result.stderr.split()
    )
