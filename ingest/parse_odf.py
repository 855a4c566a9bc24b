"""OpenDocument (odt, ods, odp, and the same as one XML file) -> blocks, from its XML
(OASIS Open Document Format 1.3, part 3).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from lxml import etree

from ingest.parse_blocks import Block, Parsed, crowned, join_lists
from ingest.parse_headings import heading_of
from ingest.parse_rows import Row, table_blocks
from ingest.parse_xml import Tree, read_xml
from rag.errors import UnreadableFileError

__all__ = ["parse_flat_odf", "parse_odf"]

_NS = {
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "draw": "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0",
    "style": "urn:oasis:names:tc:opendocument:xmlns:style:1.0",
    "presentation": "urn:oasis:names:tc:opendocument:xmlns:presentation:1.0",
    "dc": "http://purl.org/dc/elements/1.1/",
}
_OFFICE, _TEXT, _TABLE, _DRAW, _STYLE, _PRESENTATION = (
    f"{{{_NS[name]}}}" for name in ("office", "text", "table", "draw", "style", "presentation")
)
_MIME = "application/vnd.oasis.opendocument."
# A sheet's empty rest is written as one cell that is repeated to its edge
_MOST_COLUMNS, _MOST_ROWS = 1000, 100_000
# Change marks and notes to the editor: not what the document says
_SKIPPED = frozenset({f"{_TEXT}tracked-changes", f"{_OFFICE}annotation", f"{_TEXT}sequence-decls"})
_SPACES = {f"{_TEXT}tab": "\t", f"{_TEXT}line-break": "\n"}


def parse_odf(data: bytes, name: str) -> Parsed:
    """A text, spreadsheet or presentation in its zip archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            manifest = archive.read("META-INF/manifest.xml")
            if b"encryption-data" in manifest:
                raise UnreadableFileError("the document is protected by a password")
            content = read_xml(archive.read("content.xml"))
            meta = read_xml(archive.read("meta.xml")) if "meta.xml" in archive.namelist() else None
    except KeyError as error:
        raise UnreadableFileError("the OpenDocument file is damaged: a part of it is missing") from error
    return _parsed(content, meta)


def parse_flat_odf(data: bytes, name: str) -> Parsed:
    """The same in one XML file (fodt, fods, fodp)."""
    content = read_xml(data)
    return _parsed(content, content)


def _parsed(content: Tree, meta: Tree | None) -> Parsed:
    body = content.find("office:body", _NS)
    inner = next(iter(body), None) if body is not None else None
    if inner is None:
        raise UnreadableFileError("the OpenDocument file is damaged: it has no body")
    title = (meta.findtext(".//dc:title", "", _NS) if meta is not None else "").strip()
    kind = etree.QName(inner).localname
    if kind == "presentation":
        blocks = [block for number, page in enumerate(_pages(inner), 1) for block in _slide(page, number)]
        return Parsed(title, tuple(blocks), f"{_MIME}presentation")
    if kind == "spreadsheet":
        sheets = [block for sheet in inner.findall("table:table", _NS) for block in _sheet(sheet)]
        return Parsed(title, tuple(sheets), f"{_MIME}spreadsheet")
    for style in content.iterfind(".//style:style[@style:parent-style-name='Title']", _NS):
        own = style.get(f"{_STYLE}name")
        for paragraph in inner.iterfind(f".//text:p[@text:style-name='{own}']", _NS):
            paragraph.set(f"{_TEXT}style-name", "Title")
    blocks = crowned(join_lists(list(_blocks(inner))))
    first = blocks[0] if blocks else None
    titled = first is not None and first.kind == "heading" and first.level == 0
    return Parsed(first.text if titled and first is not None else title, tuple(blocks), f"{_MIME}text")


def _text(element: Tree) -> str:
    """What is written in a paragraph; text frames that are anchored in it are blocks of their own."""
    parts = [element.text or ""]
    for child in element:
        if child.tag == f"{_TEXT}s":
            count = child.get(f"{_TEXT}c", "1")
            parts.append(" " * (min(int(count), 200) if count.isdigit() else 1))
        elif child.tag in _SPACES:
            parts.append(_SPACES[child.tag])
        elif child.tag == f"{_TEXT}note":
            note = child.find("text:note-body", _NS)
            parts.append(f" ({' '.join(map(_text, note))})" if note is not None else "")
        elif isinstance(child.tag, str) and not child.tag.startswith(_DRAW) and child.tag not in _SKIPPED:
            parts.append(_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _blocks(parent: Tree, page: int | None = None, listed: bool = False) -> Iterator[Block]:
    for element in parent:
        if not isinstance(element.tag, str) or element.tag in _SKIPPED:
            continue
        if element.tag == f"{_TEXT}h":
            level = element.get(f"{_TEXT}outline-level", "1")
            yield Block("heading", _text(element), int(level) if level.isdigit() else 1, page)
        elif element.tag == f"{_TEXT}p":
            yield _paragraph(element, page, listed)
            for box in element.iter(f"{_DRAW}text-box"):
                yield from _blocks(box, page)
        elif element.tag == f"{_TABLE}table":
            yield from table_blocks(_rows(element), page)
        elif element.tag == f"{_TEXT}list":
            yield from _blocks(element, page, listed=True)
        else:
            # sections, list items, indexes, frames
            yield from _blocks(element, page, listed)


def _paragraph(element: Tree, page: int | None, listed: bool) -> Block:
    text = _text(element)
    # a style that keeps its name in every language
    if element.get(f"{_TEXT}style-name") == "Title":
        return Block("heading", " ".join(text.split()), 0, page)
    rule = heading_of(text, alone=False)
    if rule is None or (listed and rule.label):
        return Block("list" if listed else "text", text, page=page)
    # styled headings stay above those known by their words only
    return Block("text" if rule.label else "heading", text, 10 + rule.level, page, label=rule.label)


def _rows(table: Tree) -> Iterator[Row]:
    count = 0
    for row in table.iter(f"{_TABLE}table-row"):
        if next(row.iterancestors(f"{_TABLE}table")) is not table:
            continue  # of a table inside a cell
        cells: Row = []
        for cell in row.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            shown = " ".join(_text(part) for part in cell.iter(f"{_TEXT}p", f"{_TEXT}h"))
            cells += [shown] * _repeated(cell, "columns", _MOST_COLUMNS - len(cells))
        # a sheet is filled up to its edge
        while cells and not cells[-1].strip():
            cells.pop()
        times = _repeated(row, "rows", _MOST_ROWS) if cells else 1
        for _ in range(times):
            yield cells
        count += times
        if count > 2_000_000:
            raise UnreadableFileError("a sheet repeats its rows over two million times")


def _repeated(element: Tree, of: str, most: int) -> int:
    count = element.get(f"{_TABLE}number-{of}-repeated", "1")
    return max(0, min(int(count[:9]), most)) if count.isdigit() else 1


def _sheet(table: Tree) -> list[Block]:
    """A sheet under its name; empty rows part its tables."""
    blocks: list[Block] = []
    rows: list[Row] = []
    for row in [*_rows(table), []]:
        if row:
            rows.append(row)
        elif rows:
            blocks += table_blocks(rows)
            rows = []
    name = table.get(f"{_TABLE}name", "")
    return [Block("heading", name, 1), *blocks] if blocks and name else blocks


def _pages(presentation: Tree) -> Iterator[Tree]:
    return iter(presentation.findall("draw:page", _NS))


def _slide(page: Tree, number: int) -> list[Block]:
    """The slide's title is the heading, its number the page; speaker notes follow the slide's text."""
    titles: list[str] = []
    body: list[Block] = []
    notes: list[Block] = []
    for element in page:
        if element.tag == f"{_PRESENTATION}notes":
            notes += _blocks(element, number)
        elif element.get(f"{_PRESENTATION}class") == "title":
            titles.append(" ".join(block.text for block in _blocks(element, number)))
        elif isinstance(element.tag, str):
            body += _blocks(element, number, listed=element.find(".//table:table", _NS) is None)
    heading = " ".join(" ".join(titles).split()) or f"{number}"
    notes = [block for block in notes if not block.text.strip().isdigit()]
    return [Block("heading", heading, 1, number), *join_lists(body), *notes]
