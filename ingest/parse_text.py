"""Bytes -> text -> blocks, for files that say nothing about their encoding.

A wrong guess gives mojibake that no search finds, so Chinese, Japanese and Korean encodings are recognised by
how often their commonest characters occur before a general detector is asked: on short GB18030 texts that one
often answers Big5 or worse.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from charset_normalizer import from_bytes

from ingest.parse_blocks import Block, Parsed
from ingest.parse_headings import width
from ingest.parse_lines import blocks_of
from rag.errors import UnreadableFileError

__all__ = ["decode", "east_asian", "parse_text"]

_SAMPLE = 1 << 18
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8_RUN = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# Lead bytes of the frequent half of each character set (level 1: kana, common Han, Hangul) and of its
# punctuation
_COMMON: tuple[tuple[str, Callable[[int, int], bool]], ...] = (
    ("gb18030", lambda a, b: (0xB0 <= a <= 0xD7 or a in (0xA1, 0xA3)) and b >= 0xA1),
    ("cp932", lambda a, b: a in (0x81, 0x82, 0x83) or 0x88 <= a <= 0x97),
    ("euc_jp", lambda a, b: (a in (0xA1, 0xA4, 0xA5) or 0xB0 <= a <= 0xCF) and b >= 0xA1),
    ("big5", lambda a, b: 0xA4 <= a <= 0xC6 or a == 0xA1),
    ("cp949", lambda a, b: (0xB0 <= a <= 0xC8 or a == 0xA1) and b >= 0xA1),
)
_SPACED = re.compile(rb"[\xa1-\xfe]{2} (?=[\xa1-\xfe]{2})")
_KANA = {"cp932": (0x82, 0x83), "euc_jp": (0xA4, 0xA5)}
_NO_TITLE = re.compile(r"[。！？.!?:：；;,，、]$|[:：]\s")
_SINGLE_BYTE = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "koi8_r", "latin_1"]


def decode(data: bytes) -> tuple[str, str]:
    """Text and the name of the encoding that it was in. Raises UnreadableFileError when the bytes are no
    text.

    Bytes that do not fit (a broken character in otherwise good UTF-8) become U+FFFD.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _checked(data.decode(encoding, "replace")), encoding
    wide = _utf16_without_bom(data[:_SAMPLE])
    if wide:
        return _checked(data.decode(wide, "replace")), wide
    try:
        return _checked(data.decode("utf-8")), "utf-8"
    except UnicodeDecodeError:
        encoding = _guess(data)
        return _checked(data.decode(encoding, "replace")), encoding


def _checked(text: str) -> str:
    sample = text[:_SAMPLE]
    bad = sum((c < " " and c not in "\t\n\r\f\x0b\x1b") or c == "\x7f" for c in sample)
    if bad > 0.02 * len(sample):
        raise UnreadableFileError("this is binary data, not text")
    return text


def _utf16_without_bom(sample: bytes) -> str:
    """Latin text in UTF-16 has a zero in every other byte; Han text has its line ends and blanks so."""
    if len(sample) < 4 or 0 not in sample:
        return ""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) / 2
    if max(even, odd) < 0.02 * half or min(even, odd) > 0.05 * max(even, odd):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _guess(data: bytes) -> str:
    sample = data[:_SAMPLE]
    good = len(_UTF8_RUN.findall(sample))
    if good:
        broken = sample.decode("utf-8", "replace").count("\ufffd")
        if good >= 3 * broken:
            return "utf-8"
    east = "" if _is_accented(sample) else east_asian(sample)
    if east:
        return east
    best = from_bytes(sample, cp_isolation=_SINGLE_BYTE).best()
    return best.encoding if best is not None else "cp1252"


def _is_accented(sample: bytes) -> bool:
    """Accented Latin letters stand alone among ASCII; Han characters come in runs."""
    high = sum(byte >= 0x80 for byte in sample)
    runs = len(re.findall(rb"[\x80-\xff][\x30-\xff]", sample))
    alone = len(re.findall(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", sample))
    return alone > 0.3 * high and runs < 4 * alone


def east_asian(sample: bytes) -> str:
    """The East Asian encoding whose characters these are, or "" when it reads as none of them."""
    scores: list[tuple[float, str]] = []
    for encoding, common in _COMMON:
        pairs = _pairs(sample, encoding)
        if not pairs:
            continue
        share = sum(common(a, b) for a, b in pairs) / len(pairs)
        kana = sum(a in _KANA.get(encoding, ()) for a, _ in pairs) / len(pairs)
        # Japanese is never written without kana, and Chinese never mostly with them
        if encoding in _KANA and kana < 0.1:
            continue
        # the bytes of Hangul are those of frequent Han too, but only Korean parts its words with blanks
        spaced = encoding == "cp949" and share >= 0.95 and _SPACED.subn(b"", sample)[1] > 0.1 * len(pairs)
        if share >= 0.85:
            scores.append((share + (0.1 if kana >= 0.3 or spaced else 0.0), encoding))
    if not scores:
        return ""
    # at equal shares the first of _COMMON wins: simplified Chinese
    return max(scores, key=lambda item: item[0])[1]


def _pairs(sample: bytes, encoding: str) -> list[tuple[int, int]]:
    """Two-byte characters of the sample; empty when it is not valid in that encoding (a cut last character
    aside).
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        text = decoder.decode(sample)
    except UnicodeDecodeError:
        return []
    pairs: list[tuple[int, int]] = []
    for character in text:
        if character > "\x7f":
            raw = character.encode(encoding, "replace")
            if len(raw) == 2:
                pairs.append((raw[0], raw[1]))
            elif encoding == "cp932":
                pairs.append((0, 0))  # half-width kana: rare, and what Latin-1 text turns into
            else:
                pairs.append((0xFF, 0xFF))
    return pairs


def parse_text(data: bytes, name: str) -> Parsed:
    """Plain text. A first line that stands alone and is no sentence is the title."""
    text, _ = decode(data)
    blocks = blocks_of(text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n"))
    return Parsed("", tuple(_titled(blocks)), "text/plain")


def _titled(blocks: list[Block]) -> list[Block]:
    """A short first line that stands alone and is no sentence is the heading above all others."""
    if len(blocks) < 2 or blocks[0].kind != "text" or blocks[0].label:
        return blocks
    line = blocks[0].text
    if "\n" in line or width(line) > 80 or _NO_TITLE.search(line):
        return blocks
    return [Block("heading", line, 0), *blocks[1:]]
