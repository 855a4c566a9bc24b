"""What a document is about, as far as its title and its labelled fields tell: near-identical texts about
different things (the manuals of two products, the certificates of two people) are no versions of one another.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Mapping
from difflib import SequenceMatcher

from rag.text import HAN_KANA, fold
from rag.text.edition import edition_in_name, edition_of, without_editions

__all__ = ["clash", "facts", "filled_in", "is_record", "subject"]

_HEAD = 2000
# Of each of these there is one for every day, case or person: other dates mean other documents
_RECORD = re.compile(
    r"\b(?:minutes|meeting notes|agenda|release notes|invoice|receipt|certificate|report|statement|"
    r"newsletter|timesheet|payslip|roster|journal|incident|post-mortem|log|diary|"
    r"protokoll|niederschrift|rechnung|quittung|zertifikat|zeugnis|bescheinigung|bericht|dienstplan|"
    r"versionshinweise)\b|"
    r"纪要|会议记录|日报|周报|月报|季报|年报|报告|发票|收据|证书|证明|合同|排班|值班|日志|简报|通知|发布说明|"
    r"议事录|请求书|领收书|证明书|証明书|シフト表|リリースノート"
)
# Marks of a version that a title may bear; simplified Han, as in folded text
_MARKS = re.compile(
    r"(?<![^\W_])(?:copy(?: of)?|kopie(?: von)?|final|endgültig|draft|entwurf|new|neu|old|alt|latest|updated|"
    r"revised|corrected|amended|approved|signed|current|aktuell|aktualisiert|überarbeitet|korrigiert|archived?|"
    r"obsolete|superseded|wip|effective|valid|gültig|stand|version|revision|rev|edition|ausgabe|auflage|"
    r"fassung|from|as of|ab|vom)(?![^\W_])|"
    r"副本|拷贝|最终版?|终稿|定稿|终版|确定版|草案|草稿|初稿|征求意见稿|送审稿|试行|暂行|修订版?|修订稿|正式版|新版|"
    r"旧版|最新版?|改[订定]版?|ドラフト|下书き|コピー|"
    r"[(（]\d{1,2}[)）]\s*$"
)
_WORD = re.compile(r"[^\W_]+")
_FEW_WORDS = frozenset("the a an of for on to in at and & der die das des für von zu und".split())
# Fields that say what a form, certificate or data sheet is about; editorial ones (owner, date) do not
_LABELS = (
    "name|employee|participant|holder|attendee|patient|student|site|location|plant|branch|building|product|"
    "model|type|article|part|part (?:no|number)|serial (?:no|number)|customer|client|supplier|vendor|project|"
    "machine|device|equipment|instrument|vehicle|(?:invoice|order|certificate|contract) (?:no|number)|"
    "mitarbeiter(?:in)?|teilnehmer(?:in)?|inhaber(?:in)?|standort|werk|niederlassung|produkt|modell|typ|"
    "artikel|seriennummer|kunde|kundin|lieferant|projekt|maschine|gerät|anlage|"
    "(?:rechnungs|auftrags|kunden)nummer|"
    "姓名|员工|学员|持证人|客户|供应商|项目(?:名称)?|产品(?:名称|型号)?|型号|设备(?:名称|编号)?|机型|地点|"
    "站点|工厂|分公司|门店|序列号|(?:合同|证书|发票|订单)(?:编)?号码?|"
    "氏名|社员|顾客|取引先|制品名?|型式|型番|机种|案件名?|拠点|事业所"
)
_FIELD = re.compile(rf"(?:^|[\n。;；|])\s*({_LABELS})\.?\s*[:：|]\s*([^\n|。;；]{{1,60}})")
_CODE = re.compile(r"(?<![\w-])(?!fy)[a-z]{1,5}-?\d{2,5}[a-z]{0,3}(?!\w)")
_FEW_CODES, _FAR_AHEAD = 3, 2
_MOST_FACTS = 16
_TOKEN = re.compile(rf"[{HAN_KANA}]|[^\W\d_{HAN_KANA}]+|\d+")
_HAN_NUMBER = re.compile("[〇零一二三四五六七八九十百千万两半]+")
# Short texts only: a long form has more of its own than a name
_LONGEST_NAME = 6
_RULE = re.compile(r"effective|in force|version|revision|in kraft|fassung|施行|生效|实施|実施|版")


def is_record(title: str) -> bool:
    """Whether a document of this title stands for its own day or case, and is superseded by no other."""
    return bool(_RECORD.search(fold(title)))


def subject(title: str, text: str, language: str) -> str:
    """What versions of one document have in common: title without marks of the version, language, script."""
    words = _words(fold(title) if is_record(title) else without_editions(title))
    # a title that is nothing but a date names that day
    named = words or _WORD.findall(fold(title))
    return "\n".join((language, _script(text, language), "".join(named))) if named else ""


def _words(title: str) -> list[str]:
    return [word for word in _WORD.findall(_MARKS.sub(" ", title)) if word not in _FEW_WORDS]


def _script(text: str, language: str) -> str:
    """Traditional and simplified Chinese of the same text are translations, though they fold alike."""
    if language != "zh":
        return ""
    sample = unicodedata.normalize("NFKC", text[:_HEAD]).casefold()
    changed = sum(a != b for a, b in zip(sample, fold(sample), strict=False))
    return "hant" if 20 * changed > len(sample) else "hans"


def facts(text: str) -> dict[int, int]:
    """Hashes of labels with the hashes of what they say, at most 16; the code that dominates the text
    (HS-410 in its manual) is one of them.
    """
    head = fold(text[:_HEAD])
    found: dict[int, int] = {}
    for label, value in _FIELD.findall(head):
        said = " ".join(_WORD.findall(value))
        if said and len(found) < _MOST_FACTS - 1:
            found.setdefault(_hash(label), _hash(said))
    codes = Counter(match.replace("-", "") for match in _CODE.findall(text.casefold())).most_common(2)
    if codes and codes[0][1] >= _FEW_CODES:
        second = codes[1][1] if len(codes) > 1 else 0
        if codes[0][1] >= _FAR_AHEAD * second:
            found[_hash("code")] = _hash(codes[0][0])
    return found


def clash(a: Mapping[int, int], b: Mapping[int, int]) -> bool:
    """Whether the facts of two documents say that they are about different things."""
    return any(b.get(label, value) != value for label, value in a.items())


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())


def filled_in(a: str, b: str, title_a: str, title_b: str) -> bool:
    """Whether two short texts are one form with other names in it: all that differs are names and numbers.

    A rule whose numbers change, or that states another edition of itself, is a version all the same.
    """
    if edition_in_name(title_a) != edition_in_name(title_b):
        return False
    if _RULE.search(fold(a)) and _RULE.search(fold(b)) and edition_of("", a) != edition_of("", b):
        return False
    x, y = sorted((_TOKEN.findall(a), _TOKEN.findall(b)))
    if Counter(t for t in x if not _is_name(t)) != Counter(t for t in y if not _is_name(t)):
        return False
    named = False
    for kind, i, j, k, m in SequenceMatcher(None, x, y, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        before, after = x[i:j], y[k:m]
        if not before or not after or max(len(before), len(after)) > _LONGEST_NAME:
            return False
        if all(map(_is_number, before)) and all(map(_is_number, after)):
            continue
        if not all(map(_is_name, before + after)):
            return False
        named = True
    return named


def _is_number(token: str) -> bool:
    return token.isdigit() or bool(_HAN_NUMBER.fullmatch(token))


def _is_name(token: str) -> bool:
    """As far as the spelling tells: in scripts without capitals every word may be one."""
    return _is_number(token) or not token[0].islower()
