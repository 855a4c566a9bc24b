"""Numerals as they are written: words, Han and Roman numerals, fractions, and what they are multiplied by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

__all__ = ["HAN", "LOOSE", "Spelled", "factor", "fractions", "han_values", "roman_value", "scales", "spelled"]

HAN = "零〇一二两兩三四五六七八九十百千万萬亿億"
_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_TENS = {"十": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}


def _values(groups: str, start: int = 0) -> dict[str, int]:
    """Each word of the groups, whose words mean the same, with the group's place."""
    return {word: n for n, group in enumerate(groups.split(), start) for word in group.split("/")}


_TENS_WORDS = "twenty/zwanzig thirty forty fifty sixty seventy eighty ninety"
_WORDS = _values(
    "zero/null one/eins/ein/eine/einen two/zwei/deux/dos three/drei/trois/tres four/vier/quatre/cuatro "
    "five/fünf/cinq/cinco six/sechs/seis seven/sieben/sept/siete eight/acht/huit/ocho nine/neun/neuf/nueve "
    "ten/zehn/dix/diez eleven/elf twelve/zwölf thirteen/dreizehn fourteen/vierzehn fifteen/fünfzehn "
    "sixteen/sechzehn seventeen/siebzehn eighteen/achtzehn nineteen/neunzehn"
) | {word: 10 * n for word, n in _values(_TENS_WORDS, 2).items()}
# "one" and "ein" are mostly articles: as numbers they would fail honest sentences
_ARTICLES = {"one", "ein", "eine", "einen", "eins", "null", "sept", "elf", "a", "an", "un", "une"}
# Also what follows digits: 5 million
_FACTORS = {
    12: "dozen",
    10**2: "hundred hundert 百",
    10**3: "thousand thousands tausend mille mil тыс тысяч тысячи тысяча ألف آلاف الف 千",
    10**4: "万 萬",
    10
    ** 6: "million millions millionen mio mln mn millón millones млн миллион миллиона миллионов مليون ملايين",
    10**8: "亿 億",
    10**9: "billion billions milliarden milliarde milliard milliards mrd bn млрд миллиард миллиарда "
    "миллиардов مليار مليارات بليون",
    10**12: "trillion trillions billionen tn трлн триллион триллионов تريليون 万亿 萬億",
}
_FACTOR_OF = {word: value for value, words in _FACTORS.items() for word in words.split()}
# After a currency's sign only: £30m, $5k
_SHORT = {"m": 10**6, "k": 10**3}
# Words that hold a number which another language may write: both sides, 双方, 两方
LOOSE = (
    _values(
        "first/erste/ersten/erster/premier/primero second/zweite/zweiten/zweiter/deuxième/segundo "
        "third/dritte/dritten/dritter/troisième/tercero fourth/vierte/vierten fifth/fünfte sixth/sechste "
        "seventh/siebte eighth/achte ninth/neunte tenth/zehnte eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth",
        1,
    )
    | dict.fromkeys(
        "both twice double doubled pair pairs couple dual beide beiden zweimal doppelt".split(), 2
    )
    | dict.fromkeys("thrice triple tripled trio dreimal".split(), 3)
    | {"quarter": 4, "quarters": 4, "quadruple": 4, "decade": 10, "decades": 10, "jahrzehnt": 10}
    | {"century": 100, "centuries": 100, "jahrhundert": 100, "millennium": 1000}
)
# Periods that are counted in years elsewhere: two decades, 二十年
_PERIODS = {"decade": 10, "decades": 10, "jahrzehnte": 10, "jahrzehnten": 10}
# By what they divide; a second and a third are ordinals, thirds are not
_PARTS = _values(
    "halves thirds/drittel/трети quarters/fourths/viertel/четверти fifths/fünftel sixths/sechstel "
    "sevenths/siebtel eighths/achtel ninths/neuntel tenths/zehntel",
    2,
)
_PART = _values(
    "half third/drittel quarter/fourth/viertel fifth/fünftel sixth seventh eighth/achtel ninth tenth", 2
)
_COUNTS = {"два": 2, "две": 2, "три": 3, **{word: n for word, n in _WORDS.items() if 1 < n < 10}}
_LETTERS = r"[^\W\d_]"
_WORD = re.compile(rf"{_LETTERS}+")
_BETWEEN = (" ", "-", "\u00a0", "")
_FRACTION = re.compile(
    rf"(?<!{_LETTERS})(?:(?P<count>\d+|{'|'.join(_COUNTS)})[-\s](?P<parts>{'|'.join(_PARTS)})|"
    rf"(?:(?:an?|one|eine?)\s(?P<part>{'|'.join(_PART)})(?=\s(?:of|der|des|aller)(?!{_LETTERS}))|"
    rf"one-(?P<one>{'|'.join(_PART)})))(?!-?{_LETTERS})"
)
_HAN_FRACTION = re.compile(rf"(?P<parts>\d+|(?!百分)[{HAN}]+)分之(?P<count>\d+|[{HAN}]+)")


class Spelled(NamedTuple):
    """A number in words or as a fraction, where it stands, and the values that it may have."""

    text: str
    start: int
    end: int
    values: frozenset[Decimal]


def factor(word: str) -> int:
    """What digits before the word are multiplied by: million, 万; 1 for any other."""
    return _FACTOR_OF.get(word) or _SHORT.get(word, 1)


def scales() -> str:
    """A pattern of the words that multiply digits before them; Latin ones are whole words."""
    words = sorted(_FACTOR_OF, key=len, reverse=True)
    latin = "|".join(word for word in words if word[0] not in HAN)
    return rf"\s?(?:万亿|萬億|[万萬亿億千百](?![分米克]))|\s?(?:{latin})(?![^\W_])"


def han_values(text: str) -> set[Decimal]:
    """二十五 -> 25, 三万五千 -> 35000, 二〇二六 -> 2026; 一两 is one or two."""
    if not any(c in _TENS or c in _LARGE for c in text):
        digits = [_DIGITS[c] for c in text]
        either = len(digits) == 2 and digits[1] == digits[0] + 1
        return {Decimal("".join(map(str, digits))), *(map(Decimal, digits) if either else ())}
    total = section = digit = 0
    for c in text:
        if c in _DIGITS:
            digit = _DIGITS[c]
        elif c in _TENS:
            section += (digit or 1) * _TENS[c]
            digit = 0
        else:
            whole = total if _LARGE[c] > total else 0  # 三万亿
            total += (whole + section + digit) * _LARGE[c] - whole
            section = digit = 0
    return {Decimal(total + section + digit)}


def roman_value(text: str) -> int:
    """XIV -> 14; of I, V and X."""
    digits = [{"I": 1, "V": 5, "X": 10}[c] for c in text]
    return sum(-d if d < max(digits[i:]) else d for i, d in enumerate(digits))


def spelled(text: str) -> Iterator[Spelled]:
    """Numbers in words of a lower-case text, each as long as it goes: two hundred and fifty, thirty thousand,
    five million, two decades.
    """
    words = list(_WORD.finditer(text))
    at = 0
    while at < len(words):
        end, value = _run(text, words, at)
        bare = end == at + 1 and words[at].group() in _ARTICLES
        # the factor of digits belongs to these
        before = text[max(0, words[at].start() - 2) : words[at].start()]
        multiplies = words[at].group() in _FACTOR_OF and re.search(r"\d\s?$", before)
        if end > at and not bare and not multiplies:
            first, last = words[at].start(), words[end - 1].end()
            yield Spelled(text[first:last], first, last, frozenset({Decimal(value).normalize()}))
        at = max(end, at + 1)


def _run(text: str, words: list[re.Match[str]], at: int) -> tuple[int, Decimal | int]:
    """Where the number that begins with a word ends, and its value."""
    total: Decimal | int = 0
    part: Decimal | int = 0
    last: Decimal | int = 0
    end = at
    for i in range(at, len(words)):
        word = words[i].group()
        if i > at and text[words[i - 1].end() : words[i].start()] not in _BETWEEN:
            break
        if word in _PERIODS and last:
            return i + 1, (total + part) * _PERIODS[word]
        if word == "and" and last >= 100 and i + 1 < len(words) and words[i + 1].group() in _WORDS:
            continue
        step = _step(word, last, alone=i == at)
        if step is None:
            break
        if word in _FACTOR_OF:
            part = (part or 1) * step
            if step > 100:
                total, part = total + part, 0
        else:
            part += step
        last, end = step, i + 1
    return end, total + part


def _step(word: str, last: Decimal | int, *, alone: bool) -> Decimal | int | None:
    """What a word adds to a number whose last word meant ``last``; None where it goes on no further."""
    if word in _FACTOR_OF:
        known = _FACTOR_OF[word]
        # "hundert" is a number alone, "millions of" and "Thousand Oaks" are none
        named = word in ("dozen", "hundert", "tausend")
        return known if (named if alone else last and last < known) else None
    if word in ("a", "an", "un", "une"):
        return 1 if alone else None
    if word == "half":
        return Decimal("0.5") if alone else None
    value = _WORDS.get(word)
    if value is None or not (alone or last >= 100 or (20 <= last < 100 and 0 < value < 10)):
        return None
    return value


def fractions(text: str) -> Iterator[Spelled]:
    """Fractions of a lower-case text: two-thirds, a quarter of, drei Viertel, 三分之二."""
    for match in _FRACTION.finditer(text):
        count = match["count"]
        of = (int(count) if count.isdigit() else _COUNTS[count]) if count else 1
        parts = _PARTS[match["parts"]] if count else _PART[match["part"] or match["one"]]
        yield _share(match, of, parts)
    for match in _HAN_FRACTION.finditer(text):
        parts, of = (
            int(n) if n.isdigit() else int(max(han_values(n))) for n in match.group("parts", "count")
        )
        if parts:
            yield _share(match, of, parts)


def _share(match: re.Match[str], of: int, parts: int) -> Spelled:
    share = round(Decimal(of) / Decimal(parts), 6)
    # three quarters may be those of a year
    counted = {Decimal(of)} if match.group().endswith(("quarters", "halves")) else set()
    return Spelled(match.group(), *match.span(), frozenset({share.normalize(), *counted}))
