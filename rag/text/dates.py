"""Dates and version numbers as people write them in names, titles and rules, in one form that sorts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.text.fold import fold

__all__ = ["Mark", "dates", "plain_digits", "versions"]

_MONTHS = {
    name: number
    for number, names in enumerate(
        "january januar janvier enero jan|february februar février febrero feb|"
        "march märz mars marzo mar mrz|april avril abril apr|may mai mayo|june juni juin junio jun|"
        "july juli juillet julio jul|august août agosto aug|september septembre septiembre sept sep|"
        "october oktober octobre octubre oct okt|november novembre noviembre nov|"
        "december dezember décembre diciembre dec dez".split("|"),
        start=1,
    )
    for name in names.split()
}
# The year before the first of each era, and of the Republic of China's calendar
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "民国": 1911}
_HAN = {character: value for value, character in enumerate("〇一二三四五六七八九")} | {"零": 0}
_HAN_NUMBER = re.compile("[〇零一二三四五六七八九十]+(?=[年月日版次])")
_YEAR = r"(?:19[89]\d|20[0-4]\d)"
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_BOUND, _END = r"(?<![\d.])", r"(?![\d])"
# Names of groups end in a number, because one expression may not name two groups alike
_WHOLE = (
    rf"{_BOUND}(?P<y1>{_YEAR})年(?:度)?(?:(?P<m1>\d{{1,2}})月(?:(?P<d1>\d{{1,2}})[日号])?)?",
    rf"(?P<era>{'|'.join(_ERAS)})\s?(?P<y2>\d{{1,3}}|元)年(?:度)?(?:(?P<m2>\d{{1,2}})月(?:(?P<d2>\d{{1,2}})日)?)?",
    rf"{_BOUND}(?P<y3>{_YEAR})(?P<sep>[-./_])(?P<m3>\d{{1,2}})(?:(?P=sep)(?P<d3>\d{{1,2}}))?{_END}",
    rf"(?<!\d)(?P<y4>{_YEAR})(?P<m4>0[1-9]|1[0-2])(?P<d4>0[1-9]|[12]\d|3[01]){_END}",
    rf"(?<!\d)(?P<d5>\d{{1,2}})(?:\.\s?(?P<m5>\d{{1,2}})\.\s?|[/-](?P<m6>\d{{1,2}})[/-])(?P<y5>{_YEAR}){_END}",
    rf"(?<!\d)(?P<d7>\d{{1,2}})(?:st|nd|rd|th|er|\.)?\s+(?:of\s+|de\s+)?(?P<m7>{_MONTH})\.?,?\s+(?:de\s+)?(?P<y7>{_YEAR}){_END}",
    rf"\b(?P<m8>{_MONTH})\.?\s+(?:(?P<d8>\d{{1,2}})(?:st|nd|rd|th)?,?\s+)?(?P<y8>{_YEAR}){_END}",
    rf"(?<!\d)(?P<m9>0?[1-9]|1[0-2])[/.](?P<y9>{_YEAR}){_END}",
    rf"[〔\[（(](?P<y10>{_YEAR})[〕\]）)]\s?第?\d+号",
)
# 2024/25 and 2024-2026 begin with their first year; an amount is no year
_LONE = (
    rf"{_BOUND}(?:fy\s?)?(?P<y11>{_YEAR})(?:\s?[-–—/]\s?(?:{_YEAR}|\d\d))?{_END}"
    r"(?!\s?(?:[€$£%]|eur|usd|rmb|[元円万亿人台件名个]|people\b|employees\b|kg\b|[kmc]?m\b|rpm\b))",
)
_DATE = re.compile("|".join(_WHOLE))
_DATE_OR_YEAR = re.compile("|".join((*_WHOLE, *_LONE)))

_NAMED = r"(?:versión|version|vers\.|ver\.?|revision|rev\.?|ausgabe|auflage|fassung|edition|版本|バージョン)"
_VERSION_FORMS = (
    rf"(?<![^\W_]){_NAMED}\s*[:.#]?\s*(?P<n1>\d{{1,4}}(?:\.\d{{1,4}}){{0,3}})(?!\d|\s?[./-]\d)",
    r"(?<![^\W_])v\.?(?P<n2>\d{1,4}(?:\.\d{1,4}){0,3})(?!\d)",
    r"(?<![^\W_])(?:revision|rev\.?)\s*[:.]?\s*(?P<r1>[b-hj-z]|[ai](?!\s+\w))(?![^\W_])",
    r"第\s?(?P<n3>\d{1,3})\s?(?:版|次修[订正])",
    r"(?<!\d)(?P<n4>\d{1,3}(?:\.\d{1,3})+)\s?版",
    r"(?<!\d)(?P<n5>\d{1,3})(?:st|nd|rd|th|\.)\s+(?:revised\s+|überarbeitete\s+)?(?:edition|auflage|ausgabe|fassung)",
)
_BARE_FORMS = (
    r"(?<![^\W_])release\s*(?P<n6>\d{1,4}(?:\.\d{1,4}){0,3})(?!\d)",
    # at the beginning it numbers a chapter, as it does after that word
    r"(?<=\w[\s-])(?<!chapter.)(?<!section.)(?<!kapitel.)(?<!abschnitt.)(?<!part.)(?<!teil.)"
    r"(?P<n7>\d{1,3}(?:\.\d{1,4}){1,3})(?![\d.]*\d|\s?[%€$])",
)
_VERSION = re.compile("|".join(_VERSION_FORMS))
_ANY_VERSION = re.compile("|".join((*_VERSION_FORMS, *_BARE_FORMS)))


@dataclass(frozen=True, slots=True)
class Mark:
    """A date or version where it stands in the (folded) text.

    ``value`` of a date is "2026-01-01", "2026-01" or "2026", as exact as it is written; that of a version is
    "v0002.0001" for 2.1, "rc" for revision C.
    """

    start: int
    end: int
    value: str


def _han_number(match: re.Match[str]) -> str:
    text = match.group()
    if "十" not in text:
        return "".join(str(_HAN[c]) for c in text)
    tens, _, ones = text.partition("十")
    if "十" in ones or len(tens) > 1 or len(ones) > 1:
        return text
    return str((_HAN[tens] if tens else 1) * 10 + (_HAN[ones] if ones else 0))


def plain_digits(text: str) -> str:
    """Folded text whose Han numerals before 年, 月, 日, 版 are digits: 二〇二五年七月 -> 2025年7月."""
    return _HAN_NUMBER.sub(_han_number, fold(text))


def _first(found: dict[str, str], letter: str) -> str:
    return next((v for name, v in found.items() if name[0] == letter and name[1:].isdigit()), "")


def _date(match: re.Match[str]) -> str:
    found = {name: value for name, value in match.groupdict().items() if value}
    written = _first(found, "y")
    year = int(written) if written.isdigit() else 1
    if "era" in found:
        year += _ERAS[found["era"]]
    month, day = _first(found, "m"), _first(found, "d")
    number = _MONTHS.get(month) or int(month or 0)
    exact = int(day or 0)
    if "m6" in found and number <= 12 and exact <= 12 and number != exact:
        number = 0  # 3/4/2026 is in March for some and in April for others
    if "m6" in found and number > 12:
        number, exact = exact, number
    if not 1 <= number <= 12:
        return f"{year}"
    return f"{year}-{number:02}-{exact:02}" if 1 <= exact <= 31 else f"{year}-{number:02}"


def dates(text: str, *, years: bool) -> list[Mark]:
    """The dates in ``text`` (of plain_digits), in order; with ``years`` also years that stand alone."""
    pattern = _DATE_OR_YEAR if years else _DATE
    return [Mark(*match.span(), _date(match)) for match in pattern.finditer(text)]


def versions(text: str, *, bare: bool) -> list[Mark]:
    """The versions in ``text`` (of plain_digits), in order; with ``bare`` also numbers such as 2.1 that no
    word calls a version. "Version 2025" is a year, so none.
    """
    found = []
    # 01.03.2025 is none
    taken = [match.span() for match in _DATE.finditer(text)]
    for match in (_ANY_VERSION if bare else _VERSION).finditer(text):
        if any(start < match.end() and match.start() < end for start, end in taken):
            continue
        written = next(value for value in match.groups() if value)
        if written.isalpha():
            found.append(Mark(*match.span(), f"r{written}"))
        elif not re.fullmatch(_YEAR, written):
            value = ".".join(f"{int(part):04}" for part in written.split("."))
            found.append(Mark(*match.span(), f"v{value}"))
    return found
