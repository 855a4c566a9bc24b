"""How well a text matches each token of a question (ColBERT's late interaction, Khattab & Zaharia 2020,
arXiv:2004.12832).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag.models.protocols import Floats

__all__ = ["matched_tokens", "weakest_tokens"]

WEAKEST = 4  # the worst of so many of a question's tokens


def matched_tokens(question: Floats, said: Sequence[Floats]) -> float:
    """Mean, over the question's tokens [q, d], of their best cosine among those of the texts [t, d]; 0 when
    there are none on either side.
    """
    best = _best(question, said)
    return float(best.mean()) if len(best) else 0.0


def weakest_tokens(question: Floats, said: Sequence[Floats]) -> float:
    """The same over the worst quarter of the question's tokens."""
    best = _best(question, said)
    return float(best[: max(1, len(best) // WEAKEST)].mean()) if len(best) else 0.0


def _best(question: Floats, said: Sequence[Floats]) -> Floats:
    """Each token's best cosine, lowest first; empty when there are no tokens on either side."""
    tokens = [rows for rows in said if len(rows)]
    if not len(question) or not tokens:
        return np.zeros(0, np.float32)
    return np.asarray(np.sort((question @ np.concatenate(tokens).T).max(axis=1)), np.float32)
