"""Sentence boundaries in any language that ends its sentences with a mark.

Rules, not a model: they cost microseconds, they give exact offsets, and the same text is always cut the same
way, so that stored offsets, quotes and checks agree.
"""

from __future__ import annotations

import re

from rag.types import Span

__all__ = ["sentences"]

# Full stops that need no blank after them (a wide semicolon parts clauses, not sentences): CJK, Devanagari,
# Arabic, Armenian, Ethiopic, Myanmar, Khmer
_WIDE = "。！？｡।॥؟۔։።၊။៕"
_CLOSERS = "\"'”’»›)\\]）】》」』〕〉］｝"
_BOUNDARY = re.compile(
    rf"[{_WIDE}]+[{_CLOSERS}]*|[.!?…]+[{_CLOSERS}]*(?=\s|$)|[.!?…]+[{_CLOSERS}]+(?=[A-Z])|\n"
)
# English, German, French, Spanish and Russian forms that end in a full stop without ending a sentence
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof sr jr st vs etc e.g i.e cf fig figs no nos vol pp p ca al inc ltd co corp dept "
    "gen col lt sgt capt rev hon jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri "
    "sat sun u.s u.k u.n a.m p.m ph.d b.c a.d "
    "z.b d.h u.a bzw usw ggf inkl exkl nr abs art str tel geb evtl vgl sog allg mio mrd o.ä u.ä i.d.r zzgl "
    "m mme mlle env av bd sra dra ud uds т.е т.д т.п г гг ул им см рис стр тыс млн млрд др".split()
)
_LAST_WORD = re.compile(r"([^\s(\[{“\"'«]+)$")
_NEXT_LOWER = re.compile(r"\s*[a-zà-öø-ÿа-я]")
_ORDINAL = re.compile(r"^\d{1,2}$")
_NEXT_WORD = re.compile(r"\s*([^\W\d_]+)")
_MONTHS = frozenset(
    "januar februar märz april mai juni juli august september oktober november dezember "
    "quartal jahrhundert".split()
)


def _continues(text: str, start: int, match: re.Match[str]) -> bool:
    """Does the full stop at ``match`` belong to an abbreviation, an initial or an ordinal?"""
    mark = match.group()
    if mark == "\n":
        return False
    # "... 5 p.m. on Monday", "'Really?' she asked"
    if mark[0] in ".!?…" and _NEXT_LOWER.match(text, match.end()):
        return True
    if mark[0] != "." or mark.startswith(".."):
        return False
    before = _LAST_WORD.search(text, start, match.start())
    if before is None:
        return False
    word = before.group(1)
    if word.lower() in _ABBREVIATIONS:
        return True
    if len(word) == 1 and word.isalpha():  # initials, "z. B."
        return True
    if _ORDINAL.match(word):
        # "2. Antrag" at the start of a line numbers it; "am 3. Oktober" is a date
        after = _NEXT_WORD.match(text, match.end())
        alone = before.start() == start
        return alone or (after is not None and after.group(1).lower() in _MONTHS)
    return False


def sentences(text: str) -> list[Span]:
    """Spans of the sentences of ``text`` in order, blanks trimmed, never crossing a line end; nothing but
    blanks is left out.
    """
    spans: list[Span] = []
    start = 0
    for match in _BOUNDARY.finditer(text):
        if match.end() <= start or _continues(text, _skip(text, start), match):
            continue
        _add(spans, text, start, match.end())
        start = match.end()
    _add(spans, text, start, len(text))
    return spans


def _skip(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _add(spans: list[Span], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    stripped = piece.strip()
    if not stripped:
        return
    begin = start + len(piece) - len(piece.lstrip())
    spans.append((begin, begin + len(stripped)))
