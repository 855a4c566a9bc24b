"""PDF files with a text layer -> blocks with page numbers, read with pdfium.

pdfium gives characters in reading order with their places; paragraphs are put together again from lines by
their distance, indent and length. Not here yet: tables as tables, and OCR for pages that are pictures.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pypdfium2

from ingest.parse_blocks import Block, Parsed, crowned, join_lists
from ingest.parse_headings import heading_of, is_list_item, width
from ingest.parse_lines import join
from ingest.parse_pdf_lines import Line, page_lines
from ingest.parse_pdf_table import parted
from rag.errors import UnreadableFileError

__all__ = ["parse_pdf"]

_JUNK_TITLE = re.compile(
    r"untitled|microsoft |\(?(anonymous|unspecified|unknown)\)?$"
    r"|.*\.(docx?|pdf|pptx?|xlsx?|indd|tex|rtf|odt)$",
    re.IGNORECASE,
)
_ENDED = re.compile(r"[。！？.!?:：；;][\"'”’」』）)]*$")
_NO_HEADING = re.compile(r"[。！？!?；;,，、.]$")
_DIGITS = re.compile(r"\d+")
_LETTER = re.compile(r"[^\W\d_]")
_CONTINUES = re.compile(r"[a-zà-öø-ÿ\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_pdfium: Any = pypdfium2  # it has no types
_UNUSABLE = re.compile("[\ufffd\ue000-\uf8ff]")
_TAIL = 1 << 16
# Ranks below those of headings that are set in larger type
_BY_WORDS, _BY_WEIGHT = 10, 20


def parse_pdf(data: bytes, name: str) -> Parsed:
    """Text layer of a PDF. Raises UnreadableFileError when there is none, when it is protected, damaged or
    cut short.
    """
    if b"%%EOF" not in data[-_TAIL:]:
        raise UnreadableFileError("the PDF is damaged: its end is missing")
    try:
        document = _pdfium.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "assword" in str(error):
            raise UnreadableFileError("the PDF is protected by a password") from error
        raise UnreadableFileError("the PDF is damaged") from error
    try:
        pages = [page_lines(document, number) for number in range(len(document))]
        title = str(document.get_metadata_dict().get("Title", "")).strip()
    finally:
        document.close()
    lines = [line for page in _without_margins(pages) for line in page]
    letters = "".join(line.text for line in lines)
    if not letters:
        raise UnreadableFileError("the PDF has no text layer (scanned pages?); OCR is not there yet")
    if len(_UNUSABLE.findall(letters)) > 0.3 * len(letters):
        raise UnreadableFileError(
            "the PDF's text layer is unusable (its fonts name no characters); OCR is not there yet"
        )
    return Parsed("" if _JUNK_TITLE.match(title) else title, tuple(_blocks(lines)), "application/pdf")


def _without_margins(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Pages without running heads and feet: first and last lines that recur, numbers aside, on most pages."""
    filled = [page for page in pages if page]
    seen = Counter(
        key for page in filled for key in {_DIGITS.sub("#", line.text) for line in (*page[:2], *page[-2:])}
    )
    often = {key for key, count in seen.items() if count >= 3 and count >= 0.5 * len(filled)}

    def kept(page: Sequence[Line]) -> list[Line]:
        edge = set(range(min(2, len(page)))) | set(range(max(0, len(page) - 2), len(page)))
        return [
            line
            for i, line in enumerate(page)
            if i not in edge or (_DIGITS.sub("#", line.text) not in often and not line.text.isdigit())
        ]

    return [kept(page) for page in pages]


def _blocks(lines: Sequence[Line]) -> list[Block]:
    sizes = Counter[float]()
    for line in lines:
        sizes[line.size] += len(line.text)
    body = sizes.most_common(1)[0][0]
    body_bold = sum(len(line.text) for line in lines if line.bold) * 2 > sum(sizes.values())
    ranks: dict[float, int] = {}
    for size in sorted((size for size in sizes if size >= 1.12 * body), reverse=True):
        last = min(ranks, default=0.0)
        # sizes that the eye cannot tell apart are of one rank
        ranks[size] = ranks[last] if last and size > 0.95 * last else 1 + len(set(ranks.values()))
    margins = _margins(lines)
    blocks: list[Block] = []
    for part in parted(lines):
        tables = [item for item in part if isinstance(item, Block)]
        blocks += tables
        for group in _groups([item for item in part if isinstance(item, Line)], margins):
            blocks += _group_blocks(group, ranks, body_bold, margins)
    return crowned(join_lists(_across_pages(blocks)))


def _margins(lines: Sequence[Line]) -> dict[Line, float]:
    """For each line the right edge of its column: the farthest that lines of the same left edge reach on its
    page.
    """
    pages: dict[int, list[Line]] = {}
    for line in lines:
        pages.setdefault(line.page, []).append(line)
    return {
        line: max(other.right for other in page if abs(other.left - line.left) <= 3 * line.size)
        for page in pages.values()
        for line in page
    }


def _usual_gaps(lines: Sequence[Line], margins: Mapping[Line, float]) -> dict[float, float]:
    """By type size: the distance of lines within a paragraph, in units of that size.

    Taken where a line reaches the right margin, for there the next one most likely continues it.
    """
    gaps: dict[float, list[float]] = {}
    for a, b in pairwise(lines):
        if a.page == b.page and a.size == b.size and a.y - b.y > 0.5 * a.size and a.right > 0.9 * margins[a]:
            gaps.setdefault(a.size, []).append((a.y - b.y) / a.size)
    return {size: statistics.median_low(found) for size, found in gaps.items()}


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
            or before.y - line.y > (usual.get(line.size, 1.3) + 0.25) * line.size
        ):
            groups.append([])
        groups[-1].append(line)
    return groups


def _group_blocks(
    group: Sequence[Line], ranks: Mapping[float, int], body_bold: bool, margins: Mapping[Line, float]
) -> Iterator[Block]:
    page = group[0].page
    numbered = next((i for i, line in enumerate(group) if i and heading_of(line.text, alone=True)), 0)
    if numbered and group[0].size in ranks:
        # title and first numbered heading, one below the other in the same type
        yield from _group_blocks(group[:numbered], ranks, body_bold, margins)
        yield from _group_blocks(group[numbered:], ranks, body_bold, margins)
        return
    whole = _whole(group, margins)
    flat = " ".join(whole.split("\n"))
    rank = ranks.get(group[0].size)
    large = rank is not None and len(group) <= 3 and width(flat) <= 160 and _LETTER.search(flat)
    if large and not _NO_HEADING.search(flat):
        yield Block("heading", flat, rank or 1, page)
        return
    weighty = (
        group[0].bold and not body_bold and len(group) <= 2 and width(flat) <= 100 and _LETTER.search(flat)
    )
    if weighty and not _NO_HEADING.search(flat):
        rule = heading_of(flat, alone=True)
        yield Block(
            "heading", flat, _BY_WEIGHT if rule is None or rule.label else _BY_WORDS + rule.level, page
        )
        return
    pending: list[str] = []
    label, level = "", 0
    for line in whole.split("\n"):
        rule = heading_of(line, alone=len(group) == 1)
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
        indented = line.left > before.left + 0.8 * line.size and _ENDED.search(before.text)
        moved_up = line.y > before.y + line.size
        if (full or moved_up) and not indented and not is_list_item(line.text):
            head, _, tail = text.rpartition("\n")
            text = f"{head}\n{join(tail, line.text)}" if head else join(tail, line.text)
        else:
            text = f"{text}\n{line.text}"
    return text


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
        ):
            head, _, tail = last.text.rpartition("\n")
            whole = join(tail, block.text)
            out[-1] = Block(
                "text", f"{head}\n{whole}" if head else whole, last.level, last.page, label=last.label
            )
        else:
            out.append(block)
    return out
