"""Sentences that their evidence backs, and the same with one thing changed, made from a question set.

Each sentence of a paragraph is its own evidence, with its neighbours as context. Half of the sentences are
shortened by a clause, as an answer would be. A copy is then changed in one kind of thing:

    number    another value (not a year)          date      another year, month or day
    name      a name of another paragraph         negation  a denial put in or taken out
    swap      another name of the same evidence, or two names of the sentence exchanged

Names are capitalised words in English; in Chinese, which does not mark them, the set's own short answers
without digits (people, places, organisations, terms)."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from corpora import read_questions

from rag.text import sentences

__all__ = ["KINDS", "Pair", "pairs"]

KINDS = ("number", "date", "name", "negation", "swap")
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-zé-]+(?: (?:of (?:the )?)?[A-Z][a-zé-]+)*")
_MONTHS = "January February March April May June July August September October November December".split()
_MONTH = re.compile("|".join(rf"\b{month}\b" for month in _MONTHS))
_YEAR = re.compile(r"(?<![\d.,])(?:1[0-9]|20)\d\d(?![\d.,]?\d|年代)")
_DAY = re.compile(r"(?<!\d)(\d{1,2})(?=[月日号])")
_AMOUNT = re.compile(r"(?<![\d.,A-Za-z-])\d+(?:[.,]\d+)*(?![\dA-Za-z年月日号-])")
_HAN_AMOUNT = re.compile(r"[二三四五六七八九十]+(?=[个名人次种条座所家支场位年天])")
_AUX = re.compile(r"\b(is|was|are|were|has|had|can|could|will|would|may|must|did|does)\b(?! not|n['’]t)")
_DENIED = re.compile(
    r"\b(is|was|are|were|has|had|can|could|will|would|may|must|did|does|do) not\b|\bcannot\b"
)
_ZH_AFFIRMED = re.compile(
    r"(?<![不没未无非])(?<!也)(是|会|能|可以|存在|属于|包括|支持|同意|允许|需要|成为|影响)(?!否)"
)
_ZH_DENIED = re.compile(r"(?:不|没有|未)(?=[是会能可需再曾被有])")


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence and its evidence: the quote that it cites, with its neighbours around it. ``kind`` is
    "intact" or what was changed.
    """

    language: str
    kind: str
    sentence: str
    quote: str
    context: str


def _shortened(text: str, language: str, rng: random.Random) -> str:
    """The sentence without one of its clauses, where it has several."""
    mark, end = ("，", "。") if language == "zh" else (", ", ".")
    clauses = text.rstrip("。.").split(mark)
    if len(clauses) < 3 or rng.random() < 0.5:
        return text
    clauses.pop(rng.randrange(1, len(clauses)))
    return mark.join(clauses) + end


def _replaced(text: str, match: re.Match[str], new: str) -> str:
    return text[: match.start()] + new + text[match.end() :]


def _another(value: str, rng: random.Random) -> str:
    """Digits with another value, of the same length and form."""
    digits = [i for i, c in enumerate(value) if c.isdigit()]
    i = rng.choice(digits)
    low = 1 if i == digits[0] and len(digits) > 1 else 0
    other = rng.choice([str(d) for d in range(low, 10) if str(d) != value[i]])
    return value[:i] + other + value[i + 1 :]


def _number(text: str, rng: random.Random) -> str | None:
    found = [m for m in _AMOUNT.finditer(text) if not _YEAR.fullmatch(m.group())]
    han = list(_HAN_AMOUNT.finditer(text))
    if not found and not han:
        return None
    match = rng.choice([*found, *han])
    if match in han:
        return _replaced(text, match, rng.choice([c for c in "二三四五六七八九" if c not in match.group()]))
    return _replaced(text, match, _another(match.group(), rng))


def _date(text: str, rng: random.Random) -> str | None:
    found = [*_YEAR.finditer(text), *_MONTH.finditer(text), *_DAY.finditer(text)]
    if not found:
        return None
    match = rng.choice(found)
    if match.group() in _MONTHS:
        return _replaced(text, match, rng.choice([m for m in _MONTHS if m != match.group()]))
    if len(match.group()) < 3:
        return _replaced(text, match, str(int(match.group()) % 9 + rng.choice([1, 2])))
    return _replaced(text, match, match.group()[:2] + _another(match.group()[2:], rng))


def _negation(text: str, language: str, rng: random.Random) -> str | None:
    if language == "zh":
        denied = list(_ZH_DENIED.finditer(text))
        if denied:
            return _replaced(text, rng.choice(denied), "")
        affirmed = list(_ZH_AFFIRMED.finditer(text))
        if not affirmed:
            return None
        match = rng.choice(affirmed)
        return _replaced(text, match, f"不{match.group()}")
    denied = list(_DENIED.finditer(text))
    if denied:
        match = rng.choice(denied)
        return _replaced(text, match, match.group(1) or "can")
    affirmed = list(_AUX.finditer(text))
    if not affirmed:
        return None
    match = rng.choice(affirmed)
    return _replaced(text, match, f"{match.group()} not")


def _names_in(text: str, answers: Sequence[str], language: str) -> list[str]:
    if language != "zh":
        return [name for name in dict.fromkeys(_NAME.findall(text)) if name not in _MONTHS]
    return [answer for answer in answers if answer in text]


class _Source:
    """One file's paragraphs with the names in each."""

    def __init__(self, file: Path, language: str, leave_out: frozenset[str]) -> None:
        texts, questions = read_questions(file)
        short: dict[int, list[str]] = {}
        for question in questions:
            for answer in question.answers:
                if 2 <= len(answer) <= 8 and not re.search(r"[\d\W一二三四五六七八九十的了在是]", answer):
                    short.setdefault(question.paragraph, []).append(answer)
        self.language = language
        self.paragraphs = [(i, text) for i, text in enumerate(texts) if text not in leave_out]
        self.names = {
            i: list(dict.fromkeys(_names_in(text, short.get(i, []), language))) for i, text in self.paragraphs
        }

    def changed(self, kind: str, text: str, at: int, rng: random.Random) -> str | None:
        if kind == "number":
            return _number(text, rng)
        if kind == "date":
            return _date(text, rng)
        if kind == "negation":
            return _negation(text, self.language, rng)
        here = [name for name in self.names[at] if name in text]
        if not here:
            return None
        name = rng.choice(here)
        if kind == "name":
            other = self.names[rng.choice(list(self.names))]
            fits = [n for n in other if n not in dict(self.paragraphs)[at]]
            return text.replace(name, rng.choice(fits)) if fits else None
        apart = [n for n in self.names[at] if n not in name and name not in n]
        if not apart:
            return None
        other_name = rng.choice(apart)
        mark = "\0"
        return text.replace(name, mark).replace(other_name, name).replace(mark, other_name)


def pairs(
    file: Path, language: str, count: int, seed: int, leave_out: frozenset[str] = frozenset()
) -> Iterator[Pair]:
    """``count`` intact sentences and ``count`` changed ones, as many of each kind; ``leave_out`` names
    paragraphs that take no part.
    """
    rng = random.Random(seed)
    source = _Source(file, language, leave_out)
    for kind in KINDS:
        made = tried = 0
        while made < count // len(KINDS) and tried < 400 * count:
            tried += 1
            at, text = rng.choice(source.paragraphs)
            spans = sentences(text)
            i = rng.randrange(len(spans))
            quote = text[slice(*spans[i])].strip()
            if not 20 - 10 * (language == "zh") <= len(quote) <= 400:
                continue
            intact = _shortened(quote, language, rng)
            changed = source.changed(kind, intact, at, rng)
            if changed is None or changed == intact:
                continue
            context = text[spans[max(0, i - 1)][0] : spans[min(len(spans) - 1, i + 1)][1]]
            made += 1
            yield Pair(language, "intact", intact, quote, context)
            yield Pair(language, kind, changed, quote, context)
