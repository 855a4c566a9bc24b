"""L2b: a linear probe over the hidden states of the organisation's own generator: does the evidence support
the sentence? (SAPLMA, Azaria & Mitchell 2023, arXiv:2304.13734, there without evidence.)

A probe is a direction in the space of one model's states at one layer, under one template; anywhere else it
means nothing, so it is refused there. rag/eval/probe_fit.py fits it, ``citewell model probe train`` calls
that.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import ProbeError
from rag.models.protocols import Floats, HiddenStatesProtocol

__all__ = ["Probe", "probe_file"]


def probe_file(home: Path, model: str) -> Path:
    """Where the probe of a model is kept unless told otherwise."""
    return home / "probes" / f"{model}.json"


@dataclass(frozen=True, slots=True)
class Probe:
    """Coefficients (float32 [2 d]: last token, then mean) and what they belong to.

    ``layer`` counts from 1. ``notes`` hold when, on what and with what result it was fitted.
    """

    model: str
    model_sha256: str
    template_sha256: str
    layer: int
    coefficients: Floats
    intercept: float
    notes: Mapping[str, Any]

    @classmethod
    def load(cls, file: Path, *, model_sha256: str, template_sha256: str) -> Probe:
        """Read a probe for the model and template of these hashes.

        Raises ProbeError when there is none, when it cannot be read, and when it belongs to another.
        """
        probe = cls.read(file)
        again = "Train one with `citewell model probe train`."
        if probe.model_sha256 != model_sha256:
            raise ProbeError(
                f"The probe {file} was trained on {probe.model} ({probe.model_sha256[:12]}), "
                f"not on the model in use ({model_sha256[:12]}).",
                again,
            )
        if probe.template_sha256 != template_sha256:
            raise ProbeError(f"The probe {file} was trained under another template.", again)
        return probe

    @classmethod
    def read(cls, file: Path) -> Probe:
        """Read a probe without asking what it is for: to show it, not to use it. Raises ProbeError."""
        if not file.is_file():
            raise ProbeError(f"There is no probe at {file}.", "Train one with `citewell model probe train`.")
        try:
            data = json.loads(file.read_text("utf-8"))
            probe = cls(**{**data, "coefficients": np.asarray(data["coefficients"], np.float32)})
            sound = probe.coefficients.ndim == 1 and bool(np.isfinite(probe.coefficients).all())
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ProbeError(f"{file} is not a probe: {error}.", "Remove it and train another.") from error
        if not sound:
            raise ProbeError(f"{file} is damaged.", "Remove it and train another.")
        return probe

    def save(self, file: Path) -> None:
        """Write the probe, whole or not at all."""
        data = {**asdict(self), "coefficients": [float(f"{value:.6g}") for value in self.coefficients]}
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(data, ensure_ascii=False) + "\n", "utf-8")
        part.replace(file)

    def probability(self, states: Floats) -> float:
        """P(supported) from the states of one pair at the probe's layer, [2, d], if as many sentences were
        supported as not. Raises ProbeError for states of another size.
        """
        flat = np.asarray(states, np.float64).ravel()
        if flat.shape != self.coefficients.shape:
            raise ProbeError(
                f"The probe of {self.model} takes {self.coefficients.size} numbers, not {flat.size}.",
                "Train one on the model in use with `citewell model probe train`.",
            )
        z = self.intercept + float(flat @ self.coefficients.astype(np.float64))
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, z))))

    def probabilities(self, hidden: HiddenStatesProtocol, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """P(supported) of (evidence, sentence) pairs, read by ``hidden``.

        Raises ProbeError when ``hidden`` reads another model, template or not the probe's layer.
        """
        asked = (hidden.model_sha256, hidden.template_sha256)
        if asked != (self.model_sha256, self.template_sha256) or self.layer not in hidden.layers:
            raise ProbeError(
                f"The probe reads layer {self.layer} of {self.model}, not layers {hidden.layers} "
                f"of {hidden.model}.",
                "Train one on the model in use with `citewell model probe train`.",
            )
        at = hidden.layers.index(self.layer)
        return [self.probability(states[at]) for states in hidden.states(pairs)]
