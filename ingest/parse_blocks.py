"""What every parser returns, and how it becomes a Document with exact offsets.

A parser yields blocks in reading order; it knows nothing of offsets. Here their texts are cleaned and joined
by an empty line, and the path of headings above each is kept, so that the rule is the same for all formats.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ingest.parse_headings import heading_of
from rag.errors import UnreadableFileError
from rag.text import language
from rag.types import Document, Element, ElementKind

__all__ = ["Block", "Parsed", "Part", "clean", "crowned", "join_lists", "title_of", "to_document"]

SEPARATOR = "\n\n"
# Longer ones are cut (never in the text): title and path are repeated in front of every chunk below them
MAX_TITLE, MAX_HEADING = 120, 80
# Controls but tab and line feed; soft hyphen and zero-width marks, which break words apart for search; lone
# surrogates
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_BLANKS = re.compile("[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
# Addresses are no words of the document's language
_NO_WORDS = re.compile(r"<[^<>\s]+>|\S+@\S+|\b\w+://\S+")
_AROUND_LINE_END = re.compile(" *\n[ \n]*")


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list item or table, in reading order.

    ``level`` is a heading's rank, 1 the outermost. A text block with a ``label`` opens a section of that rank
    by itself, as an article of a Chinese regulation does ("第五条 ……"): the label joins the path of the block
    and of those below it. ``text`` of a table is one line per row, header row included, cells joined by " |
    "; ``header`` repeats that row.
    """

    kind: ElementKind
    text: str
    level: int = 0
    page: int | None = None
    header: str = ""
    label: str = ""
    verbatim: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A file inside another: a member of an archive, an attachment, a message of a mailbox.

    ``name`` is its path inside, with "/" and without anything that leads out of it; ``path`` is where it was
    unpacked, a file that is gone with the next parse. With an ``error``, one line, it could not be unpacked
    and its file is empty.
    """

    name: str
    path: Path
    error: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a parser found: the document's own title (empty when it has none), its blocks and its kind.

    Files that came out of it are ``parts``; an archive has nothing else. ``notes`` say what of it was not
    read and why, a line each.
    """

    title: str
    blocks: tuple[Block, ...]
    mime: str
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()


def clean(text: str, verbatim: bool = False) -> str:
    """One spelling of blanks, line ends and composed letters (NFC); ``verbatim`` keeps runs of blanks
    (program text).
    """
    text = _SURROGATE.sub("\ufffd", _LINE_ENDS.sub("\n", text))
    text = unicodedata.normalize("NFC", _UNWANTED.sub("", text))
    if verbatim:
        return "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))
    return _AROUND_LINE_END.sub("\n", _BLANKS.sub(" ", text)).strip()


def join_lists(blocks: Sequence[Block]) -> list[Block]:
    """Neighbouring list items of a page become one block, a line each: they belong together when they are
    chunked.
    """
    out: list[Block] = []
    for block in blocks:
        last = out[-1] if out else None
        if (
            block.kind == "list"
            and last is not None
            and last.kind == "list"
            and last.page == block.page
            and not block.label
        ):
            out[-1] = Block("list", f"{last.text}\n{block.text}", last.level, last.page, label=last.label)
        else:
            out.append(block)
    return out


def crowned(blocks: list[Block]) -> list[Block]:
    """A first heading that has equals and no number is the document's title: it stands above all others
    (level 0).
    """
    first = blocks[0] if blocks else None
    if first is None or first.kind != "heading" or heading_of(first.text, alone=True) is not None:
        return blocks
    return [replace(first, level=0), *blocks[1:]]


def _short(heading: str, longest: int = MAX_HEADING) -> str:
    flat = " ".join(heading.split())
    return flat if len(flat) <= longest else flat[: longest - 1].rstrip() + "…"


def _elements(blocks: Sequence[Block]) -> tuple[str, tuple[Element, ...]]:
    """Joined text, and one element per block that is not empty."""
    parts: list[str] = []
    elements: list[Element] = []
    above: list[tuple[int, str]] = []
    at = 0
    for block in blocks:
        # the cells of a table are clean already; the blank of an empty one must stay
        verbatim = block.verbatim or block.kind == "table"
        text = clean(block.text, verbatim)
        if not text.strip():
            continue
        opens = block.level if block.kind == "heading" or block.label else 0
        if opens:
            while above and above[-1][0] >= opens:
                above.pop()
        if block.label:
            above.append((opens, block.label))
        path = tuple(name for _, name in above)
        elements.append(
            Element(block.kind, at, at + len(text), block.page, path, clean(block.header, verbatim))
        )
        if block.kind == "heading":
            above.append((opens, _short(text)))
        parts.append(text)
        at += len(text) + len(SEPARATOR)
    return SEPARATOR.join(parts), tuple(elements)


def title_of(name: str) -> str:
    """What a document without a title of its own is called: its file's name, or its address."""
    return _short(clean(PurePosixPath(name).stem), MAX_TITLE) or name


def _own_title(parsed: Parsed, text: str, elements: Sequence[Element]) -> str:
    """The document's own title; else its first heading if it opens the document."""
    own = _short(clean(parsed.title), MAX_TITLE)
    first = next((e for e in elements if e.kind == "heading"), None)
    # a heading far below is the title of a part
    if own or first is None or first.start > 200:
        return own
    return _short(text[first.start : first.end], MAX_TITLE)


def to_document(parsed: Parsed, called: str, sha256: str, size: int) -> Document:
    """The Document of these bytes: id from their hash, language from the text; ``called`` is its title where
    it has none of its own.

    Raises UnreadableFileError when the parser found no text at all.
    """
    text, elements = _elements(parsed.blocks)
    if not text:
        raise UnreadableFileError("there is no text in it")
    own = _own_title(parsed, text, elements)
    return Document(
        id=sha256[:32],
        title=own or called,
        titled=bool(own),
        text=text,
        elements=elements,
        language=language(_NO_WORDS.sub(" ", text[:8_000])),
        mime=parsed.mime,
        sha256=sha256,
        size=size,
    )
