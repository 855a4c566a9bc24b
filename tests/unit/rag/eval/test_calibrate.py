import json

import numpy as np
import pytest

from rag.calibration import load, log_odds
from rag.errors import QuestionSetError
from rag.eval.calibrate import LEAST, Row, calibrate, calibrate_layer, threshold_at, write


def rows(group="same", count=200, seed=0, **more):
    """Sentences whose signal tells: supported ones lie two deviations above the others."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(count):
        supported = i % 2 == 0
        signals = {"cover": float(rng.normal(2.0 * supported)), "pairs": float(rng.normal())}
        made.append(Row(group, f"set{i % 3}", supported, False, signals | dict(more)))
    return made


def test_the_threshold_keeps_the_stated_risk():
    rng = np.random.default_rng(1)
    for risk in (0.02, 0.05, 0.2):
        shares = []
        for _ in range(300):
            fit, new = rng.random(200), rng.random(200)
            shares.append((new >= threshold_at(fit, np.ones(200, bool), risk)).mean())
        # the bound holds in expectation, and is not wasteful
        assert risk - 0.01 < np.mean(shares) <= risk + 0.005


def test_what_a_rule_refuses_does_not_pass():
    scores = np.linspace(0, 1, 100)
    assert threshold_at(scores, np.zeros(100, bool), 0.03) == 0.0
    assert threshold_at(scores, np.ones(100, bool), 0.001) == 1.0


def test_a_model_is_fitted_for_each_group(tmp_path):
    found = calibrate([*rows(), *rows("cross", seed=1)], 0.1, "the command")
    same = found.data["groups"]["same"]
    assert same["coefficients"]["cover"] > 1
    assert abs(same["coefficients"]["pairs"]) < 0.6
    assert same["passed"] <= 0.1
    assert same["threshold"] >= LEAST
    # words of two languages match by chance
    assert set(found.data["groups"]["cross"]["coefficients"]) == {"cover"}
    assert all(0.85 < area < 1 for area in found.held_out["same"].values())
    assert all(0.85 < area < 1 for area in found.words_alone["same"].values())
    assert found.data["trained_on"]["same"] == {"set0": 67, "set1": 67, "set2": 66}
    write(found, tmp_path / "support.json")
    assert json.loads((tmp_path / "support.json").read_text("utf-8")) == found.data
    own = load("support", tmp_path)
    assert own.enough("same", same["threshold"])
    assert not own.enough("same", same["threshold"] - 0.001)
    assert load("support", tmp_path / "nowhere").groups == load("support").groups


def test_easy_sentences_do_not_make_a_threshold_of_nothing():
    easy = [Row("same", "d", i % 2 == 0, False, {"cover": 10.0 * (i % 2 == 0)}) for i in range(200)]
    assert calibrate(easy, 0.05, "").data["groups"]["same"]["threshold"] == LEAST


def test_a_layer_is_fitted_on_top_of_what_was_known():
    sentences = rows("cross", contrast=0.0)
    told = [
        Row(row.group, row.domain, row.supported, False, row.signals | {"judge": 3.0 * row.supported})
        for row in sentences
    ]
    found, after = calibrate_layer(told, "judge", [0.0] * len(told), 0.1, "")
    assert found.data["name"] == "support_judge"
    assert min(p for p, row in zip(after, told, strict=True) if row.supported) > log_odds(0.9)
    with pytest.raises(QuestionSetError):
        calibrate_layer(sentences, "judge", [0.0] * len(told), 0.1, "")


def test_a_layer_leaves_out_a_group_of_which_it_was_asked_too_little():
    told = [
        Row(row.group, row.domain, row.supported, False, row.signals | {"judge": 3.0 * row.supported})
        for row in [*rows("same"), *rows("cross", count=20)]
    ]
    found, after = calibrate_layer(told, "judge", [0.0] * len(told), 0.1, "")
    assert set(found.data["groups"]) == {"same"}
    assert after[200:] == [0.0] * 20
    assert min(after[:200]) < 0.0


def test_a_layer_is_not_fitted_against_what_was_known():
    told = [Row("same", "d", i % 2 == 0, False, {"judge": float(i % 3)}) for i in range(200)]
    before = [-1.0 if row.supported else 0.0 for row in told]
    with pytest.raises(QuestionSetError, match="the surer the layers before") as raised:
        calibrate_layer(told, "judge", before, 0.1, "")
    assert "about something else" in raised.value.remedy


def test_the_risk_of_a_layer_counts_what_rules_refused():
    rng = np.random.default_rng(2)
    asked = [
        Row("same", "d", i % 2 == 0, False, {"judge": float(rng.normal(i % 2 == 0))}) for i in range(400)
    ]
    refused = [Row("same", "d", False, True, {}) for _ in range(600)]
    alone, _ = calibrate_layer(asked, "judge", [0.0] * 400, 0.05, "")
    found, _ = calibrate_layer([*asked, *refused], "judge", [0.0] * 1000, 0.05, "")
    stricter, same = alone.data["groups"]["same"], found.data["groups"]["same"]
    assert stricter["coefficients"] == same["coefficients"]
    assert stricter["threshold"] > same["threshold"] > LEAST
    assert 0.04 < same["passed"] <= 0.05


def test_too_few_sentences_are_refused():
    with pytest.raises(QuestionSetError, match="“same” has 10 supported and 10 unsupported") as raised:
        calibrate(rows(count=20), 0.1, "")
    assert "at least 40" in raised.value.remedy
