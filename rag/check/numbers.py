"""L0: every number of a sentence must stand in its evidence, with the same unit.

Numbers are compared by value, whatever the script: 二十五天 = 25 days = ２５日, 1,200 = 1.200 = 1’200, 3月 =
March = März, 1.5万 = 15000.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from rag.check.numerals import HAN, LOOSE, factor, fractions, han_values, roman_value, scales, spelled

__all__ = ["Quantity", "missing_numbers", "quantities"]

_WORD = re.compile(r"[^\W\d_]+")
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
    "minute": "minute minutes min minuten 分钟 分間",
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
    rf"(?P<digits>\d+(?:[.,’']\d+)*)(?P<scale>{scales()}|(?(before)[mk]\b|(?!)))?"
    # 几十 is no number, and 唯一 holds none
    rf"|(?P<han>(?!(?<=[几数])[十百千]|(?<=[唯统同单逐专])一)[{HAN}]+))"
)


def _form(form: str) -> str:
    """A unit's form as a pattern: Latin letters must be a whole word, and 三分之一 is not three minutes."""
    before = r"(?<![^\W\d_])" if form[0].isascii() and form[0].isalpha() else ""
    return before + re.escape(form) + (r"\b" if form[-1].isascii() and form[-1].isalpha() else "(?!之)")


# 4分51秒 are minutes, 308分 may be points
_UNIT = re.compile("|".join(["分(?=[^，。；]{1,4}秒)", *map(_form, sorted(_UNIT_OF, key=len, reverse=True))]))
_UNIT_OF["分"] = "minute"
_MEASURE = re.compile(
    r"\s?(?:[天日年月周週号時时秒个個名人次份台套条條章节節级級层層页頁円倍%％歳岁点點小"
    r"位家场場座所支项項届部組组队隊门門]|分(?![卫之子])|元(?![组素件]))"
)
# 1980s, 80er Jahre, 1980-х, 80年代, 八十年代
_DECADE = re.compile(r"\s?年代|['’]?s\b|er\b|er-|-?[ех]х?\b")
# 20世纪80年代, 上世纪八十年代
_CENTURY = re.compile(rf"(?:(\d{{1,2}}|[{HAN}]+)\s?|上)世[纪紀]\s?(\d0|[{HAN}]+)\s?(?=年代)")
_ROMAN = re.compile(r"\b[IVX]{2,}\b")
# "853 382", with whichever blank
_GROUPED = re.compile(r"(?<![\d.,])(\d{1,3})((?:[ \u00a0\u2009\u202f]\d{3})+)(?![\d.,]?\d)")
# 1038–40
_SHORT_YEAR = re.compile(r"(\d\d)\d\d\s?[-–—/]\s?$")
# 6½, 8 1⁄2
_MIXED = re.compile(r"(?<![\d.,])(?:(\d+)\s)?(\d)⁄(\d+)")
_VULGAR = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")
# 1665,1691
_YEARS = re.compile(r"(?<!\d)(\d{4}),(?=\d{4}(?!\d))")
# 30 to 50 thousand, 3到5万
_RANGE = re.compile(rf"\s?(?:-|–|—|~|to|bis|до|إلى|到|至|或)\s?\d[\d.,]*({scales()})")
_CLOCK = re.compile(r"\d:\d\d(?!\d)")
_LOOSE_HAN = {"半": Decimal("0.5"), "双": Decimal(2), "雙": Decimal(2), "俩": Decimal(2)}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as written, the values that it may stand for, and its unit ("" when none is known)."""

    text: str
    values: frozenset[Decimal]
    unit: str = ""


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


def _century(match: re.Match[str]) -> str:
    century, decade = (max(han_values(n)) if n and n[0] in HAN else int(n or 20) for n in match.groups())
    return f"{int((century - 1) * 100 + decade)}"


def _mixed(match: re.Match[str]) -> str:
    whole, count, parts = (int(n or 0) for n in match.groups())
    return f"{round(whole + Decimal(count) / parts, 6).normalize():f}" if parts else match.group()


def _plain(text: str) -> str:
    """Lower case, and in the usual way what is written in one of its own: ２５, 6½, 853 382, 20世纪80年代."""
    text = unicodedata.normalize("NFKC", _VULGAR.sub(" ", _GROUPED.sub(_grouped, text))).lower()
    text = re.sub(r"(?<=\d)[،٬](?=\d)", ",", text).replace("٫", ".")
    return _YEARS.sub(r"\1, ", _CENTURY.sub(_century, _MIXED.sub(_mixed, text)))


def _years(values: set[Decimal], match: re.Match[str], text: str, lenient: bool) -> set[Decimal]:
    """The values with those that a year, written short, stands for; a decade in full is that one, and as
    evidence also for one written short.
    """
    digits = match["digits"] or ""
    century = _SHORT_YEAR.search(text[: match.start()])
    if century and len(digits) == 2 and text[match.end() : match.end() + 1] not in ("-", "/"):
        return values | {Decimal(century[1] + digits)}
    year = max(values)
    if year % 10 == 0 and (digits.isdigit() or not digits) and _DECADE.match(text, match.end()):
        short = {(year % 100).normalize()}
        if year < 100:
            return short | {1900 + year}
        return values | short if lenient else values
    return values


def _roman(text: str) -> list[Quantity]:
    return [Quantity(m.group(), frozenset({Decimal(roman_value(m.group()))})) for m in _ROMAN.finditer(text)]


def _han(match: re.Match[str], text: str, lenient: bool) -> set[Decimal]:
    """The values of a Han numeral; none where it only looks like one."""
    han = match["han"]
    counted = lenient or _MEASURE.match(text, match.end())
    if len(han) == 1 and (han in "一千万百亿" or not counted) and not match["before"]:
        return set()
    # "千万不要" and "万一" only look like numbers
    if han[0] in "万萬亿億" or (all(c in "十百千万萬亿億" for c in han) and han != "十"):
        return set()
    return _years(han_values(han), match, text, lenient)


def _from_match(match: re.Match[str], text: str, lenient: bool) -> Quantity | None:
    unit = _unit(text, match.end())
    before = (match["before"] or "").strip()
    if before:
        unit = _UNIT_OF.get(before, unit)
    if match["han"]:
        values = _han(match, text, lenient)
    else:
        values = _years(_digit_values(match["digits"]), match, text, lenient)
        if match["scale"]:
            values = {value * factor(match["scale"].strip()) for value in values}
        elif scale := _RANGE.match(text, match.end()):
            values |= {value * factor(scale[1].strip()) for value in values}
    if re.match(r"\s?个世[纪紀]", text[match.end() :]):
        values = {value * 100 for value in values}
    normal = frozenset(value.normalize() for value in values)
    return Quantity(match.group().strip(), normal, unit) if normal else None


def _unit(text: str, end: int) -> str:
    found = _UNIT.match(text[end : end + 12].lstrip(" -"))
    return _UNIT_OF[found.group()] if found else ""


def quantities(text: str, lenient: bool = False) -> list[Quantity]:
    """All numbers of a text: digits, Han and Roman numerals, number words, fractions, and month names as
    their number.

    ``lenient`` also takes for numbers what may be one (ordinals, 三 before any word, both): right for
    evidence, where a number too many does no harm.
    """
    folded = _plain(text)
    found = []
    for part in fractions(folded):
        found.append(Quantity(part.text, part.values))
        folded = folded[: part.start] + " " * (part.end - part.start) + folded[part.end :]
    found += [q for match in _NUMBER.finditer(folded) if (q := _from_match(match, folded, lenient))]
    found += _roman(text)
    for number in spelled(folded):
        found.append(Quantity(number.text, number.values, _unit(folded, number.end)))
    found += _months(folded, text)
    return [*found, *_loose(folded)] if lenient else found


def _months(folded: str, text: str) -> Iterator[Quantity]:
    for word in _WORD.findall(folded):
        if word in _MONTHS and (word != "may" or "May " in text):
            yield Quantity(word, frozenset({Decimal(_MONTHS[word]).normalize()}))


def _loose(folded: str) -> Iterator[Quantity]:
    for word in _WORD.findall(folded):
        if word in LOOSE:
            yield Quantity(word, frozenset({Decimal(LOOSE[word]).normalize()}))
    yield from (Quantity(c, frozenset({value})) for c, value in _LOOSE_HAN.items() if c in folded)


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
        given = units | {"year"} | ({"minute", "second", "hour"} if any(map(_CLOCK.search, texts)) else set())
        fits = not quantity.unit or any(
            k.unit == quantity.unit or (not k.unit and quantity.unit in given) for k in same
        )
        if not same or not fits:
            missing.append(quantity.text)
    return missing
