"""Which lines of plain text are headings, where nothing but the words tells.

Rules for Chinese and Japanese numbering (第一章, 第三节, 第五条, 一、, （一）), for numbered headings
(2.3 Scope), and for the words that open a part in European languages (Chapter 2, Kapitel 2, § 4).
unstructured's guess takes every short Chinese paragraph for a title, so it is not asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Heading", "heading_of", "is_list_item", "width"]

_NUMBER = "[0-9０-９〇零一二三四五六七八九十百千两兩壱弐参]+"
# Rank within the document: only the order matters, a document need not use them all
_CJK_RANKS = {
    "部": 1, "编": 1, "編": 1, "篇": 1, "卷": 1, "部分": 1,
    "章": 2, "节": 3, "節": 3, "款": 5, "条": 4, "條": 4,
}  # fmt: skip
_CJK_PART = re.compile(
    rf"第\s*{_NUMBER}\s*(部分|[部编編篇卷章节節款条條])(?:\s*之{_NUMBER})?(?P<gap>[\s:：、.．]*)(?P<rest>.*)",
    re.DOTALL,
)
_CJK_LIST = re.compile(r"[一二三四五六七八九十]{1,3}[、.．]\s*(?P<rest>\S.*)", re.DOTALL)
_CJK_INNER = re.compile(r"[（(][一二三四五六七八九十]{1,3}[)）]\s*(?P<rest>\S.*)", re.DOTALL)
_EUROPEAN = re.compile(
    r"(?:(?P<part>part|teil|partie)|(?P<chapter>chapter|kapitel|chapitre|annex|anhang|anlage|appendix|annexe)"
    r"|(?P<section>section|abschnitt|article|artikel|§))\s*(?:\d+|[ivxlc]+|[a-z])\b[a-z]?[.:)–—-]*(?:\s+(?P<rest>.*))?$",
    re.IGNORECASE | re.DOTALL,
)
_DECIMAL = re.compile(
    r"(?P<number>\d{1,2}(?:\.\d{1,2}){0,4})(?P<mark>[.、．:：)]?)(?P<gap>[ \t\u3000]*)(?P<rest>\S.*)",
    re.DOTALL,
)
_SHARP = re.compile(r"(?P<marks>#{1,6})\s+(?P<rest>\S.*?)\s*#*$")
_LIST_ITEM = re.compile(
    rf"(?:[-*•·▪◦‣–—○●■□◆➢✓✔]|\(?(?:\d{{1,3}}|[a-zA-Z]|[ivx]{{1,4}})[.)](?!\d)|\d{{1,3}}[、．]|[①-⑳]"
    rf"|[（(]{_NUMBER}[)）]|[一二三四五六七八九十]{{1,3}}、|☐|☑)\s*\S"
)
_TERMINAL = "。！？；;!?.…,，、:："
# "1. Januar 2024", "3.5 kg": a number that begins a line is not always a heading's
_STEP = re.compile(r"[^\W\d]\w{2,14} \d{1,2}[:.–-] +\S")
_LETTER = re.compile(r"[^\W\d_]")
_WIDE = re.compile(
    r"[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\U0001f300-\U0001faff\U00020000-\U0003fffd]"
)
MAX_WIDTH = 90


@dataclass(frozen=True, slots=True)
class Heading:
    """``level`` is the rank, 1 outermost. With a ``label``, only these first words are the heading and the
    line is its text.
    """

    level: int
    label: str = ""


def width(text: str) -> int:
    """Columns that the text takes in a terminal: two for each wide character."""
    return len(text) + len(_WIDE.findall(text))


def is_list_item(line: str) -> bool:
    """Whether the line begins with a bullet, a number or a letter as list items do."""
    return _LIST_ITEM.match(line) is not None


def _reads_as_title(text: str) -> bool:
    return width(text) <= MAX_WIDTH and not text.rstrip().endswith(tuple(_TERMINAL)) and "。" not in text


def heading_of(line: str, alone: bool) -> Heading | None:
    """The heading that this line is, or None.

    ``alone`` says that nothing else stands in its block: a numbered line among others is a list item, not a
    heading.
    """
    line = line.strip()
    if not line or "\n" in line:
        return None
    return _cjk(line, alone) or _numbered(line, alone) or (_plain(line) if alone else None)


def _cjk(line: str, alone: bool) -> Heading | None:
    part = _CJK_PART.match(line)
    if part:
        level, rest = _CJK_RANKS[part[1]], part["rest"].strip()
        if _reads_as_title(rest) and (part["gap"] or not rest or width(rest) <= 40):
            # "第五条规定的情形" in the middle of a sentence is no heading
            return None if not part["gap"] and rest and rest[0] in "的规所第和及至、或に" else Heading(level)
        # an article whose text follows on the same line: "第五条 员工应当……。"
        if level >= 4 and part["gap"]:
            return Heading(level, line[: part.start("gap")].strip())
        return None
    match = _CJK_LIST.match(line)
    if match and _reads_as_title(match["rest"]):
        return Heading(3) if alone or width(line) <= 40 else None
    match = _CJK_INNER.match(line)
    if match and alone and _reads_as_title(match["rest"]) and width(line) <= 50:
        return Heading(4)
    return None


def _plain(line: str) -> Heading | None:
    """Capitals throughout, or a word with a number and a colon ("TOP 3: Budget", "Schritt 2: ...")."""
    # counted by hand: to isupper() a Chinese line with one "A" in it is all capitals
    capitals = sum(map(str.isupper, line))
    if line.isupper() and capitals >= 6 and capitals * 2 > len(line) and _reads_as_title(line):
        return Heading(2)
    if _STEP.match(line) and width(line) <= 70 and not line.endswith(tuple(_TERMINAL)):
        return Heading(5)
    return None


def _numbered(line: str, alone: bool) -> Heading | None:
    sharp = _SHARP.match(line)
    if sharp:
        return Heading(len(sharp["marks"]))
    word = _EUROPEAN.match(line)
    if word and alone and (not word["rest"] or _reads_as_title(word["rest"])):
        return Heading(1 if word["part"] else 2 if word["chapter"] else 3)
    decimal = _DECIMAL.match(line)
    if decimal is None or not alone or not (decimal["mark"] or decimal["gap"]):
        return None
    rest = decimal["rest"]
    if not _reads_as_title(rest) or not _LETTER.match(rest) or rest[0].islower() or width(rest) > 70:
        return None
    return Heading(1 + len(decimal["number"].split(".")))
