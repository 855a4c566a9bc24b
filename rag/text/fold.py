"""One form for what readers regard as the same: width, case, ligatures, traditional and simplified Han.

Used for the lexical index and for comparing words, never for what is stored or shown.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Collection

import opencc

__all__ = ["HAN_KANA", "fold", "standing_terms", "terms"]

# Han (with extensions and compatibility forms), Hiragana, Katakana, and the iteration and length marks inside
# their words
HAN_KANA = (
    "\u3005\u3007\u3040-\u309f\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
)
_RUN = re.compile(rf"[{HAN_KANA}]+|[^\W_{HAN_KANA}]+(?:[.,:'’·-](?=[^\W_{HAN_KANA}])[^\W_{HAN_KANA}]+)*")
_CJK = re.compile(rf"[{HAN_KANA}]")
_INNER = re.compile(r"[.,:'’·-]")
_LETTER = re.compile(rf"[^\W_{HAN_KANA}]")


@functools.cache
def _simplifier() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def fold(text: str) -> str:
    """NFKC, case folded, traditional Han written simplified. May change the length of the text."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _simplifier().convert(folded) if _CJK.search(folded) else folded


def terms(text: str) -> list[str]:
    """Index terms in order of appearance: words, and overlapping bigrams of Han and Kana runs.

    Chinese and Japanese are written without blanks; bigrams find any word without a dictionary (a lone
    character is its own term). A word with inner punctuation gives itself and its parts: "e-mail" ->
    "e-mail", "e", "mail"; "1,200" -> "1,200", "1", "200".
    """
    found: list[str] = []
    for match in _RUN.finditer(fold(text)):
        run = match.group()
        if _CJK.match(run):
            found.extend(run[i : i + 2] for i in range(len(run) - 1)) if len(run) > 1 else found.append(run)
        else:
            found.append(run)
            if _INNER.search(run):
                found.extend(_INNER.split(run))
    return found


# the same passages are found again and again; of longer texts nothing is kept
_folded_passage = functools.lru_cache(maxsize=4096)(fold)


def standing_terms(wanted: Collection[str], text: str) -> set[str]:
    """Those of the terms that are among ``terms(text)`` of a passage, without making them all."""
    folded = _folded_passage(text)
    near = [term for term in wanted if term in folded]
    if any(_INNER.search(term) or (len(term) == 1 and _CJK.match(term)) for term in near):
        return set(near) & set(terms(text))
    return {term for term in near if _CJK.match(term) or _stands_alone(term, folded)}


def _stands_alone(word: str, folded: str) -> bool:
    """Whether it is somewhere no part of a longer word."""
    at = folded.find(word)
    while at >= 0:
        end = at + len(word)
        if not _LETTER.match(folded[at - 1 : at]) and not _LETTER.match(folded, end):
            return True
        at = folded.find(word, at + 1)
    return False
