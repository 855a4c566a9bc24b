"""L3: the served model is asked whether a claim is correct by the evidence.

Rules and alignment see which words are the same. One ordinary word in another's place (approved, rejected;
before, after), or two that have changed places, leaves nearly all of them the same: there the model tells.
"""

from __future__ import annotations

from rag.models.protocols import ChatProtocol
from rag.prompts import filled, prompt
from rag.yes_or_no import yes_log_odds

__all__ = ["judge_signals"]


async def judge_signals(sentence: str, quotes: str, language: str, chat: ChatProtocol) -> dict[str, float]:
    """``judge``: log-odds of Yes, 0 when the model says neither. Raises GeneratorUnavailableError."""
    ask = filled("judge_ask", language, quotes=quotes, sentence=sentence)
    return {"judge": await yes_log_odds(prompt("judge", language), ask, chat)}
