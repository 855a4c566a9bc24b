"""L3: the served model is asked whether the evidence backs the sentence, and answers by the probabilities of
"Yes" and "No", not by what it writes (Kadavath et al. 2022, arXiv:2207.05221).
"""

from __future__ import annotations

import math

from rag.models.protocols import ChatProtocol, Message
from rag.prompts import prompt

__all__ = ["judge_signals"]

YES, NO = "Yes", "No"


async def judge_signals(sentence: str, quotes: str, language: str, chat: ChatProtocol) -> dict[str, float]:
    """``judge``: log-odds of Yes, 0 when the model says neither. Raises GeneratorUnavailableError."""
    asked: list[Message] = [
        {"role": "system", "content": prompt("judge", language)},
        {"role": "user", "content": f"{quotes}\n\n{sentence}"},
    ]
    shares = await chat.label_probabilities(asked, [YES, NO])
    if not any(shares.values()):
        return {"judge": 0.0}
    yes = min(max(shares[YES], 1e-4), 1 - 1e-4)
    return {"judge": math.log(yes / (1 - yes))}
