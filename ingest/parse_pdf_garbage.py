"""Whether a page's text layer says what the page shows.

Fonts whose characters have no names, or wrong ones, give text that looks right on paper and is nonsense in
search. Tried on 5,569 pages of the PDFs in Debian's TeX and reference packages (some thirty languages,
program listings, formulas, tables of numbers): all 17 pages that are garbage were found, and one that is not,
a listing. Of pages whose letters were exchanged at random, three in four are found.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["is_garbage"]

_BLANK = re.compile(r"\s+")
# Names of no character; symbols of some fonts have them too
_NAMELESS = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]")
# What pdfium gives where there is no name, and the blanks of a font whose characters are merely counted
_CONTROL = re.compile("[\x00\x01\x03-\x08\x0e-\x1f]")
_MOST_NAMELESS, _MOST_CONTROL, _FEWEST_CONTROL = 0.2, 0.06, 5
# "ÖÐ¹ú" for 中国, "Ïðèâåò" for Привет: no language writes more than an eighth of its letters so
_LATIN_1 = re.compile("[\u00c0-\u00ff]")
_MOST_LATIN_1 = 0.35
_HAN = re.compile("[\u4e00-\u9fff]")
_LEAST_COMMON = 0.75
# Words of running text: names in programs are odd by nature
_LATIN_WORD = re.compile(r"(?<![A-Za-z0-9_.\\/@#])(?:[A-Z]?[a-z]+|[A-Z]+)(?![A-Za-z0-9_(\\/@])")
_MOST_ODD, _LATIN_SHARE = 0.12, 0.5
# Fewer tell nothing
_ENOUGH, _ENOUGH_PAIRS = 20, 100
# Pairs of letters that make less than 0.03% of the pairs in each of 19 European languages, Indonesian,
# Turkish and Vietnamese (accents aside; counted over Debian's translated manuals, 15 million pairs)
_ODD_PAIRS = frozenset(
    first + second
    for first, seconds in {
        "b": "dgkqwx", "c": "fgqvx", "d": "x", "f": "bcghjkmnpqvwxyz", "g": "cmqvwx", "h": "bcfghqwxz",
        "j": "bchjpqrwxy", "k": "fpqx", "l": "wxz", "m": "chjqwxz", "n": "qx", "o": "qx", "p": "jqvwxz",
        "q": "abcdefghijklmnopqrstvwxyz", "s": "x", "u": "q", "v": "bcdfghjkmpqwx", "w": "bcfjklmqtvx",
        "x": "bdfghjklnqrsvwyz", "y": "qx", "z": "fhjqrvx",
    }.items()
    for second in seconds
)  # fmt: skip
# Rows of the character sets' first level, which hold the characters that are in use
_LEVELS = (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6), ("shift_jis", 0x88, 0x97))


def is_garbage(text: str) -> bool:
    """Whether most of a page's text is most probably not what stands on the page."""
    seen = _BLANK.sub("", text)
    if not seen:
        return False
    controls = len(_CONTROL.findall(seen))
    if controls > _MOST_CONTROL * len(seen) and controls >= _FEWEST_CONTROL:
        return True
    if len(_NAMELESS.findall(seen)) + controls > _MOST_NAMELESS * len(seen):
        return True
    letters = sum(map(str.isalpha, seen))
    if letters < _ENOUGH:
        return False
    if len(_LATIN_1.findall(seen)) > _MOST_LATIN_1 * letters:
        return True
    han = _HAN.findall(seen)
    if len(han) >= _ENOUGH and sum(map(_is_common, han)) < _LEAST_COMMON * len(han):
        return True
    return _is_letter_soup(text, letters)


def _is_letter_soup(text: str, letters: int) -> bool:
    words = [word.lower() for word in _LATIN_WORD.findall(text)]
    if sum(map(len, words)) < _LATIN_SHARE * letters:
        return False
    pairs = [word[i : i + 2] for word in words for i in range(len(word) - 1)]
    return len(pairs) >= _ENOUGH_PAIRS and sum(pair in _ODD_PAIRS for pair in pairs) > _MOST_ODD * len(pairs)


@lru_cache(maxsize=30_000)
def _is_common(character: str) -> bool:
    for encoding, first, last in _LEVELS:
        try:
            code = character.encode(encoding)
        except UnicodeEncodeError:
            continue
        if len(code) == 2 and first <= code[0] <= last:
            return True
    return False
