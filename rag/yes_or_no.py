"""A question to the served model that it answers with Yes or No, heard by the probabilities of these two,
not by what it writes (Kadavath et al. 2022, arXiv:2207.05221).
"""

from __future__ import annotations

from rag.calibration import log_odds
from rag.models.protocols import ChatProtocol, Message

__all__ = ["yes_log_odds"]

YES, NO = "Yes", "No"
LEAST = 1e-4  # probability that an answer is given at least


async def yes_log_odds(system: str, user: str, chat: ChatProtocol) -> float:
    """Log-odds of Yes; 0 when the model says neither. Raises GeneratorUnavailableError."""
    asked: list[Message] = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    shares = await chat.label_probabilities(asked, [YES, NO])
    return log_odds(shares[YES], LEAST) if any(shares.values()) else 0.0
