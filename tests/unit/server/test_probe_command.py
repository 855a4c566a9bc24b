"""`citewell model probe` from the outside, with states that cost nothing."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from rag.check.probe import Probe
from rag.models.folder import ModelRecord, write_record
from rag.models.hidden import HiddenStates, template_sha256
from server.cli import app

runner = CliRunner(env={"COLUMNS": "200"})
NAME = "qwen2.5-coder-1.5b-instruct"


class Told:
    """States that tell whether the sentence says "yes"."""

    model, model_sha256, template_sha256, layers = NAME, "abc", template_sha256(), (3, 5)

    def states(self, pairs):
        found = np.zeros((len(pairs), 2, 2, 4), np.float32)
        found[:, 1, 1, 2] = ["yes" in sentence for _, sentence in pairs]
        return found


@pytest.fixture
def labels(tmp_path):
    """Options that name two files, each a domain of its own."""
    rows = [
        {"evidence": "e", "sentence": f"{'yes' if i % 2 else 'no'} {i}", "label": i % 2} for i in range(20)
    ]
    options = []
    for domain in ("hr", "it"):
        file = tmp_path / f"{domain}.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)))
        options += ["--labels", str(file)]
    return options


def test_train_and_show(tmp_path, labels, monkeypatch):
    monkeypatch.setattr(HiddenStates, "load", lambda name, models_dir: Told())
    result = runner.invoke(app, ["model", "probe", "train", *labels])
    assert result.exit_code == 0, result.output
    assert "1.000 [1.000, 1.000]" in result.stdout
    file = tmp_path / "home" / "probes" / f"{NAME}.json"
    probe = Probe.load(file, model_sha256="abc", template_sha256=template_sha256())
    assert probe.layer == 5
    assert (
        probe.probabilities(Told(), [("e", "yes")])[0] > 0.5 > probe.probabilities(Told(), [("e", "no")])[0]
    )

    shown = runner.invoke(app, ["model", "probe", "show"])
    assert shown.exit_code == 0
    assert "layer 5" in shown.stdout
    assert "hr: 20, it: 20" in shown.stdout
    assert "not on this machine" in shown.stdout
    folder = tmp_path / "home" / "models" / NAME
    folder.mkdir(parents=True)
    write_record(folder, ModelRecord(NAME, "1", "abc", "none", "test"))
    assert "refused" not in runner.invoke(app, ["model", "probe", "show"]).stdout


def test_a_model_that_is_not_here(labels):
    result = runner.invoke(app, ["model", "probe", "train", *labels])
    assert result.exit_code == 2
    assert f"citewell model pull {NAME}" in result.output


def test_no_probe(tmp_path):
    result = runner.invoke(app, ["model", "probe", "show"])
    assert result.exit_code == 2
    assert "There is no probe" in result.output


def test_questions_are_no_labels(tmp_path):
    file = tmp_path / "asked.jsonl"
    file.write_text('{"question": "How many days?"}')
    result = runner.invoke(app, ["model", "probe", "train", "--labels", str(file)])
    assert result.exit_code == 2
    assert "holds questions, not labelled sentences" in " ".join(result.output.split())
