"""Labelled sentences -> the checker's calibrated model and its threshold, fitted to an organisation's own
documents and judgements.

The threshold comes from a stated risk by conformal risk control (Angelopoulos et al. 2022, arXiv:2208.02814):
the loss of an unsupported sentence is 1 where it is shown as supported, else 0; it falls as the threshold
rises, and the least threshold is taken at which (losses + 1) / (n + 1) is at most the risk. So of n + 1
exchangeable unsupported sentences at most that share is expected to pass.
"""

from __future__ import annotations

import datetime
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.calibration import Logistic
from rag.check import DOUBT, FURTHER
from rag.errors import QuestionSetError
from rag.eval.detectors import area
from rag.eval.run import CheckedSentence

__all__ = ["Calibration", "Row", "calibrate", "calibrate_layer", "rows_of", "threshold_at", "write"]

FOLDS = 5
FEWEST = 40  # sentences of a kind below which a fit is noise
C = 0.3
# However easy the labelled sentences were to tell apart: what is more probably wrong is not shown
LEAST = 0.5
# Words of two languages match by chance: these signals are left out there
WORDS = {"cross": {"pairs", "wording", "personal", "asks"}}


@dataclass(frozen=True, slots=True)
class Row:
    """The signals of a labelled sentence; ``refused`` by a rule, so that no score shows it."""

    group: str
    domain: str
    supported: bool
    refused: bool
    signals: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted, as the JSON of a file of rag/calibration, and by group the area under the ROC of each
    domain: when the model was fitted without it, and by the share of words in the evidence alone.
    """

    data: dict[str, Any]
    held_out: dict[str, dict[str, float]]
    words_alone: dict[str, dict[str, float]]


def rows_of(checked: Sequence[CheckedSentence]) -> list[Row]:
    """One row for each sentence whose signals are known."""
    found = []
    for one in checked:
        signals = {k: float(v) for k, v in one.signals.items() if isinstance(v, (int, float))}
        group = str(one.signals.get("group", ""))
        if group and "tokens" in signals:
            refused = "reason" in one.signals
            found.append(Row(group, one.labelled.domain, one.labelled.supported, refused, signals))
    return found


def threshold_at(scores: NDArray[np.float64], shown: NDArray[np.bool_], risk: float) -> float:
    """The least threshold at which the expected share of unsupported sentences that pass is at most ``risk``.

    ``scores`` [n] are those of unsupported sentences, ``shown`` [n] whether no rule refuses them.
    """
    n = len(scores)
    allowed = int(np.floor(risk * (n + 1) - 1))
    if allowed < 0:
        return 1.0
    passing = np.sort(scores[shown])[::-1]
    return float(np.nextafter(passing[allowed], 2)) if allowed < len(passing) else 0.0


def calibrate(
    rows: Sequence[Row], risk: float, command: str, refused: Mapping[str, int] | None = None
) -> Calibration:
    """Fit one logistic model for each group of languages. ``refused``: how many unsupported sentences of each
    are not among the rows because a rule refuses them. Raises QuestionSetError when a group has too few
    sentences of one label.
    """
    groups: dict[str, Any] = {}
    held_out: dict[str, dict[str, float]] = {}
    told = {}
    if not rows:
        raise QuestionSetError(
            "There is no sentence to fit with.",
            "Label sentences, or for a further layer start the generator.",
        )
    by_group: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_group[row.group].append(row)
    for group, members in sorted(by_group.items()):
        groups[group], held_out[group] = _fitted(group, members, risk, (refused or {}).get(group, 0))
        domains = sorted({row.domain for row in members})
        told[group] = {domain: sum(row.domain == domain for row in members) for domain in domains}
    data = {
        "name": "support",
        "date": datetime.date.today().isoformat(),
        "command": command,
        "risk": risk,
        "trained_on": told,
        "groups": groups,
    }
    return Calibration(data, held_out, {group: _words_alone(rows) for group, rows in by_group.items()})


def _words_alone(rows: Sequence[Row]) -> dict[str, float]:
    areas = {}
    for domain in sorted({row.domain for row in rows}):
        own = [row for row in rows if row.domain == domain and "cover" in row.signals]
        labels = np.array([float(row.supported) for row in own])
        if len(set(labels)) == 2:
            areas[domain] = round(area(labels, np.array([row.signals["cover"] for row in own])), 4)
    return areas


def calibrate_layer(
    rows: Sequence[Row], layer: str, before: Sequence[float], risk: float, command: str
) -> tuple[Calibration, list[float]]:
    """Fit what the signals of one more ``layer`` add to what the model ``before`` tells (Logistic.tells), on
    the sentences that it was asked for; also returns what is told after it. The risk is that of all
    unsupported sentences, those that a rule refused among them. A group of which the layer was asked too
    few is left out, and so is "same" for translation and contrast: what they add where words can be compared
    was within chance (tests/bench/reports/ablation.md). Raises QuestionSetError like calibrate, and where the
    labels speak against what is told before.
    """
    groups = ("cross",) if layer in ("translation", "contrast") else ("cross", "same")
    wanted = FURTHER[layer]
    asked = [i for i, row in enumerate(rows) if row.group in groups and row.signals.keys() >= set(wanted)]
    by_group = {group: [rows[i] for i in asked if rows[i].group == group] for group in groups}
    enough = {group for group, members in by_group.items() if _rarer(members) >= FEWEST}
    asked = [i for i in asked if not enough or rows[i].group in enough]
    told = [
        replace(rows[i], signals={"before": before[i]} | {name: rows[i].signals[name] for name in wanted})
        for i in asked
    ]
    refused = Counter(row.group for row in rows if row.refused and not row.supported)
    found = calibrate(told, risk, command, refused)
    found.data["name"] = f"support_{layer}"
    found.data["band"] = list(DOUBT)
    fitted = found.data["groups"]
    if any(values["coefficients"].get("before", 0.0) < 0 for values in fitted.values()):
        raise QuestionSetError(
            "In these labels, the surer the layers before are of a sentence, the more probably it is wrong.",
            "Label sentences about something else, too: they keep such a fit from showing them.",
        )
    model = Logistic(
        "",
        {group: values["coefficients"] for group, values in fitted.items()},
        {group: values["intercept"] for group, values in fitted.items()},
        LEAST,
        thresholds={group: values["threshold"] for group, values in fitted.items()},
    )
    after = list(before)
    for i, row in zip(asked, told, strict=True):
        after[i] = model.tells(row.group, model.probability(row.group, row.signals))
    return found, after


def _rarer(rows: Sequence[Row]) -> int:
    """How many there are of the rarer label."""
    supported = sum(row.supported for row in rows)
    return min(supported, len(rows) - supported)


def _fitted(
    group: str, rows: Sequence[Row], risk: float, refused: int
) -> tuple[dict[str, Any], dict[str, float]]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = np.array([row.supported for row in rows])
    if min(labels.sum(), (~labels).sum()) < FEWEST:
        raise QuestionSetError(
            f"The group “{group}” has {labels.sum()} supported and {(~labels).sum()} unsupported sentences.",
            f"A fit needs at least {FEWEST} of each: label more, or leave that group out.",
        )
    names = [
        name
        for name in rows[0].signals
        if name not in WORDS.get(group, ()) and len({row.signals[name] for row in rows}) > 1
    ]
    values = np.array([[row.signals[name] for name in names] for row in rows])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=1000))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    scores = cross_val_predict(model, values, labels, cv=folds, method="predict_proba")[:, 1]
    shown = np.array([not row.refused for row in rows])
    wrong = np.concatenate([scores[~labels], np.zeros(refused)])
    passable = np.concatenate([shown[~labels], np.zeros(refused, bool)])
    threshold = max(LEAST, threshold_at(wrong, passable, risk))
    areas = {}
    domains = np.array([row.domain for row in rows])
    for domain in sorted(set(domains)):
        inside = domains == domain
        if len(set(labels[inside])) == 2 and len(set(labels[~inside])) == 2:
            other = model.fit(values[~inside], labels[~inside])
            predicted = other.predict_proba(values[inside])[:, 1]
            areas[domain] = round(area(labels[inside].astype(float), predicted), 4)
    model.fit(values, labels)
    scaler, logistic = model[0], model[1]
    weights = logistic.coef_[0] / scaler.scale_
    return {
        "threshold": round(threshold, 4),
        "kept": round(float((shown & (scores >= threshold))[labels].mean()), 4),
        "passed": round(float((passable & (wrong >= threshold)).mean()), 4),
        "intercept": round(float(logistic.intercept_[0] - weights @ scaler.mean_), 4),
        "coefficients": {n: round(float(w), 4) for n, w in zip(names, weights, strict=True)},
    }, areas


def write(calibration: Calibration, path: Path) -> None:
    """Put the data file in its place, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(calibration.data, ensure_ascii=False, indent=2) + "\n", "utf-8")
    part.replace(path)
