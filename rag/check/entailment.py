"""L1, where a model is installed: does an entailment model say that the sentence follows from its evidence?
(Bowman et al. 2015, arXiv:1508.05326, for facts e.g. Honovich et al. 2022, arXiv:2204.04991.)
"""

from __future__ import annotations

import math
from typing import Protocol

from rag.models.protocols import Floats

__all__ = ["EntailmentProtocol", "entailment_signals"]


class EntailmentProtocol(Protocol):
    """See rag.models.entailment."""

    def probabilities(self, pairs: list[tuple[str, str]], /) -> Floats:
        """P(entailment) and P(contradiction) of (text, sentence) pairs, float32 [n, 2]."""


def entailment_signals(evidence: str, sentence: str, model: EntailmentProtocol) -> dict[str, float]:
    """``entailment`` and ``contradiction``: log-odds of each. Raises ModelError."""
    told = model.probabilities([(evidence, sentence)])[0]
    odds = [min(max(float(share), 1e-4), 1 - 1e-4) for share in told]
    return {
        name: math.log(share / (1 - share))
        for name, share in zip(("entailment", "contradiction"), odds, strict=True)
    }
