"""L0: what a sentence and its evidence must agree in, by rules: numbers, names, denial, direction, wording.

It can only refuse. Each rule says why, in words that a reader of the answer understands.
"""

from __future__ import annotations

from rag.check.comparison import turned
from rag.check.facts import Facts
from rag.check.negation import negations
from rag.check.wording import NEAR

__all__ = ["objection"]


def objection(facts: Facts) -> str:
    """Why the evidence does not back the sentence, or ""."""
    if facts.missing_numbers:
        return f"number not in the evidence: {', '.join(facts.missing_numbers)}"
    if facts.missing_names:
        return f"name not in the evidence: {', '.join(facts.missing_names)}"
    if not facts.spoken:
        return _denial(facts)
    return next((reason for part in facts.parts() if (reason := _worded(part))), "")


def _worded(facts: Facts) -> str:
    wording = facts.repetition.nearest(facts.quoted_lines)
    if wording.exchanged:
        said, written = wording.exchanged[0]
        return f"“{said}” where the evidence says “{written}”" if written else f"not in the evidence: {said}"
    if wording.share >= NEAR:
        return "denies or affirms otherwise than the evidence" if wording.denied else ""
    if any(turned(facts.sentence, quote) and _as_odd(facts, quote) for quote in facts.quotes):
        return "turns a comparison of the evidence round"
    return _denial(facts)


def _as_odd(facts: Facts, quote: str) -> bool:
    """Whether both deny an even number of times, or both an odd one: what is denied twice is affirmed."""
    return facts.negations % 2 == negations(quote) % 2


def _denial(facts: Facts) -> str:
    if facts.denies:
        return "denies what the evidence does not deny"
    quotes, texts = facts.quotes, facts.texts
    affirms = facts.spoken and not facts.negations and len(quotes) == 1
    if affirms and negations(quotes[0]) == negations(texts[0]) == 1:
        return "affirms what the evidence denies"
    return ""
