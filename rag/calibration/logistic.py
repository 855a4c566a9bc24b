"""A logistic model read from a data file, applied with nothing but arithmetic."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

__all__ = ["Logistic", "fitted", "load", "log_odds", "own_models"]


def log_odds(probability: float, least: float = 1e-6) -> float:
    """Of a probability, kept ``least`` away from 0 and 1."""
    p = min(max(probability, least), 1 - least)
    return math.log(p / (1 - p))


@dataclass(frozen=True, slots=True)
class Logistic:
    """Coefficients by group of languages ("same": question or sentence and document share a language;
    "cross": they don't).

    ``thresholds`` are those of the groups that have one of their own. A model that is asked after another one
    is asked for probabilities of that one within ``band``. ``read`` names the model whose signals it was
    fitted on ("" when nothing but Citewell's own were).
    """

    name: str
    groups: Mapping[str, Mapping[str, float]]
    intercepts: Mapping[str, float]
    threshold: float
    band: tuple[float, float] = (0.0, 1.0)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    read: str = ""

    def probability(self, group: str, signals: Mapping[str, float]) -> float:
        """P(yes) for the named signals; each signal that the model knows must be given."""
        weights = self.groups[group]
        z = self.intercepts[group] + sum(weight * signals[name] for name, weight in weights.items())
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, z))))

    def enough(self, group: str, probability: float) -> bool:
        """Whether the probability reaches the group's threshold."""
        return probability >= self.thresholds.get(group, self.threshold)

    def tells(self, group: str, probability: float) -> float:
        """Log-odds for the model that is asked after this one. In one language at most those of the
        threshold: words that are nearly all the same make it as sure of "rejected" as of "approved".
        """
        most = self.thresholds.get(group, self.threshold) if group == "same" else 1.0
        return log_odds(min(probability, most))


def fitted(name: str, folder: Path | None = None) -> bool:
    """Whether there is such a model."""
    own = folder / f"{name}.json" if folder else None
    return bool(own and own.is_file()) or resources.files(__package__).joinpath(f"{name}.json").is_file()


def own_models(folder: Path) -> dict[str, str]:
    """The models that an organisation has fitted, each with what tells it from another fit."""
    files = sorted(folder.glob("*.json"))
    return {file.stem: hashlib.sha256(file.read_bytes()).hexdigest()[:12] for file in files}


@functools.cache
def load(name: str, folder: Path | None = None) -> Logistic:
    """The model of ``<name>.json`` in ``folder``, where an organisation has fitted its own, else of this
    package.
    """
    own = folder / f"{name}.json" if folder else None
    packaged = resources.files(__package__).joinpath(f"{name}.json")
    data = json.loads((own if own and own.is_file() else packaged).read_text("utf-8"))
    groups = data["groups"]
    return Logistic(
        name=name,
        groups={group: values["coefficients"] for group, values in groups.items()},
        intercepts={group: values["intercept"] for group, values in groups.items()},
        threshold=data.get("threshold", 0.5),
        thresholds={group: values["threshold"] for group, values in groups.items() if "threshold" in values},
        band=tuple(data.get("band", (0.0, 1.0))),
        read=data.get("read", ""),
    )
