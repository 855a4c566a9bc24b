"""HTML and Markdown -> blocks, read through unstructured."""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import markdown
from lxml import etree

from ingest.parse_blocks import Block, Parsed, join_lists
from ingest.parse_headings import heading_of, width
from ingest.parse_navigation import drop_navigation
from ingest.parse_text import decode
from ingest.parse_unstructured import Found, Tree, html_elements, html_root, table_of, table_rows
from rag.errors import UnreadableFileError

__all__ = ["decode_html", "html_blocks", "parse_html", "parse_md"]

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
_INLINE = """
a abbr b bdi bdo big cite code data dfn em font i kbd mark q s samp small span strike strong sub sup time tt u
var wbr
""".split()
# Where the page itself says that its content is
_CONTENT = (".//main", ".//*[@role='main']", ".//body")
_LEVEL = 10


def parse_html(data: bytes, name: str) -> Parsed:
    """A web page: its <title>, headings by their rank, tables with their header row; scripts and navigation
    left out.
    """
    text = decode_html(data)
    title = _TITLE.search(text)
    return Parsed(html.unescape(title[1]).strip() if title else "", tuple(html_blocks(text)), "text/html")


def decode_html(data: bytes) -> str:
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
    """Blocks of HTML text, without what leads around the site. Raises UnreadableFileError when it cannot be
    parsed.
    """
    text = _WRAPPED_HAN.sub("", _BREAK.sub(_LINE, _DECLARATION.sub("", text)))
    if not text.strip():
        return []
    try:
        blocks = _read(text, navigation=False)
        # a page that is nothing but a menu is still worth finding
        return join_lists(blocks or _read(text, navigation=True))
    except RecursionError:
        raise
    except Exception as error:  # lxml's and unstructured's own
        raise UnreadableFileError(f"the HTML cannot be read: {error}") from error


def _read(text: str, navigation: bool) -> list[Block]:
    root = html_root(text)
    if not navigation:
        drop_navigation(root)
    content = next((found for path in _CONTENT if (found := root.find(path)) is not None), root)
    tables = _marked_tables(content)
    # bold type, links and the like are not told apart here, and walking them took half of the time
    etree.strip_tags(content, *_INLINE)
    return [block for element in html_elements(content) for block in _blocks(element, tables)]


def _marked_tables(root: Tree) -> list[Tree]:
    """The tables of data, each replaced by a mark: unstructured forgets which cells span rows or columns.
    Tables that only lay out the page (with headings or other tables inside) stay.
    """
    tables: list[Tree] = []
    for table in list(root.iter("table")):
        inner = table.iter("table", "h1", "h2", "h3", "h4", "h5", "h6")
        if next(inner) is table and next(inner, None) is not None:
            continue
        mark = root.makeelement("p")
        mark.text = f"{_TABLE}{len(tables)}{_TABLE}"
        mark.tail, table.tail = table.tail, None
        if table is not root:
            table.getparent().replace(table, mark)
        tables.append(table)
    return tables


def _blocks(element: Found, tables: Sequence[Tree]) -> Iterator[Block]:
    text = element.text.replace(_LINE, "\n")
    if text.startswith(_TABLE):
        for block in table_rows(tables[int(text.strip(_TABLE))]):
            shown, header = block.text.replace(_LINE, " "), block.header.replace(_LINE, " ")
            yield replace(block, text=shown, header=header)
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
