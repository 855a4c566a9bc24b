"""Step: what an answer leaves out: parts of the question, and facts of the cited evidence that change it.

Such facts are conditions and exceptions ("unless", "only if", 除非, 但), in the cited sentence or at the
head of the next one, and, where a number or date was asked for, further ones of the same unit in the
cited sentence. They are told verbatim.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.calibration import load
from rag.check.numbers import quantities
from rag.text import expects, question_terms, sentences, terms
from rag.types import Evidence, Gap

__all__ = ["missing_facts", "missing_parts"]

# Share of a clause's words that must stand in the answer for it to be said there
SAID = 0.6
MOST_FACTS = 3
_CONDITION = re.compile(
    r"\b(?:unless|except(?:ing|ions?)?|only (?:if|when|after|with)|provided that|on condition|"
    r"subject to|as long as|"
    r"(?:does|do|shall) not apply|but (?:only|not|must|may)|however)\b|"
    r"\b(?:außer|es sei denn|ausgenommen|ausnahme|nur (?:wenn|mit|nach)|sofern|jedoch|"
    r"gilt nicht|gelten nicht|vorbehaltlich)\b|"
    r"\b(?:sauf|à moins|à condition|excepté|toutefois|salvo|excepto|a menos|siempre que|sin embargo)\b|"
    r"\b(?:кроме|если не|за исключением|только если|однако)\b|(?<!\w)(?:إلا|باستثناء|ما لم|بشرط)|"
    r"除非|除外|仅限|僅限|只有|但是?|不适用|不適用|例外|前提|ただし|を除[くき]|に限る",
    re.I,
)
_CLAUSE = re.compile(r"[^,;:，；：()（）]+")


def missing_parts(parts: Sequence[str], scores: Sequence[float]) -> list[Gap]:
    """The parts that the answer does not address, by their calibrated scores."""
    threshold = load("addressed").threshold
    return [Gap("part", part) for part, score in zip(parts, scores, strict=True) if score < threshold]


def missing_facts(question: str, answer: str, cited: Sequence[Evidence]) -> list[Gap]:
    """Facts of the cited evidence that the answer leaves out, each once, at most MOST_FACTS."""
    said = set(terms(answer))
    numbers = [quantity for quantity in quantities(answer) if quantity.unit]
    found: dict[str, Gap] = {}
    for evidence in cited:
        clauses = _conditions(evidence)
        if expects(question):
            units = {quantity.unit for quantity in numbers}
            values = {value for quantity in numbers for value in quantity.values}
            clauses += [
                clause
                for clause in _CLAUSE.findall(evidence.quote)
                if any(q.unit in units and not q.values & values for q in quantities(clause))
            ]
        for clause in (clause.strip() for clause in clauses):
            if not _is_said(clause, said):
                found.setdefault(clause, Gap("fact", clause, evidence.n))
    return list(found.values())[:MOST_FACTS]


def _conditions(evidence: Evidence) -> list[str]:
    """From the word that makes a condition to the end of its sentence; a neighbour is taken whole, and only
    the next one, when it opens with such a word.
    """
    found = []
    match = _CONDITION.search(evidence.quote)
    if match:
        found.append(evidence.quote[match.start() :])
    at = evidence.context.find(evidence.quote)
    after = evidence.context[at + len(evidence.quote) :] if at >= 0 else ""
    for start, end in sentences(after)[:1]:
        opening = _CONDITION.search(after[start:end])
        if opening and not question_terms(after[start : start + opening.start()]):
            found.append(after[start:end])
    return found


def _is_said(clause: str, said: set[str]) -> bool:
    words = question_terms(clause)
    return not words or sum(word in said for word in words) >= SAID * len(words)
