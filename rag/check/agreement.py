"""L0: what a sentence and its evidence must agree in, by rules: numbers, names, denial, direction, wording.

It can only refuse. Each rule says why, in words that a reader of the answer understands.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag.check.comparison import turned
from rag.check.names import missing_names
from rag.check.negation import negations
from rag.check.numbers import missing_numbers
from rag.check.wording import NEAR, worded
from rag.text import sentences

__all__ = ["objection"]


def objection(sentence: str, texts: Sequence[str], quotes: Sequence[str], spoken: str) -> str:
    """Why the evidence does not back the sentence, or "".

    ``texts`` is all that a reader of the cited ``quotes`` sees (headings, neighbours); ``spoken`` is the
    language that sentence and evidence share, "" where they share none: words cannot be compared then.
    """
    if numbers := missing_numbers(sentence, texts):
        return f"number not in the evidence: {', '.join(numbers)}"
    if names := missing_names(sentence, texts, spoken):
        return f"name not in the evidence: {', '.join(names)}"
    if not spoken:
        return _denial(sentence, texts, quotes, "")
    for start, end in sentences(sentence):
        if reason := _worded(sentence[start:end], texts, quotes, spoken):
            return reason
    return ""


def _worded(sentence: str, texts: Sequence[str], quotes: Sequence[str], spoken: str) -> str:
    lines = [text[a:b] for text in (*quotes, *texts) for a, b in sentences(text)]
    wording = worded(sentence, lines)
    if wording.exchanged:
        said, written = wording.exchanged[0]
        return f"“{said}” where the evidence says “{written}”" if written else f"not in the evidence: {said}"
    if wording.share >= NEAR:
        return "denies or affirms otherwise than the evidence" if wording.denied else ""
    if any(turned(sentence, quote) and _parity(sentence) == _parity(quote) for quote in quotes):
        return "turns a comparison of the evidence round"
    return _denial(sentence, texts, quotes, spoken)


def _parity(text: str) -> bool:
    return negations(text) % 2 == 1


def _denial(sentence: str, texts: Sequence[str], quotes: Sequence[str], spoken: str) -> str:
    denied = negations(sentence) > 0
    if denied and not any(negations(text) for text in texts):
        return "denies what the evidence does not deny"
    if spoken and not denied and len(quotes) == 1 and negations(quotes[0]) == negations(texts[0]) == 1:
        return "affirms what the evidence denies"
    return ""
