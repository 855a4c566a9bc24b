"""L0: a sentence may not deny what its evidence affirms, nor affirm what it denies."""

from __future__ import annotations

import re

from rag.text import fold

__all__ = ["affirmed", "negations"]

_NEGATION = re.compile(
    r"\b(?:not|no|never|none|neither|nor|without|cannot|nobody|nothing|nowhere|non)\b|n['’]t\b|"
    r"\b(?:nicht|kein(?:e[nmrs]?)?|nie|niemals|ohne|weder|nirgends)\b|"
    r"\b(?:pas|jamais|aucun|aucune|sans)\b|\b(?:ningún|ninguna|nunca|sin|tampoco)\b|"
    r"\b(?:не|нет|никогда|без|ни)\b|(?:^|\s)(?:لا|لم|لن|ليس|ليست|بدون|دون|غير)(?:\s|$)|"
    r"不得|不能|不可|不会|不是|不应|不准|不许|不含|不包括|不超过|不需要|不需|不用|不再|不予|不少于|不低于|不|没有|没|未|无需|无须|无法|无权|禁止|严禁|勿|"
    r"ません|ない|なく|ず(?:に|、|。)|禁止"
)
# "不超过", "不少于", "no more than" and the like bound a number; they deny nothing
_BOUND = re.compile(
    r"不超过|不少于|不低于|不高于|不多于|不仅|不同|不断|不论|不管|不久|不过|无论|未来|"
    r"\bno (?:more|less|fewer|later|earlier) than\b|\bnot (?:only|more than|less than|exceed\w*)\b|"
    r"nicht nur|nicht mehr als|少なくない"
)


def negations(text: str) -> int:
    """How often a text denies something; bounds ("no more than") are not counted."""
    return len(_NEGATION.findall(_BOUND.sub(" ", fold(text))))


def affirmed(text: str) -> list[str]:
    """The text without each of its denials in turn; bounds stay."""
    bounds = [match.span() for match in _BOUND.finditer(text.lower())]
    found = []
    for match in _NEGATION.finditer(text.lower()):
        start, end = match.span()
        if not any(a <= start < b for a, b in bounds):
            found.append(f"{text[:start].rstrip() if text[:start].isascii() else text[:start]}{text[end:]}")
    return found
