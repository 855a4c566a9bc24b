"""L2a, across languages: does the model, translating the evidence, come to the sentence?

Where sentence and evidence share no language, words cannot be compared. But whoever translates is nearly
certain of names, numbers and denials: a token in whose place the served model was sure of another one speaks
against the sentence, however well the rest fits. (Forced decoding as a measure of translations: Thompson and
Post 2020, arXiv:2004.14564; here its worst places tell, not its mean.)
"""

from __future__ import annotations

import numpy as np

from rag.check.negation import affirmed
from rag.models.protocols import ChatProtocol, Message
from rag.prompts import prompt

__all__ = ["translation_signals"]

DENIALS = 2  # that are tried without; each takes a call


async def translation_signals(
    sentence: str, quotes: str, language: str, chat: ChatProtocol
) -> dict[str, float]:
    """In nats, over the tokens of the sentence as a translation of ``quotes`` into its ``language``.

    ``lapse``: by how much the likeliest token goes before the one that stands there, at the worst place;
    ``sure``: the same where each place counts by the probability of its likeliest token; ``unlike``: mean
    surprise; ``denial``: how much less likely the sentence is than without one of its denials, 0 where it
    denies nothing or is no less likely. Raises GeneratorUnavailableError.
    """
    asked: list[Message] = [{"role": "user", "content": f"{quotes}\n\n{prompt('translation', language)}"}]
    own, best = await _scored(asked, sentence, chat)
    without = [await _scored(asked, text, chat) for text in affirmed(sentence)[:DENIALS]]
    gaps = best - own
    return {
        "lapse": float(gaps.max()),
        "sure": float((gaps * np.exp(best)).max()),
        "unlike": float(-own.mean()),
        "denial": max([0.0, *(float(other.sum() - own.sum()) for other, _ in without)]),
    }


async def _scored(asked: list[Message], text: str, chat: ChatProtocol) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities [n] of the tokens that stand there, and of the likeliest ones."""
    scored = await chat.token_logprobs(asked, text)
    return np.array([token.logprob for token in scored]), np.array([token.best for token in scored])
