"""Which edition a document says that it is, and which edition a question asks for.

An edition is a date, a version or both, in a form that sorts: "2026-01-01", "v0005", "2026-01-01 v0005" (see
rag.text.dates). Dates and versions are two kinds: only what both of two documents state is compared.
"""

from __future__ import annotations

import functools
import re

from rag.text.dates import Mark, dates, plain_digits, versions

__all__ = [
    "asked_editions",
    "asks_for_former",
    "edition_in_name",
    "edition_of",
    "in_force",
    "is_edition",
    "later",
    "shown_edition",
    "without_editions",
]

# Where a document tells what it is: its first and its last words ("本办法自2025年7月1日起施行。")
_HEAD, _TAIL, _VERSION_HEAD = 1500, 800, 600
_LONGEST = 32
_LINK = (
    r"(?:\s*(?:date|from|as of|as from|since|starting|beginning|with effect|on|in|am|ab|seit|zum|vom)\b)*"
    r"\s*[:：]?\s*[自于为从是]?\s*$"
)
_FROM = re.compile(
    r"(?:effective|in force|in effect|with effect|into force|valid|applies|applicable|gültig|gilt|in kraft|"
    r"wirksam|en vigueur(?: à compter)?(?: d[ue])?|vigente|en vigor|desde|"
    r"(?:生效|施行|实施|実施|执行|启用|适用开始|発効)(?:日期|时间|日)?)" + _LINK
)
_SINCE = re.compile(
    r"(?:(?:last )?(?:updated|revised|amended|reviewed|modified|issued|published|approved)|"
    r"(?:issue|revision|publication|version|release) date|date of issue|\bas of|"
    r"\bstand|ausgabe(?:datum)?|letzte änderung|geändert|fassung|überarbeitet|"
    r"(?:发布|修订|修正|更新|印发|颁布|改订|改定|制定|発行|最终更新)(?:日期|时间|日)?)" + _LINK
)
_THEN_FROM = re.compile(r"\s*(?:起|から|より)?\s*(?:正式)?(?:施行|实施|実施|执行|生效|启用|适用)|\s*in kraft")
_THEN_SINCE = re.compile(r"\s*(?:年)?\s*(?:第?\d*次)?(?:修订|修正|改订|改定|制定|発行|发布|印发|更新|版)")
# What follows is the edition that this one replaces, or its end
_OTHER = re.compile(
    r"(?:replac\w*|supersed\w*|previous\w*|until|expir\w*|ends?\b|older|ersetzt|löst|bisherig\w*|\bbis\b|"
    r"remplac\w*|取代|代替|替代|废止|廃止|至|截至|改[订定]前|requires?|needs)[^.。;；\n]{0,50}$"
)
_AFTER_OTHER = re.compile(
    r"\s*(?:or (?:later|higher|newer)|and (?:later|above)|oder höher|以上|以降|まで|为止|"
    r"[^。.;；\n]{0,20}[废廃]止)"
)
_REST = r"\s*(?:年度|年)?(?:修订|修正|改订|改定|更新)?(?:版|稿)?"
_ORDER = re.compile(r"\d{4}(?:-\d\d){0,2}")

_FORMER = re.compile(
    r"\b(?:old|previous|former|prior|earlier|superseded|outdated)\b(?: \w+){0,3}? "
    r"(?:version|edition|polic(?:y|ies)|rules?|regulations?|manual|handbook|lists?|terms|guide(?:lines?)?|"
    r"document|agreement|limits?|rates?|one)\b|\b(?:previously|formerly)\b|"
    r"\b(?:alte[nrms]?|vorige[nrms]?|frühere[nrms]?|bisherige[nrms]?|vorherige[nrms]?)\b(?: \w+){0,2}? "
    r"(?:version|fassung|ausgabe|richtlinie|regelung|regeln?|ordnung|vereinbarung|liste|handbuch)\b|"
    r"\b(?:früher|ehemals|vormals)\b|"
    r"(?:^|[，。,\s])(?:以前|之前|过去|原先|原来)(?!的?是)|(?:以前|之前|过去|原先|原来|旧)的|旧版|老版|上一版|"
    r"[修改]订前|旧规|旧制|旧办法|以前の|旧[い版規规]|従来の|改定前|前の版"
)


def _joined(date: str, version: str) -> str:
    return " ".join(part for part in (date, version) if part)[:_LONGEST]


def edition_in_name(name: str) -> str:
    """The edition that a file's name or a title states, "" where it states none."""
    text = plain_digits(name.replace("_", " "))
    found, numbers = dates(text, years=True), versions(text, bare=True)
    return _joined(found[0].value if found else "", numbers[0].value if numbers else "")


def edition_of(title: str, text: str) -> str:
    """The edition that a document states of itself: in its title, else in its first or last words."""
    stated = edition_in_name(title)
    date, version = _date(stated), _version(stated)
    head = plain_digits(text[:_HEAD])
    told = _told_date(head, plain_digits(text[-_TAIL:]) if len(text) > _HEAD else "")
    if told.startswith(date):  # the more exact one
        date = told
    if not version:
        own = [mark.value for mark in versions(head[:_VERSION_HEAD], bare=False) if _own(head, mark)]
        version = own[0] if own else ""
    return _joined(date, version)


def _own(text: str, mark: Mark) -> bool:
    return not _OTHER.search(text[max(0, mark.start - 80) : mark.start]) and not _AFTER_OTHER.match(
        text, mark.end
    )


def _told_date(head: str, tail: str) -> str:
    """From when it is in force, else when it was made."""
    forces, made = _cued(head)
    ends = _cued(tail)[0]
    # amendments follow one another at the end: the last one counts
    return forces[0] if forces else max(ends) if ends else made[0] if made else ""


def _cued(text: str) -> tuple[list[str], list[str]]:
    """Dates from which something is in force; dates at which something was issued or changed."""
    forces, made = [], []
    for mark in dates(text, years=False):
        if not _own(text, mark):
            continue
        before = text[max(0, mark.start - 48) : mark.start]
        if _FROM.search(before) or _THEN_FROM.match(text, mark.end):
            forces.append(mark.value)
        elif _SINCE.search(before) or _THEN_SINCE.match(text, mark.end) or text[mark.end - 1] == "号":
            made.append(mark.value)
    return forces, made


def without_editions(title: str) -> str:
    """The folded title without the dates and versions in it."""
    text = plain_digits(title.replace("_", " "))
    marks = [*dates(text, years=True), *versions(text, bare=True)]
    for mark in sorted(marks, key=lambda mark: -mark.start):
        end = re.compile(_REST).match(text, mark.end)
        text = f"{text[: mark.start]} {text[end.end() if end else mark.end :]}"
    return text


def _date(edition: str) -> str:
    return edition.partition(" ")[0] if edition[:1].isdigit() else ""


def _version(edition: str) -> str:
    return edition.rpartition(" ")[2] if edition and not edition.rpartition(" ")[2][0].isdigit() else ""


def _after(a: str, b: str) -> bool | None:
    """Whether ``a`` is later than ``b``; None where one only says the other less exactly, or nothing."""
    return None if a.startswith(b) or b.startswith(a) else a > b


@functools.lru_cache(1 << 14)
def later(a: str, b: str) -> bool | None:
    """Whether edition ``a`` is later than ``b``; None when that cannot be told.

    Dates decide before versions. A number and a letter ("version 2", "revision C") are not compared.
    """
    by_date = _after(_date(a), _date(b))
    if by_date is not None:
        return by_date
    x, y = _version(a), _version(b)
    if x[:1] != y[:1] or not x or x == y:
        return None
    return x > y


def asked_editions(question: str) -> list[str]:
    """The dates and versions that a question names, each as an edition."""
    text = plain_digits(question)
    found = [*dates(text, years=True), *versions(text, bare=False)]
    return [mark.value for mark in sorted(found, key=lambda mark: mark.start)]


def asks_for_former(question: str) -> bool:
    """Whether the question asks for what was in force before: "the old policy", 以前的规定."""
    return bool(_FORMER.search(plain_digits(question)))


def is_edition(asked: str, edition: str) -> bool:
    """Whether an edition is the one that was asked for: "2024" is "2024-03-01"."""
    own = _date(edition) if _ORDER.fullmatch(asked) else _version(edition)
    return bool(own) and own.startswith(asked)


def in_force(asked: str, edition: str) -> bool:
    """Whether an edition dates from the asked date or before; a year is asked for until its end."""
    own = _date(edition)
    return bool(own) and bool(_ORDER.fullmatch(asked)) and own <= f"{asked}~"


def shown_edition(edition: str) -> str:
    """For readers: "2026-01-01, v5"."""
    version = _version(edition)
    if version.startswith("v"):
        version = "v" + ".".join(str(int(part)) for part in version[1:].split("."))
    elif version:
        version = f"rev. {version[1:].upper()}"
    return ", ".join(part for part in (_date(edition), version) if part)
