"""L0: every number of a sentence must stand in its evidence, with the same unit.

Numbers are compared by value, whatever the script: 二十五天 = 25 days = ２５日, 1,200 = 1.200 = 1’200, 3月 =
March = März, 1.5万 = 15000.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

__all__ = ["Quantity", "missing_numbers", "quantities"]

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_TENS = {"十": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ENGLISH_ONES = "one two three four five six seven eight nine".split()
_WORDS: dict[str, Decimal] = (
    {
        w: Decimal(n)
        for n, group in enumerate(
            "zero/null one/eins/ein/eine/einen two/zwei/deux/dos three/drei/trois/tres "
            "four/vier/quatre/cuatro five/fünf/cinq/cinco six/sechs/seis seven/sieben/sept/siete "
            "eight/acht/huit/ocho nine/neun/neuf/nueve ten/zehn/dix/diez eleven/elf twelve/zwölf "
            "thirteen/dreizehn fourteen/vierzehn fifteen/fünfzehn sixteen/sechzehn seventeen/siebzehn "
            "eighteen/achtzehn nineteen/neunzehn twenty/zwanzig".split()
        )
        for w in group.split("/")
    }
    | {w: Decimal(n) for n, w in zip(range(20, 100, 10), _ENGLISH_TENS, strict=True)}
    | {w: Decimal(n) for w, n in (("hundred", 100), ("hundert", 100), ("thousand", 1000), ("tausend", 1000))}
    | {"half": Decimal("0.5"), "dozen": Decimal(12)}
)
_WORDS |= {f"{tens}-{ones}": _WORDS[tens] + _WORDS[ones] for tens in _ENGLISH_TENS for ones in _ENGLISH_ONES}
# "one" and "ein" are mostly articles: as numbers they would fail honest sentences
_ARTICLES = {"one", "ein", "eine", "einen", "eins", "null", "sept", "elf"}
_MONTHS = {
    w: n
    for n, group in enumerate(
        "january/januar/jan february/februar/feb march/märz april/apr may/mai june/juni/jun "
        "july/juli/jul august/aug september/sep october/oktober/oct/okt november/nov "
        "december/dezember/dec/dez".split(),
        start=1,
    )
    for w in group.split("/")
}
_UNITS = {
    "percent": "% percent prozent 百分之 パーセント pct",
    "eur": "€ eur euro euros 欧元 ユーロ",
    "usd": "$ usd dollar dollars 美元 ドル",
    "cny": "¥ cny rmb yuan 元 人民币 圆",
    "jpy": "jpy yen 円 日元",
    "gbp": "£ gbp pound pounds 英镑",
    "minute": "minute minutes min minuten 分钟 分 分間",
    "second": "second seconds sekunde sekunden 秒",
    "hour": "hour hours h stunde stunden 小时 時間 个小时",
    "day": "day days tag tage tagen 天 日間 工作日 个工作日 営業日",
    "week": "week weeks woche wochen 周 星期 週間 个星期",
    "month": "month months monat monate monaten 个月 ヶ月 か月 カ月",
    "year": "year years jahr jahre jahren 年間 周年 岁 周岁 歳",
    "kg": "kg kilogram kilograms 公斤 千克",
    "m": "m metre metres meter meters 米 メートル",
    "km": "km kilometre kilometres 公里",
    "mm": "mm 毫米",
    "m2": "m² m2 qm sqm 平方米 平米 平方メートル",
    "celsius": "°c ℃ celsius 摄氏度",
}
_UNIT_OF = {form: unit for unit, forms in _UNITS.items() for form in forms.split()} | {"per cent": "percent"}
_NUMBER = re.compile(
    r"(?P<before>百分之|[€$¥£]\s?)?"
    r"(?:(?!(?<=[\W\d]m)[23](?!\d)|(?<=[\W\d][cdk]m)[23](?!\d))"  # m², which NFKC writes m2, holds no number
    r"(?P<digits>\d+(?:[.,’']\d+)*)"
    r"(?P<scale>\s?[万萬亿億千百](?![分米克])|"
    r"\s?(?:million|millionen|billion|milliarden|thousand|tausend|mio|mrd)\b)?"
    r"|(?P<han>[零〇一二两兩三四五六七八九十百千万萬亿億]+))"
)


def _form(form: str) -> str:
    """A unit's form as a pattern: Latin letters must be a whole word, and 三分之一 is not three minutes."""
    before = r"(?<![^\W\d_])" if form[0].isascii() and form[0].isalpha() else ""
    return before + re.escape(form) + (r"\b" if form[-1].isascii() and form[-1].isalpha() else "(?!之)")


_UNIT = re.compile("|".join(map(_form, sorted(_UNIT_OF, key=len, reverse=True))))
_MEASURE = re.compile(
    r"\s?[天日年月周週号時时分秒个個名人次份台套条條章节節级級层層页頁元円倍%％歳岁点點小"
    r"位家场場座所支项項届部組组队隊门門]"
)
# 1980s, 80er Jahre, 1980-х, 80年代: a decade is written with its century and without
_DECADE = re.compile(r"\s?年代|['’]?s\b|er\b|er-|-?[ех]х?\b")
_ROMAN = re.compile(r"\b[IVX]{2,}\b")
_ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10}
_ORDINALS = {
    word: n
    for n, word in enumerate(
        "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split(),
        start=3,
    )
}
_WORD = re.compile(r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)-[a-z]+|[^\W\d_]+")
# "853 382", with whichever blank
_GROUPED = re.compile(r"(?<![\d.,])(\d{1,3})((?:[ \u00a0\u2009\u202f]\d{3})+)(?![\d.,]?\d)")
# 1038–40
_SHORT_YEAR = re.compile(r"(\d\d)\d\d\s?[-–—/]\s?$")
_SCALES = {
    "million": 10**6,
    "millionen": 10**6,
    "mio": 10**6,
    "billion": 10**9,
    "milliarden": 10**9,
    "mrd": 10**9,
    "thousand": 1000,
    "tausend": 1000,
    "千": 1000,
    "百": 100,
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as written, the values that it may stand for, and its unit ("" when none is known)."""

    text: str
    values: frozenset[Decimal]
    unit: str = ""


def _han_value(text: str) -> Decimal | None:
    """二十五 -> 25, 三万五千 -> 35000, 二〇二六 -> 2026."""
    if not any(c in _TENS or c in _LARGE for c in text):
        return Decimal("".join(str(_DIGITS[c]) for c in text))
    total = section = digit = 0
    for c in text:
        if c in _DIGITS:
            digit = _DIGITS[c]
        elif c in _TENS:
            section += (digit or 1) * _TENS[c]
            digit = 0
        else:
            total += (section + digit) * _LARGE[c]
            section = digit = 0
    return Decimal(total + section + digit)


def _digit_values(text: str) -> set[Decimal]:
    """The values a number may stand for: 1,200 is 1200 or 1.2 depending on the writer, 1.200,50 can only be
    1200.5.
    """
    bare = re.sub(r"[’']", "", text)
    separators = set(bare) & {",", "."}
    if not separators:
        readings = [bare]
    elif len(separators) == 2:
        decimal = max(separators, key=bare.rfind)
        readings = [bare.replace((separators - {decimal}).pop(), "").replace(decimal, ".")]
    else:
        groups = re.split(r"[.,]", bare)
        thousands = all(len(group) == 3 for group in groups[1:])
        if len(groups) == 2:
            readings = ["".join(groups), ".".join(groups)] if thousands else [".".join(groups)]
        else:
            # 2.4.1, 10.0.3.1: a version, an address or a date is compared part by part
            readings = ["".join(groups)] if thousands else groups
    found = set()
    for reading in readings:
        try:
            found.add(Decimal(reading).normalize())
        except InvalidOperation:
            found.update(Decimal(part).normalize() for part in re.findall(r"\d+", reading))
    return found


def _grouped(match: re.Match[str]) -> str:
    return match[1] + re.sub(r"\s", "’", match[2])


def _years(values: set[Decimal], match: re.Match[str], text: str) -> set[Decimal]:
    """The values with those that a year, written short, stands for."""
    digits = match["digits"]
    century = _SHORT_YEAR.search(text[: match.start()])
    if century and len(digits) == 2 and text[match.end() : match.end() + 1] not in ("-", "/"):
        return values | {Decimal(century[1] + digits)}
    if digits.isdigit() and digits.endswith("0") and _DECADE.match(text, match.end()):
        decade = int(digits) % 100
        return values | {Decimal(decade).normalize(), Decimal(1900 + decade).normalize()}
    return values


def _roman(text: str) -> list[Quantity]:
    found = []
    for match in _ROMAN.finditer(text):
        digits = [_ROMAN_DIGITS[c] for c in match.group()]
        value = sum(-d if d < max(digits[i:]) else d for i, d in enumerate(digits))
        found.append(Quantity(match.group(), frozenset({Decimal(value).normalize()})))
    return found


def _from_match(match: re.Match[str], text: str, lenient: bool) -> Quantity | None:
    after = text[match.end() : match.end() + 12].lstrip()
    unit_match = _UNIT.match(after)
    unit = _UNIT_OF[unit_match.group()] if unit_match else ""
    before = (match["before"] or "").strip()
    if before:
        unit = _UNIT_OF.get(before, unit)
    if match["han"]:
        han = match["han"]
        counted = lenient or _MEASURE.match(text, match.end())
        if len(han) == 1 and (han in "一千万百亿" or not counted) and not before:
            return None
        # "千万不要" and "万一" only look like numbers
        if han[0] in _LARGE or (all(c in _LARGE or c in _TENS for c in han) and han != "十"):
            return None
        value = _han_value(han)
        return Quantity(match.group(), frozenset({value.normalize()}), unit) if value is not None else None
    values = _years(_digit_values(match["digits"]), match, text)
    if match["scale"]:
        scale = match["scale"].strip()
        factor = _LARGE.get(scale) or _SCALES.get(scale, 1)
        values = {(v * factor).normalize() for v in values}
    return Quantity(match.group().strip(), frozenset(values), unit)


def quantities(text: str, lenient: bool = False) -> list[Quantity]:
    """All numbers of a text: digits, Han and Roman numerals, number words, and month names as their number.

    ``lenient`` also takes for numbers what may be one (ordinals, 三 before any word): right for evidence,
    where a number too many does no harm.
    """
    folded = unicodedata.normalize("NFKC", _GROUPED.sub(_grouped, text)).lower()
    found = [q for match in _NUMBER.finditer(folded) if (q := _from_match(match, folded, lenient))]
    found += _roman(text)
    for match in _WORD.finditer(folded):
        word = match.group()
        if word in _WORDS and word not in _ARTICLES:
            after = folded[match.end() : match.end() + 12].lstrip(" -")
            unit = _UNIT.match(after)
            value = _WORDS[word].normalize()
            found.append(Quantity(word, frozenset({value}), _UNIT_OF[unit.group()] if unit else ""))
        elif lenient and word in _ORDINALS:
            found.append(Quantity(word, frozenset({Decimal(_ORDINALS[word]).normalize()})))
        elif word in _MONTHS and (word != "may" or "May " in text):
            found.append(Quantity(word, frozenset({Decimal(_MONTHS[word]).normalize()}), ""))
    return found


def missing_numbers(sentence: str, evidence: Iterable[str]) -> list[str]:
    """The numbers of ``sentence`` that stand in none of the evidence texts, or only with another unit."""
    texts = list(evidence)
    known = [q for text in texts for q in quantities(text, lenient=True)]
    units = {
        _UNIT_OF[form]
        for text in texts
        for form in _UNIT.findall(unicodedata.normalize("NFKC", text).lower())
    }
    missing = []
    for quantity in quantities(sentence):
        same = [k for k in known if k.values & quantity.values]
        # a table's number has its unit in the header, so one that stands anywhere in the evidence will do
        # and an age or the years of a war need none: 38 Jahre, at the age of 38; 七年战争
        given = units | {"year"}
        fits = not quantity.unit or any(
            k.unit == quantity.unit or (not k.unit and quantity.unit in given) for k in same
        )
        if not same or not fits:
            missing.append(quantity.text)
    return missing
