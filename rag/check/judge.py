"""L3: the served model is asked whether a claim is correct by the evidence.

Rules and alignment see which words are the same. One ordinary word in another's place (approved, rejected;
before, after), or two that have changed places, leaves nearly all of them the same: there the model tells.
"""

from __future__ import annotations

import re

from rag.models.protocols import ChatProtocol
from rag.prompts import prompt
from rag.yes_or_no import yes_log_odds

__all__ = ["judge_signals"]

_PLACES = re.compile("<quotes>|<sentence>")


async def judge_signals(sentence: str, quotes: str, language: str, chat: ChatProtocol) -> dict[str, float]:
    """``judge``: log-odds of Yes, 0 when the model says neither. Raises GeneratorUnavailableError."""
    said = {"<quotes>": quotes, "<sentence>": sentence}
    ask = _PLACES.sub(lambda place: said[place[0]], prompt("judge_ask", language))
    return {"judge": await yes_log_odds(prompt("judge", language), ask, chat)}
