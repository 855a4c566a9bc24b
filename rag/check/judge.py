"""L3: the served model is asked whether the evidence backs the sentence."""

from __future__ import annotations

from rag.models.protocols import ChatProtocol
from rag.prompts import prompt
from rag.yes_or_no import yes_log_odds

__all__ = ["judge_signals"]


async def judge_signals(sentence: str, quotes: str, language: str, chat: ChatProtocol) -> dict[str, float]:
    """``judge``: log-odds of Yes, 0 when the model says neither. Raises GeneratorUnavailableError."""
    return {"judge": await yes_log_odds(prompt("judge", language), f"{quotes}\n\n{sentence}", chat)}
