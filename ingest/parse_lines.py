"""Lines -> paragraphs, for formats that only know lines: plain text, mail and PDF.

A line end is either the edge of the page (join) or meant (keep). What is meant stays a line end inside the
block, so that addresses and lists of values are not run together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from ingest.parse_blocks import Block
from ingest.parse_headings import Heading, heading_of, is_list_item, width
from ingest.parse_rows import table_blocks
from rag.types import ElementKind

__all__ = ["blocks_of", "is_wrapped", "join", "unwrap"]

_HAN = (
    "\u3000-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0003134f“”‘’…—"
)
_ENDS_HAN = re.compile(rf"[{_HAN}]$")
_BEGINS_HAN = re.compile(rf"[{_HAN}]")
_HYPHENATED = re.compile(r"[^\W\d_]-$")
_DASH = re.compile(r"[\u00ad\u2010]$")
_KEY = re.compile(r"[^:：。.]{1,24}[:：](?:\s|\S)")
_NO_TITLE = re.compile(r"[。！？.!?:：；;,，、]$|[:：]\s|\s{2}")
_GAP = re.compile(r"\t+| {2,}|\u3000{2,}")
_RULE = re.compile(r"[\s\-=+|_]+")
_UNDERLINE = re.compile(r"(={3,}|-{3,}|~{3,}|\*{3,})$")
_DIVIDER = re.compile(r"[\W_]{3,}$")
_ENDED = re.compile(r"[。！？.!?:：；;][\"'”’」』）)]*$")


def join(first: str, second: str) -> str:
    """Two lines of one paragraph as running text: hyphenated words made whole, no blank between Han."""
    kept, between = _glue(first, second)
    return f"{kept}{between}{second}"


def _glue(first: str, second: str) -> tuple[str, str]:
    """The first line as it is kept, and what comes between it and the second."""
    tail = first[-40:]
    if _DASH.search(tail):
        return first[:-1], ""
    # "Reise-\nkosten" is one word; "E-\nMail" and "2024-\n25" keep their hyphen
    if _HYPHENATED.search(tail) and second[:1].islower() and len(tail.split()[-1]) > 2:
        # German "Vor- und Nachteile" keeps both
        return (first, " ") if second.split()[0] in ("und", "oder", "and", "or", "bis") else (first[:-1], "")
    if _ENDS_HAN.search(tail) and _BEGINS_HAN.match(second):
        return first, ""
    return first, " "


def is_wrapped(lines: Sequence[str]) -> bool:
    """Whether line ends are the edge of a page: most lines that another line follows at once are about
    equally long.
    """
    followed = [width(line.rstrip()) for line, after in pairwise(lines) if line.strip() and after.strip()]
    if len(followed) < 3:
        return False
    edge = sorted(followed)[int(0.9 * (len(followed) - 1))]
    if not 40 <= edge <= 160:
        return False
    return sum(edge * 0.8 <= w <= edge * 1.15 for w in followed) >= 0.6 * len(followed)


def unwrap(lines: Sequence[str], wrapped: bool) -> list[str]:
    """Lines of one block with those joined that the page's edge had parted."""
    if not lines:
        return []
    edge = max(width(line.rstrip()) for line in lines)
    # pieces of each line, put together at the end: a paragraph may have a hundred thousand of them
    out = [[lines[0].strip()]]
    for before, raw in pairwise(lines):
        line = raw.strip()
        full = width(before.rstrip()) >= 0.7 * edge if wrapped else _runs_on(before, line, edge)
        indented = raw.startswith(("\u3000\u3000", "\t")) and _ENDED.search(before.rstrip()) is not None
        meant = is_list_item(line) or _KEY.match(line) is not None or indented
        if full and not meant:
            out[-1][-1], between = _glue(out[-1][-1], line)
            out[-1] += [between, line]
        else:
            out.append([line])
    return ["".join(pieces) for pieces in out]


def _runs_on(before: str, line: str, edge: int) -> bool:
    """Too few lines to know the page's edge: join where a long line stops in the middle of a sentence."""
    if edge > 100 or width(before.rstrip()) < 60 or _ENDED.search(before.rstrip()):
        return False
    return line[:1].islower() or _BEGINS_HAN.match(line) is not None


def _groups(lines: Sequence[str]) -> list[list[str]]:
    """Runs of lines between empty ones. A line that is underlined, or stands between two rules, is a group of
    its own, marked as a heading by "# " before it.
    """
    groups: list[list[str]] = [[]]
    ruled = False
    for raw in lines:
        line = raw.rstrip()
        bare = line.strip()
        if not bare:
            groups.append([])
            ruled = False
        elif _DIVIDER.match(bare):
            underline = _UNDERLINE.match(bare)
            if len(groups[-1]) == 1 and underline and (ruled or _as_wide(bare, groups[-1][0].strip())):
                mark = "# " if underline[1][0] == "=" else "## "
                groups[-1][0] = mark + groups[-1][0].strip()
            groups.append([])
            ruled = True
        else:
            groups[-1].append(line)
    return [group for group in groups if group]


def _as_wide(rule: str, line: str) -> bool:
    return abs(width(rule) - width(line)) <= 8


def blocks_of(text: str, page: int | None = None, headings: bool = True) -> list[Block]:
    """Blocks of plain text: headings by their wording, paragraphs made whole, list items each a line of their
    block, columns set with blanks or tabs as a table.
    """
    lines = text.split("\n")
    wrapped = is_wrapped(lines)
    groups = _groups(lines)
    blocks: list[Block] = []
    for number, group in enumerate(groups):
        table = _columns(group)
        if table:
            blocks += table_blocks(table, page)
            continue
        pending: list[str] = []
        for index, line in enumerate(group):
            alone = len(group) == 1 or (index == 0 and _leads(line, group[1]))
            found = heading_of(line, alone) if headings else None
            if found is None and headings and _stands_out(groups, number):
                found = Heading(6)
            if found is None:
                pending.append(line)
                continue
            _flush(pending, wrapped, page, blocks)
            if found.label:
                pending = [line]
                blocks.append(Block("text", "", found.level, page, label=found.label))
            else:
                blocks.append(Block("heading", line.strip().lstrip("#").strip(), found.level, page))
        _flush(pending, wrapped, page, blocks)
    return _labelled(blocks)


def _leads(line: str, following: str) -> bool:
    """Whether the first line of a block may head the lines below it: short, and they are not of its kind."""
    after = following.strip()
    return width(line.strip()) <= 40 and not after[:1].islower() and heading_of(after, alone=True) is None


def _stands_out(groups: Sequence[Sequence[str]], number: int) -> bool:
    """Whether a lone short line without a full stop heads the longer block that follows it."""
    group, after = groups[number], groups[number + 1 : number + 2]
    line = group[0].strip()
    if number == 0 or len(group) > 1 or not after or width(line) > 50 or is_list_item(line):
        return False
    longer = len(after[0]) > 1 or width(after[0][0].strip()) > 60
    return longer and _NO_TITLE.search(line) is None and line[:1].isalpha() and not line[:1].islower()


def _columns(group: Sequence[str]) -> list[list[str]]:
    """Rows of a table that is set with tabs or runs of blanks; empty when lines do not stand in columns."""
    rows = [_GAP.split(line.strip()) for line in group if not _RULE.fullmatch(line)]
    if len(rows) < 2 or len(rows[0]) < 3 or is_list_item(group[0].strip()):
        return []
    # a last cell may be empty
    return rows if all(len(rows[0]) - 1 <= len(row) <= len(rows[0]) for row in rows) else []


def _flush(pending: list[str], wrapped: bool, page: int | None, blocks: list[Block]) -> None:
    lines = unwrap(pending, wrapped)
    pending.clear()
    if not lines:
        return
    # in a file of one line per paragraph, each ended line is a paragraph of its own
    if all(_ENDED.search(line) for line in lines[:-1]) and not any(is_list_item(line) for line in lines):
        blocks.extend(Block("text", line, page=page) for line in lines)
        return
    kind: ElementKind = "list" if sum(map(is_list_item, lines)) * 2 > len(lines) else "text"
    blocks.append(Block(kind, "\n".join(lines), page=page))


def _labelled(blocks: list[Block]) -> list[Block]:
    """Put the label of an article on the paragraph that follows it."""
    out: list[Block] = []
    label: Block | None = None
    for block in blocks:
        if block.label and not block.text:
            label = block
        elif label is not None:
            out.append(Block(block.kind, block.text, label.level, block.page, label=label.label))
            label = None
        else:
            out.append(block)
    return out
