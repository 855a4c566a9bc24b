"""Lines of pages -> headings, paragraphs, lists and tables. What the outline does not name is told by type
size, weight, distance, indent and length.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from ingest.parse_blocks import Block, crowned, join_lists
from ingest.parse_headings import heading_of, is_list_item, width
from ingest.parse_lines import join
from ingest.parse_pdf_lines import Line
from ingest.parse_pdf_table import parted

__all__ = ["blocks_of_lines"]

_ENDED = re.compile(r"[。！？.!?:：；;][\"'”’」』）)]*$")
_NO_HEADING = re.compile(r"[。！？!?；;,，、.]$")
_LETTER = re.compile(r"[^\W\d_]")
_CONTINUES = re.compile(r"[a-zà-öø-ÿ\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_CAPTION = re.compile(
    r"(?:table|tabelle|tableau|tabla|figure|fig\.|figura|abbildung|abb\.|listing|algorithm|[图圖図表])\s*\d+(?:[.\-–]\d+)*\b",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\[\w{1,12}\]\s")
_CUT_ADDRESS = re.compile(r"(?:https?://|www\.)\S*[./_=&?%-]$")
_HAN_AND_DIGIT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff，。、；：][0-9]|[0-9][\u3040-\u30ff\u3400-\u9fff]")
_NUMBER = re.compile(r"[\d ivxlc.\-–]+")
_SEVERAL = 3
# Ranks below those of headings that are set in larger type or named by the outline
_BY_WORDS, _BY_WEIGHT = 20, 30


def blocks_of_lines(lines: Sequence[Line]) -> list[Block]:
    """Blocks of a whole document's lines, in reading order."""
    if not lines:
        return []
    sizes = Counter[float]()
    for line in lines:
        sizes[line.size] += len(line.text)
    body = sizes.most_common(1)[0][0]
    body_bold = sum(len(line.text) for line in lines if line.bold) * 2 > sum(sizes.values())
    ranks = _ranks(lines, sizes, body)
    margins = _margins(lines)
    blocks: list[Block] = []
    for part in parted(lines):
        blocks += [item for item in part if isinstance(item, Block)]
        for group in _groups([item for item in part if isinstance(item, Line)], margins):
            blocks += _group_blocks(group, ranks, body_bold, margins)
    return crowned(join_lists(_across_pages(blocks)))


def _ranks(lines: Sequence[Line], sizes: Mapping[float, int], body: float) -> dict[float, int]:
    """Type sizes of headings, and their ranks: those of the outline's headings of that size where there are
    any.
    """
    known: dict[int, list[float]] = {}
    for line in lines:
        if line.level:
            known.setdefault(line.level, []).append(line.size)
    typical = {level: statistics.median(found) for level, found in known.items()}
    ranks: dict[float, int] = {}
    for size in sorted((size for size in sizes if size >= 1.12 * body), reverse=True):
        last = min(ranks, default=0.0)
        same = [level for level, known_size in typical.items() if abs(known_size - size) <= 0.03 * size]
        if typical:
            larger = [level for level, known_size in typical.items() if known_size > size]
            ranks[size] = min(same) if same else 1 + max(larger, default=0)
        else:
            # sizes that the eye cannot tell apart are of one rank
            ranks[size] = ranks[last] if last and size > 0.95 * last else 1 + len(set(ranks.values()))
    return ranks


def _margins(lines: Sequence[Line]) -> dict[Line, float]:
    """For each line the right edge of its column: the farthest that two lines of about the same left edge
    reach on its page, because a single one may overrun it.
    """
    rights: dict[int, dict[int, list[float]]] = {}
    for line in lines:
        rights.setdefault(line.page, {}).setdefault(round(line.left), []).append(line.right)
    for page in rights.values():
        for left, found in page.items():
            page[left] = sorted(found, reverse=True)[:3]
    margins = {}
    for line in lines:
        near = [
            right
            for left, found in rights[line.page].items()
            if abs(left - line.left) <= 3 * line.size + 0.5
            for right in found
        ]
        near.sort(reverse=True)
        pairs = (a for a, b in pairwise(near) if a - b < line.size)
        margins[line] = next(pairs, near[0])
    return margins


def _usual_gaps(lines: Sequence[Line], margins: Mapping[Line, float]) -> dict[float, float]:
    """By type size: the distance of lines within a paragraph, in units of that size.

    Taken where both lines fill their column, for those are most likely of one paragraph; else where the first
    does.
    """
    sure: dict[float, list[float]] = {}
    likely: dict[float, list[float]] = {}
    for a, b in pairwise(lines):
        if a.page == b.page and a.size == b.size and a.y - b.y > 0.5 * a.size and not _is_contents(a):
            gap = (a.y - b.y) / a.size
            if margins[a] - a.right < 0.1 * (margins[a] - a.left) + 0.1 * a.size:
                likely.setdefault(a.size, []).append(gap)
            if abs(a.right - b.right) < 0.3 * a.size and abs(a.left - b.left) < 0.3 * a.size:
                sure.setdefault(a.size, []).append(gap)
    usual = {size: statistics.median_low(found) for size, found in sure.items() if len(found) >= _SEVERAL}
    # few lines: distances of paragraphs are among them, and are the wider ones
    return {size: sorted(found)[len(found) // 4] for size, found in likely.items()} | usual


def _groups(lines: Sequence[Line], margins: Mapping[Line, float]) -> list[list[Line]]:
    """Runs of lines of one page and type size that stand at the usual distance."""
    usual = _usual_gaps(lines, margins)
    groups: list[list[Line]] = []
    for line in lines:
        before = groups[-1][-1] if groups else None
        if (
            before is None
            or before.page != line.page
            or abs(before.size - line.size) > 0.06 * line.size
            or before.bold != line.bold
            or before.level
            or line.level
            or _CAPTION.match(line.text)
            or (_CAPTION.match(before.text) and before.right < margins[before] - 2 * before.size)
            or before.y - line.y > (usual.get(line.size, 1.3) + 0.25) * line.size
        ):
            groups.append([])
        groups[-1].append(line)
    return groups


def _group_blocks(
    group: Sequence[Line], ranks: Mapping[float, int], body_bold: bool, margins: Mapping[Line, float]
) -> Iterator[Block]:
    first, page = group[0], group[0].page
    if first.level:
        yield Block("heading", first.text, first.level, page)
        return
    numbered = next((i for i, line in enumerate(group) if i and heading_of(line.text, alone=True)), 0)
    if numbered and first.size in ranks:
        # title and first numbered heading, one below the other in the same type
        yield from _group_blocks(group[:numbered], ranks, body_bold, margins)
        yield from _group_blocks(group[numbered:], ranks, body_bold, margins)
        return
    whole = _whole(group, margins)
    flat = " ".join(whole.split("\n"))
    if any(map(_is_contents, group)) or _CAPTION.match(flat):
        yield Block("text", whole, page=page)
        return
    short = _LETTER.search(flat) and not _NO_HEADING.search(flat)
    rank = ranks.get(first.size)
    if short and rank is not None and len(group) <= 3 and width(flat) <= 160:
        yield Block("heading", flat, rank or 1, page)
        return
    if short and first.bold and not body_bold and len(group) <= 2 and width(flat) <= 100:
        rule = heading_of(flat, alone=True)
        level = _BY_WEIGHT if rule is None or rule.label else _BY_WORDS + rule.level
        yield Block("heading", flat, level, page)
        return
    yield from _paragraphs(whole.split("\n"), page, len(group) == 1)


def _is_contents(line: Line) -> bool:
    """Whether it is a line of a table of contents: a title, a gap or dots, and a page number."""
    if len(line.cells) > 1 and _NUMBER.fullmatch(line.cells[-1].text):
        return _NUMBER.fullmatch(line.cells[0].text) is None or len(line.cells) > 2
    return "…" in line.text and _NUMBER.fullmatch(line.text.rpartition("…")[2]) is not None


def _paragraphs(lines: Sequence[str], page: int, alone: bool) -> Iterator[Block]:
    """Text, with the headings that only their words tell."""
    pending: list[str] = []
    label, level = "", 0
    for line in lines:
        # "# reboot" is a command here, not a heading of Markdown
        rule = None if line.startswith("#") else heading_of(line, alone)
        if rule is not None and pending:
            yield _text(pending, page, label, level)
            pending, label, level = [], "", 0
        if rule is None or rule.label:
            pending.append(line)
            label, level = (rule.label, _BY_WORDS + rule.level) if rule else (label, level)
        else:
            yield Block("heading", line, _BY_WORDS + rule.level, page)
    if pending:
        yield _text(pending, page, label, level)


def _text(lines: Sequence[str], page: int, label: str, level: int) -> Block:
    items = sum(map(is_list_item, lines)) * 2 > len(lines)
    return Block("list" if items else "text", "\n".join(lines), level, page, label=label)


def _whole(group: Sequence[Line], margins: Mapping[Line, float]) -> str:
    """The group's text: lines that reach the margin run on, those that stop before it end."""
    text = group[0].text
    for before, line in pairwise(group):
        right = margins[before]
        full = before.right >= right - 0.12 * (right - before.left) - 0.5 * line.size
        full = full or _had_no_room(before, line, right)
        # an item's text hangs to the right of its mark
        hangs = is_list_item(before.text) or _REFERENCE.match(before.text)
        indented = line.left > before.left + 0.8 * line.size and _ENDED.search(before.text) and not hangs
        # from one column to the next a sentence runs on
        moved_up = line.y > before.y + line.size and not _ENDED.search(before.text)
        opens = is_list_item(line.text) or _REFERENCE.match(line.text) or _is_contents(before)
        if (full or moved_up) and not indented and not opens:
            head, _, tail = text.rpartition("\n")
            close = _CUT_ADDRESS.search(tail) or _HAN_AND_DIGIT.search(tail[-1:] + line.text[:1])
            made = tail + line.text if close else join(tail, line.text)
            text = f"{head}\n{made}" if head else made
        else:
            text = f"{text}\n{line.text}"
    return text


def _had_no_room(before: Line, line: Line, right: float) -> bool:
    """Whether the first word of the line would not have fitted above; Han may be parted anywhere."""
    word = line.words[0] if line.words else None
    if word is None or word.text[0] >= "\u2e80":
        return False
    return before.right + 0.2 * line.size + word.right - word.left > right


def _cut(text: str) -> bool:
    """Whether the last line is long enough to have been cut by the page's end: a signature is not."""
    lines = text.split("\n")
    return width(lines[-1]) >= 0.6 * max(map(width, lines))


def _across_pages(blocks: Sequence[Block]) -> list[Block]:
    """A paragraph that a page's end cuts in the middle of a sentence is made whole; it belongs to the page it
    begins on.
    """
    out: list[Block] = []
    for block in blocks:
        last = out[-1] if out else None
        if (
            last is not None
            and last.kind == block.kind == "text"
            and not block.label
            and last.page != block.page
            and len(last.text) > 80
            and not _ENDED.search(last.text)
            and _CONTINUES.match(block.text)
            and _cut(last.text)
        ):
            head, _, tail = last.text.rpartition("\n")
            whole = join(tail, block.text)
            out[-1] = Block(
                "text", f"{head}\n{whole}" if head else whole, last.level, last.page, label=last.label
            )
        else:
            out.append(block)
    return out
