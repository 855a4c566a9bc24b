"""L2a: does the model say the sentence because of the evidence?

The mean over the sentence's tokens of log p(token | question, evidence) - log p(token | question), from the
served model itself: the first term comes with generation, the second from one short call. What the evidence
makes no likelier, the model had from elsewhere. (The contrast of Li et al. 2023, "contrastive decoding",
arXiv:2210.15097, between contexts instead of models, as in Shi et al. 2023, arXiv:2305.14739.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag.models.protocols import ChatProtocol, Message

__all__ = ["contrast_signals"]


async def contrast_signals(
    sentence: str,
    given: Sequence[float],
    chat: ChatProtocol,
    with_evidence: Sequence[Message],
    question: str,
) -> dict[str, float]:
    """``contrast``: mean gain of the sentence's tokens by the evidence, in nats; ``gain``: its weakest fifth;
    ``surprise``: how unlikely the sentence still is with the evidence.

    ``given`` are the log-probabilities that came with generation; without them (a sentence that was not
    generated) one more call over ``with_evidence`` tells them. Raises GeneratorUnavailableError.
    """
    known = np.array(given or await _logprobs(with_evidence, sentence, chat))
    bare: list[Message] = [{"role": "user", "content": question or "?"}]
    alone = np.array(await _logprobs(bare, sentence, chat))
    # generation may have cut the text into other tokens; then only the means compare
    gains = known - alone if len(known) == len(alone) else np.full(1, known.mean() - alone.mean())
    weakest = np.sort(gains)[: max(1, len(gains) // 5)]
    return {
        "contrast": float(known.mean() - alone.mean()),
        "gain": float(weakest.mean()),
        "surprise": float(-known.mean()),
    }


async def _logprobs(asked: Sequence[Message], sentence: str, chat: ChatProtocol) -> list[float]:
    return [token.logprob for token in await chat.token_logprobs(asked, sentence)]
