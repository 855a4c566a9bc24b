"""What tesseract found on a page -> lines of text with their places, type sizes and confidence."""

from __future__ import annotations

import csv
import io
import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ingest.parse_pdf_lines import Cell, Line, cells_of

__all__ = ["Read", "Word", "as_lines", "confidence", "from_tsv", "settled"]

_CJK = "\u2e80-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003134f"
_ENDS_CJK = re.compile(rf"[{_CJK}“”‘’…—·]$")
_BEGINS_CJK = re.compile(rf"[{_CJK}“”‘’…—·]")
_LETTER = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff]")
# tesseract's models of Chinese often give these marks in their narrow form
_NARROW = re.compile(rf"(?<=[{_CJK}])[,:;!?](?![\d,.])|[,:;!?](?=[{_CJK}])")
_WIDE = str.maketrans(",:;!?", "，：；！？")
_TALL, _DEEP = re.compile(r"[A-Z0-9bdfhklt!?/|()\[\]{}]"), re.compile(r"[gjpqyQ,;()\[\]{}]")
# Parts of the type size that letters reach above the line they stand on, and below it; that Han take up
_CAPITAL, _SMALL, _DEPTH, _FULL = 0.72, 0.5, 0.21, 0.92
_MARKS = ",.:;!?"
_STEP, _SLACK = 1.25, 0.35
_SEEN = re.compile(r"[^\W_]")


class Word(NamedTuple):
    """A word with its box in pixels from the top left, and tesseract's confidence, 0 to 100."""

    text: str
    left: int
    top: int
    right: int
    foot: int
    sure: float


@dataclass(frozen=True, slots=True)
class Read:
    """One line as tesseract read it."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def top(self) -> int:
        return min(word.top for word in self.words)

    @property
    def foot(self) -> int:
        return max(word.foot for word in self.words)

    @property
    def left(self) -> int:
        return min(word.left for word in self.words)

    @property
    def right(self) -> int:
        return max(word.right for word in self.words)

    def moved(self, down: int) -> Read:
        """The line on the whole page, read on a strip that begins ``down`` pixels below the page's top."""
        return Read(tuple(word._replace(top=word.top + down, foot=word.foot + down) for word in self.words))


def confidence(lines: Iterable[Read]) -> float:
    """Mean confidence of the letters, 0 when there are none."""
    weights = [(len(word.text), word.sure) for line in lines for word in line.words]
    total = sum(count for count, _ in weights)
    return sum(count * sure for count, sure in weights) / total if total else 0.0


def from_tsv(table: str) -> list[Read]:
    """Lines of tesseract's TSV output."""
    found: dict[tuple[str, str, str], list[Word]] = {}
    for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        text = (row.get("text") or "").strip()
        if row.get("level") == "5" and text:
            left, top, width, height = (int(row[name]) for name in ("left", "top", "width", "height"))
            word = Word(text, left, top, left + width, top + height, float(row["conf"]))
            found.setdefault((row["block_num"], row["par_num"], row["line_num"]), []).append(word)
    return [Read(tuple(words)) for words in found.values()]


def as_lines(read: Sequence[Read], page: int, height: int, dpi: float) -> list[Line]:
    """Lines in points, as those of a PDF, in tesseract's order, without what is no text; ``height`` is the
    picture's in pixels.
    """
    scale = 72 / dpi
    sizes = {id(line): _size(line.words) for line in read}
    lines = []
    for line in read:
        if not _SEEN.search(line.text):
            continue
        size = sizes[id(line)]
        words = tuple(
            Cell(_widened(word.text), word.left * scale, word.right * scale)
            for word in _glued(line.words, size)
        )
        foot = statistics.median(word.foot for word in line.words)
        lines.append(
            Line(
                " ".join(word.text for word in words),
                page,
                min(word.left for word in words),
                max(word.right for word in words),
                (height - foot) * scale,
                max(1.0, round(size * scale, 1)),
                False,
                words,
                cells_of(words, size * scale),
            )
        )
    return lines


def _widened(text: str) -> str:
    return _NARROW.sub(lambda match: match[0].translate(_WIDE), text)


def settled(lines: Sequence[Line]) -> list[Line]:
    """The lines of all pages with sizes that differ only where type does: heights of letters in a scan
    scatter by a tenth. Sizes near that of most text become that, others a step of a quarter.
    """
    if not lines:
        return []
    sizes = sorted(line.size for line in lines for _ in line.text)
    body = sizes[len(sizes) // 2]
    steps = [math.log(line.size / body, _STEP) for line in lines]
    # Han and Latin letters of one type differ by an eighth
    whole = [int(step + math.copysign(_SLACK, step)) for step in steps]
    return [replace(line, size=round(body * _STEP**step, 1)) for line, step in zip(lines, whole, strict=True)]


def _size(words: Sequence[Word]) -> float:
    """Type size in pixels, by the letters' heights: "acne" is half as high as "Åg" in the same type."""
    # boxes of single Han are as high as the line's; those of latin words beside them are of another font
    han = sorted((word.foot - word.top) / _FULL for word in words if _LETTER.search(word.text))
    if han:
        return han[len(han) // 3]
    sizes = []
    for word in words:
        part = _CAPITAL if _TALL.search(word.text) else _SMALL
        part += _DEPTH if _DEEP.search(word.text) else 0.0
        sizes += [(word.foot - word.top) / part] * len(word.text)
    return statistics.median(sizes)


def _glued(words: Sequence[Word], size: float) -> list[Word]:
    """Words, those joined between which nobody sets a blank: Han, and Han beside digits or near letters."""
    out: list[Word] = []
    for word in words:
        last = out[-1] if out else None
        if last is not None and _joins(last, word, size):
            out[-1] = Word(
                last.text + word.text,
                last.left,
                min(last.top, word.top),
                word.right,
                max(last.foot, word.foot),
                min(last.sure, word.sure),
            )
        else:
            out.append(word)
    return out


def _joins(before: Word, after: Word, size: float) -> bool:
    gap = after.left - before.right
    if gap > size:
        return False
    ends, begins = _ENDS_CJK.search(before.text), _BEGINS_CJK.match(after.text)
    if after.text in _MARKS:
        return True
    if (ends and begins) or (ends and after.text[0] in _MARKS) or (begins and before.text[-1] in _MARKS):
        return True
    if ends or begins:
        digit = (after.text if ends else before.text[::-1])[0].isdigit()
        return digit or gap < 0.2 * size
    return False
