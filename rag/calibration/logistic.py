"""A logistic model read from a data file, applied with nothing but arithmetic."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

__all__ = ["Logistic", "load"]


@dataclass(frozen=True, slots=True)
class Logistic:
    """Coefficients by group of languages ("same": question and document share a language; "cross": they
    don't; for sentences see rag.text.group).

    A model that is asked after another one is asked for probabilities of that one within ``band``.
    """

    name: str
    groups: Mapping[str, Mapping[str, float]]
    intercepts: Mapping[str, float]
    threshold: float
    band: tuple[float, float] = (0.0, 1.0)

    def probability(self, group: str, signals: Mapping[str, float]) -> float:
        """P(yes) for the named signals; each signal that the model knows must be given."""
        weights = self.groups[group]
        z = self.intercepts[group] + sum(weight * signals[name] for name, weight in weights.items())
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, z))))


@functools.cache
def load(name: str) -> Logistic:
    """The model of ``rag/calibration/<name>.json``."""
    data = json.loads(resources.files(__package__).joinpath(f"{name}.json").read_text("utf-8"))
    groups = data["groups"]
    return Logistic(
        name=name,
        groups={group: values["coefficients"] for group, values in groups.items()},
        intercepts={group: values["intercept"] for group, values in groups.items()},
        threshold=data["threshold"],
        band=tuple(data.get("band", (0.0, 1.0))),
    )
