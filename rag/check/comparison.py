"""L0: a comparison may not be turned round: what rises in the evidence does not fall in the sentence."""

from __future__ import annotations

import re
from importlib import resources

from rag.text import fold

__all__ = ["opposed", "turned"]

# Each line: one direction / the other; a word stands for all that begin with it where it ends in *. Below the
# empty line are those that tell only in each other's place: most texts have both "must" and "can"
_OPPOSITES = resources.files(__package__).joinpath("opposites.txt").read_text("utf-8")


def _pattern(words: str) -> re.Pattern[str]:
    def form(word: str) -> str:
        if word[0] >= "\u3040":  # written without blanks
            return re.escape(word)
        return rf"\b{re.escape(word[:-1])}\w*" if word.endswith("*") else rf"\b{re.escape(word)}\b"

    return re.compile("|".join(form(word) for word in words.split()))


def _pairs(lines: str) -> list[list[re.Pattern[str]]]:
    return [[_pattern(fold(side)) for side in line.split(" / ")] for line in lines.splitlines()]


_ANYWHERE, _IN_PLACE = map(_pairs, _OPPOSITES.split("\n\n"))


def opposed(a: str, b: str) -> bool:
    """Whether what stands in the place of something else says the opposite: the other direction of a
    comparison, leave for duty.
    """
    x, y = fold(a), fold(b)
    return any(
        (one.search(x) and other.search(y)) or (other.search(x) and one.search(y))
        for one, other in (*_ANYWHERE, *_IN_PLACE)
    )


def turned(sentence: str, evidence: str) -> bool:
    """Whether the sentence has a direction whose opposite stands in the evidence, and not itself."""
    x, y = fold(sentence), fold(evidence)
    for one, other in _ANYWHERE:
        for mine, opposite in ((one, other), (other, one)):
            if mine.search(x) and not opposite.search(x) and opposite.search(y) and not mine.search(y):
                return True
    return False
