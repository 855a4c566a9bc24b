"""HTML and Markdown -> blocks, read through unstructured."""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator, Sequence
from typing import Any

import lxml.html
import markdown
from unstructured.partition.html import partition_html

from ingest.parse_blocks import Block, Parsed, join_lists
from ingest.parse_headings import heading_of, width
from ingest.parse_text import decode
from ingest.parse_unstructured import Found, table_of
from rag.errors import UnreadableFileError

__all__ = ["html_blocks", "parse_html", "parse_md"]

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]+)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(r"<br\s*/?>\s*", re.IGNORECASE)
_FRONT = re.compile(r"---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*[\"']?(.+?)[\"']?[ \t]*$", re.MULTILINE | re.IGNORECASE)
_SPECIAL = re.compile(r"\s*(?:#|[-*+]\s|>|\||=+\s*$|-+\s*$|\d+[.)]\s|<|\[|(?: {4}|\t)\S)")
_KEY = re.compile(r"[^:：。.*]{1,24}[:：](?!//)")
_FENCE = re.compile(r"\s*(```|~~~)")
_HAN = "\u3001-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff5e"
_WRAPPED_HAN = re.compile(rf"(?<=[{_HAN}])[ \t]*\n[ \t]*(?=[{_HAN}])")
# unstructured folds a <br> into a blank; this private-use character survives it
_LINE = "\ue00a"
_TABLE = "\ue00b"
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_html: Any = lxml.html  # it has no types
_LEVEL = 10


def parse_html(data: bytes, name: str) -> Parsed:
    """A web page: its <title>, headings by their rank, tables with their header row; scripts and navigation
    left out.
    """
    text = _decode_html(data)
    title = _TITLE.search(text)
    return Parsed(html.unescape(title[1]).strip() if title else "", tuple(html_blocks(text)), "text/html")


def _decode_html(data: bytes) -> str:
    """A page that declares its encoding truly is believed; what cannot be read so is recognised by its
    characters.
    """
    declared = _CHARSET.search(data[:2048])
    if declared is not None and not data.startswith(
        (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    ):
        name = declared[1].decode("ascii").lower()
        # browsers read both as the larger set
        name = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "iso-8859-1": "cp1252"}.get(
            name, name
        )
        try:
            return data.decode(name)
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(data)[0]


def html_blocks(text: str) -> list[Block]:
    """Blocks of HTML text. Raises UnreadableFileError when it cannot be parsed."""
    text = _WRAPPED_HAN.sub("", _BREAK.sub(_LINE, _DECLARATION.sub("", text)))
    try:
        page, tables = _without_tables(text)
        found: list[Found] = partition_html(text=page, languages=[""])
        blocks = [block for element in found for block in _blocks(element, tables)]
    except Exception as error:  # lxml's and unstructured's own
        raise UnreadableFileError(f"the HTML cannot be read: {error}") from error
    return join_lists(blocks)


def _without_tables(text: str) -> tuple[str, list[str]]:
    """The page with each table of data replaced by a mark, and the tables: unstructured forgets which cells
    span rows or columns. Tables that only lay out the page (with headings or other tables inside) stay.
    """
    root = _html.document_fromstring(text)
    tables: list[str] = []
    for table in list(root.iter("table")):
        if table.find(".//table") is not None or any(table.iter("h1", "h2", "h3", "h4", "h5", "h6")):
            continue
        mark = _html.Element("p")
        mark.text = f"{_TABLE}{len(tables)}{_TABLE}"
        mark.tail, table.tail = table.tail, None
        table.getparent().replace(table, mark)
        tables.append(_html.tostring(table, encoding="unicode"))
    return str(_html.tostring(root, encoding="unicode")), tables


def _blocks(element: Found, tables: Sequence[str]) -> Iterator[Block]:
    text = element.text.replace(_LINE, "\n")
    if text.startswith(_TABLE):
        yield from table_of(tables[int(text.strip(_TABLE))].replace(_LINE, " "), None)
    elif element.category == "Table":
        markup = element.metadata.text_as_html
        yield from table_of(markup.replace(_LINE, " "), None) if markup else [Block("text", text)]
    elif element.category == "Title":
        yield Block("heading", " ".join(text.split()), 1 + (element.metadata.category_depth or 0))
    elif element.category == "ListItem":
        yield Block("list", text)
    elif element.category == "CodeSnippet":
        yield Block("text", text, verbatim=True)
    elif element.category not in ("Image", "PageBreak"):
        rule = heading_of(text, alone=False)
        if rule is None:
            yield Block("text", text)
        else:
            kind = "text" if rule.label else "heading"
            yield Block(kind, text, _LEVEL + rule.level, label=rule.label)  # type: ignore[arg-type]


def parse_md(data: bytes, name: str) -> Parsed:
    """Markdown with tables and fenced code; a title in the front matter is the document's."""
    text = decode(data)[0].replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    front = _FRONT.match(text)
    title = _FRONT_TITLE.search(front[1]) if front else None
    if front:
        text = text[front.end() :]
    try:
        marked = markdown.markdown(_broken(text), extensions=["tables", "fenced_code", "sane_lists"])
    except Exception as error:  # an extension's own
        raise UnreadableFileError(f"the Markdown cannot be read: {error}") from error
    return Parsed(title[1].strip() if title else "", tuple(html_blocks(marked)), "text/markdown")


def _broken(text: str) -> str:
    """Say which line ends are meant, where Markdown makes a blank of each: those of short lines and of "Key:
    value" stay (as hard breaks), and between wrapped Chinese or Japanese lines nothing is put.
    """
    out: list[str] = []
    fenced = False
    for line in text.split("\n"):
        fence = _FENCE.match(line) is not None
        before = out[-1] if out else ""
        running = not (fence or fenced or _SPECIAL.match(line) or _SPECIAL.match(before))
        fenced ^= fence
        if running and before.strip() and line.strip():
            if width(before.strip()) < 45 or _KEY.match(line.lstrip(" *_")):
                out[-1] = before.rstrip() + "  "
            elif _WRAPPED_HAN.search(f"{before.rstrip()[-1:]}\n{line.strip()[:1]}"):
                out[-1] = before.rstrip() + line.strip()
                continue
        out.append(line)
    return "\n".join(out)
