"""Sentences of two versions that speak of the same thing, and whether they say the same of it."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from rag.check.names import missing_names
from rag.check.negation import negations
from rag.check.numbers import missing_numbers
from rag.text import HAN_KANA, fold, question_terms

__all__ = ["ALIKE", "counterpart", "differ", "likeness"]

# Share of the words in common from which two sentences are the old and the new wording of one rule
ALIKE = 0.6
# Only of nearly the same sentences a word in the place of another tells that they disagree
NEARLY = 0.75
_NUMBER = re.compile(r"\d[\d.,:]*")
# Articles and lists are numbered anew when one is added
_NUMBERING = re.compile(
    r"第[〇零一二三四五六七八九十百\d]+[章节条款项]|^\s*(?:[-*•·]|[(（]?\d{1,2}(?:\.\d{1,2})*[.)）、])\s"
)
_TOKEN = re.compile(rf"[{HAN_KANA}]+|[^\W\d_{HAN_KANA}]+")
_CJK = re.compile(f"[{HAN_KANA}]")
_DIGITS = "一二两三四五六七八九十"
_SAME_STEM = 4


@functools.lru_cache(4096)
def _words(sentence: str) -> frozenset[str]:
    bare = question_terms(_NUMBERING.sub(" ", sentence))
    return frozenset(term for term in bare if not _NUMBER.fullmatch(term))


def likeness(a: str, b: str) -> float:
    """Dice's coefficient of the words of two sentences, numbers left out: they are what versions change."""
    x, y = _words(a), _words(b)
    return 2 * len(x & y) / (len(x) + len(y)) if x and y else 0.0


def counterpart(sentence: str, others: Sequence[str]) -> int | None:
    """Index of the sentence that speaks of the same thing, of equals the one with most numbers in common and
    then the first; None when there is none.
    """
    scores = [likeness(sentence, other) for other in others]
    best = max(scores, default=0.0)
    if best < ALIKE:
        return None
    equal = [i for i, score in enumerate(scores) if score == best]
    return min(equal, key=lambda i: len(missing_numbers(sentence, [others[i]]))) if equal[1:] else equal[0]


def differ(a: str, b: str, language: str) -> bool:
    """Whether two wordings of one rule disagree: in a number, a name, a denial, or a word put for another.

    What one of them only adds, and other spellings, are no disagreement.
    """
    x, y = _NUMBERING.sub(" ", a), _NUMBERING.sub(" ", b)
    if missing_numbers(x, [y]) and missing_numbers(y, [x]):
        return True
    if bool(negations(x)) != bool(negations(y)):
        return True
    if missing_names(x, [y], language) and missing_names(y, [x], language):
        return True
    return likeness(a, b) >= NEARLY and _exchanged(x, y)


def _exchanged(a: str, b: str) -> bool:
    """Whether a word stands in the place of another one that is not just another form of it."""
    x, y = _units(a), _units(b)
    for kind, i, j, k, m in SequenceMatcher(None, x, y, autojunk=False).get_opcodes():
        if kind == "replace" and not _same_word("".join(x[i:j]), "".join(y[k:m])):
            return True
    return False


def _units(sentence: str) -> list[str]:
    """Characters of Han and Kana, and those words of other scripts that tell something."""
    telling = set(question_terms(sentence))
    found: list[str] = []
    for word in _TOKEN.findall(fold(sentence)):
        found += word if _CJK.match(word) else [word] if word in telling else []
    return found


def _same_word(a: str, b: str) -> bool:
    if _CJK.match(a) and _CJK.match(b):
        return min(len(a), len(b)) < 2 and not (a in _DIGITS and b in _DIGITS)  # 帐号 is 账号, 一天 not 两天
    return a[:_SAME_STEM] == b[:_SAME_STEM] or SequenceMatcher(None, a, b).ratio() >= NEARLY
