"""Hidden states that cost nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag.models.protocols import Floats

__all__ = ["FixedStates"]

SIZE = 6


class FixedStates:
    """Hidden states at two layers: noise at the first; at the second the fourth number tells the label, which
    the sentence's first word gives away.
    """

    model, model_sha256, template_sha256, layers = "tiny", "abc", "t1", (2, 4)

    def states(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        rng = np.random.default_rng(1)
        found = rng.normal(size=(len(pairs), 2, 2, SIZE)).astype(np.float32)
        found[:, 1, 0, 3] += [4.0 if sentence.startswith("true") else -4.0 for _, sentence in pairs]
        return found
