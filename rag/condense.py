"""Step: history + question -> a question that stands alone."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from contextlib import aclosing

from rag.errors import GeneratorUnavailableError
from rag.models.protocols import ChatProtocol, Message, TokenChunk
from rag.prompts import followups, prompt
from rag.text import fold, language, question_terms
from rag.types import Turn

__all__ = ["condense", "stands_alone"]

FEW_TERMS = 2
RECENT = 4
MAX_TOKENS = 96
_ASKS = ("?", "？", "؟", "か", "か。", ";")
_UNPARTED = {"zh", "ja"}  # no blanks between words
_TRAILS = re.compile(r"呢[？?]?$")  # "and Shanghai?", with nothing but the new thing named


@functools.cache
def _leaning(spoken: str) -> re.Pattern[str]:
    """What shows that a question of that language goes on from what was said before."""
    told = {key: fold(words) for key, words in followups()[spoken].items()}
    if spoken in _UNPARTED:
        return re.compile(f"{told['refers']}|^(?:{told['connects']})")
    return re.compile(rf"\b(?:{told['refers']})\b|^[¿¡]?(?:{told['connects']})\b")


def stands_alone(question: str) -> bool:
    """Whether the question names all that it is about: nothing refers back and there is enough to search.

    Judged by the words of its own language, by those of English where none are listed for it.
    """
    folded = fold(question)
    spoken = language(question)
    spoken = spoken if spoken in followups() else "en"
    if harmless := followups()[spoken].get("except"):
        folded = re.sub(harmless, "", folded)
    if _leaning(spoken).search(folded) or _TRAILS.search(folded):
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
    request: list[Message] = [
        {"role": "system", "content": prompt("condense", "")},
        {
            "role": "user",
            "content": "\n".join(
                ["Conversation:", *lines, f"Last question: {question}", "Rewritten question:"]
            ),
        },
    ]
    try:
        async with aclosing(chat.stream(request, max_tokens=MAX_TOKENS, stop=["\n"])) as stream:
            rewritten = "".join([item.text async for item in stream if isinstance(item, TokenChunk)]).strip()
    except GeneratorUnavailableError:
        return joined
    return rewritten if _rewrites(rewritten, question, history[-RECENT:]) else joined


def _rewrites(rewritten: str, question: str, history: Sequence[Turn]) -> bool:
    """Whether it can be a rewriting: a small model may answer instead, or repeat what was asked before.

    It asks when the question asks, holds at least half of what the question names, and of what it adds most
    was said before.
    """
    asks = question.rstrip().endswith(_ASKS)
    named, told = set(question_terms(question)), set(question_terms(rewritten))
    said = set(question_terms(" ".join(turn.content for turn in history)))
    added = told - named
    return (
        bool(told)
        and (rewritten.endswith(_ASKS) or not asks)
        and 2 * len(named & told) >= len(named)
        and 2 * len(added & said) >= len(added)
    )
