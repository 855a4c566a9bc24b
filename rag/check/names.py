"""L0: names and codes of a sentence must stand in its evidence.

A name is recognised by its spelling: a capitalised word inside a sentence, an acronym, a code with digits.
Languages without capitals (Chinese, Japanese, Arabic) show names only in what they borrow: "HS-900", "VPN";
the rest is left to alignment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rag.text import HAN_KANA, fold

__all__ = ["missing_names", "names"]

# A code ends where Han, Kana or Hangul begin: 使用HS-900型泵
_LETTER = rf"[^\W{HAN_KANA}\uac00-\ud7af]"
_TOKEN = re.compile(rf"[A-Za-zÀ-ÖØ-öø-ÿ](?:{_LETTER}|['’])*(?:-{_LETTER}+)*|\d+[A-Za-z](?:{_LETTER}|-)*")
_CODE = re.compile(r"^(?=.*\d)(?=.*[A-Za-z])[\w-]+$|^[A-Z]{2,}[\w-]*$")
_OPENING = re.compile(r"(?:^|[.!?:;\"“„«(\[—–-]\s*)$")
# What another language writes alike, too
_MODEL = re.compile(r"^[A-Z]{1,5}-?\d[\w-]*$")
# German writes every noun with a capital: only codes and acronyms tell names there
_CAPITALISED_NOUNS = {"de"}
_COMMON = frozenset(
    "i the a an it this that these those he she they we you in on at by for to of and or no yes if "
    "when".split()
)
_NUMERAL = re.compile(r"^(?:\d+(?:st|nd|rd|th|s|er|ers|en|te[nrs]?)|[IVX]{2,})$")
_SUFFIX = re.compile(r"(?:['’]s|['’])$")


def names(sentence: str, language: str) -> list[str]:
    """Names and codes of a sentence in that language, as they are written; with ``language`` "", only those
    that are written alike in every language, such as HS-900.
    """
    found = []
    for match in _TOKEN.finditer(sentence):
        word = _SUFFIX.sub("", match.group())
        if _NUMERAL.match(word):
            continue  # a number, which the number check reads
        if not language:
            found += [word] if _MODEL.match(word) else []
        elif _CODE.match(word):
            found.append(word)
        elif word[0].isupper() and language not in _CAPITALISED_NOUNS:
            opening = _OPENING.search(sentence[: match.start()].rstrip() + " " if match.start() else "")
            if not opening and word.lower() not in _COMMON:
                found.append(word)
    return found


def missing_names(sentence: str, evidence: Iterable[str], language: str) -> list[str]:
    """Names and codes of ``sentence`` that stand in none of the evidence texts, compared folded and without
    hyphens or blanks.
    """
    known = re.sub(r"[\s\-_’']", "", fold(" ".join(evidence)))
    return [name for name in names(sentence, language) if re.sub(r"[\s\-_’']", "", fold(name)) not in known]
