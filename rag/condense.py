"""Step: history + question -> a question that stands alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import aclosing

from rag.errors import GeneratorUnavailableError
from rag.models.protocols import ChatProtocol, TokenChunk
from rag.prompts import prompt
from rag.text import fold, language, question_terms
from rag.types import Turn

__all__ = ["condense", "stands_alone"]

_REFERS = re.compile(
    r"\b(?:it|its|they|them|their|this|that|these|those|he|she|him|her|his|there|then|same|one|ones|else|also)\b|"
    r"\b(?:er|ihn|ihm|ihr|ihre|dies\w*|jene\w*|davon|dafür|damit|dort|auch)\b|"
    r"\b(?:il|elle|ils|elles|ce|cela|ça|celui|celle|y)\b|"
    r"它|他|她|这|那|其|该|上述|前者|后者|同样|还有呢|呢[？?]?$|それ|これ|あれ|その|この|あの|そこ|ここ|"
    r"\b(?:он|она|оно|они|это|этот|эта|эти|его|её|их|там)\b|(?:^|\s)(?:هو|هي|هذا|هذه|ذلك|تلك)(?:\s|$)"
)
_CONNECTS = re.compile(
    r"^(?:and|but|so|what about|how about|und|aber|et|mais|y|а|и|那么|那|然后|还有|では|じゃあ)\b|"
    r"^(?:那|还有|那么)"
)
FEW_TERMS = 2
RECENT = 4
MAX_TOKENS = 96


def stands_alone(question: str) -> bool:
    """Whether the question names all that it is about: nothing refers back and there is enough to search."""
    folded = fold(question)
    if _REFERS.search(folded) or _CONNECTS.search(folded):
        return False
    return len(question_terms(question)) >= FEW_TERMS


async def condense(question: str, history: Sequence[Turn], chat: ChatProtocol | None) -> str:
    """The question as one would ask a stranger. Without a generator, the previous question is put before it:
    enough for a search.
    """
    if not history or stands_alone(question):
        return question
    asked = [turn.content for turn in history if turn.role == "user"]
    joined = f"{asked[-1]} {question}" if asked else question
    if chat is None:
        return joined
    lines = [f"{turn.role}: {turn.content[:500]}" for turn in history[-RECENT:]]
    spoken = language(question)
    request = [
        {"role": "system", "content": prompt("condense", spoken)},
        {"role": "user", "content": "\n".join([*lines, f"user: {question}"])},
    ]
    try:
        async with aclosing(chat.stream(request, max_tokens=MAX_TOKENS, stop=["\n"])) as stream:
            rewritten = "".join([item.text async for item in stream if isinstance(item, TokenChunk)]).strip()
    except GeneratorUnavailableError:
        return joined
    # a small model may answer instead of rewriting; what shares nothing with the conversation is not a
    # rewriting of it
    known = set(question_terms(" ".join([question, *(turn.content for turn in history[-RECENT:])])))
    wanted = set(question_terms(rewritten))
    if not wanted or len(wanted & known) < len(wanted) / 2:
        return joined
    return rewritten
