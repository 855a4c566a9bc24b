"""XML -> blocks: writing (DocBook, DITA, JATS, TEI and what looks like them) as a document, data as records.

Entities are not expanded, nothing outside of the file is read, and libxml2's own limits of depth and size
hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from lxml import etree

from ingest.parse_blocks import Block, Parsed, join_lists
from ingest.parse_records import Value, record_blocks
from ingest.parse_rows import Row, table_blocks
from rag.errors import UnreadableFileError

__all__ = ["Tree", "parse_xml", "read_xml"]

Tree = Any  # an lxml element: it has no types
_MIME = "application/xml"
_TITLES = frozenset("title head heading".split())
_PARAGRAPHS = frozenset("para p simpara formalpara line l abstract".split())
_ITEMS = frozenset("listitem item li step member".split())
_VERBATIM = frozenset(
    "programlisting screen literallayout codeblock code-block pre preformat synopsis".split()
)
_TABLES = frozenset("table informaltable tgroup simpletable".split())
_ROWS = frozenset("row tr strow sthead".split())
_CELLS = frozenset("entry td th stentry cell".split())
_OMITTED = frozenset("indexterm remark script style".split())
_WRITING = _PARAGRAPHS | _VERBATIM | {"section", "chapter"}


def read_xml(data: bytes) -> Tree:
    """The root element. Raises UnreadableFileError when it is not well-formed, or made to do harm."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableFileError(f"the XML is damaged: {' '.join(str(error).split())}") from error


def parse_xml(data: bytes, name: str) -> Parsed:
    """Titles as headings, paragraphs, lists, tables and programs of a written document; else its records."""
    root = read_xml(data)
    counts = Counter(map(_name, root.iter(etree.Element)))
    if sum(counts[name] for name in _WRITING) >= 2 or _is_mixed(root):
        blocks = join_lists(list(_written(root, 1)))
        title = next((block.text for block in blocks[:1] if block.kind == "heading"), "")
        return Parsed(title, tuple(blocks), _MIME)
    value = _value(root)
    return Parsed("", tuple(record_blocks(value)), _MIME)


def _name(element: Tree) -> str:
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _is_mixed(root: Tree) -> bool:
    """Whether words stand between elements, as in writing and never in data."""
    return any((e.tail or "").strip() for e in root.iterdescendants(etree.Element))


def _flat(element: Tree) -> str:
    # a reference to an entity, which is not followed, is shown as it is written
    parts = [element.text or "" if isinstance(element.tag, str) else f"&{element.name};"]
    for child in element:
        if _name(child) not in _OMITTED:
            parts.append(_flat(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _words(element: Tree) -> str:
    return " ".join(_flat(element).split())


def _written(element: Tree, level: int) -> Iterator[Block]:
    """Blocks of an element whose title, if it has one, is a heading of rank ``level``."""
    name = _name(element)
    if name in _OMITTED:
        return
    if name in _VERBATIM:
        yield Block("text", _flat(element), verbatim=True)
    elif name in _TITLES:
        yield Block("heading", _words(element), level)
    elif name in _TABLES and any(_name(e) in _ROWS for e in element.iter()):
        yield from _table(element, level)
    elif _is_paragraph(element, name):
        yield Block("text", _words(element))
    elif name in _ITEMS:
        inner = list(_written_inside(element, level))
        if inner and inner[0].kind == "text" and not inner[0].verbatim:
            inner[0] = Block("list", inner[0].text)
        yield from inner
    else:
        yield from _written_inside(element, level)


def _is_paragraph(element: Tree, name: str) -> bool:
    """Words with at most inline elements among them; a list or a table inside is a block of its own."""
    blocks = _PARAGRAPHS | _ITEMS | _VERBATIM | _TABLES | _TITLES
    has_words = bool((element.text or "").strip()) or any((e.tail or "").strip() for e in element)
    inside = any(_name(e) in blocks for e in element.iterdescendants())
    return not inside and (name in _PARAGRAPHS or has_words)


def _written_inside(element: Tree, level: int) -> Iterator[Block]:
    """Children in order, and the words between them. What follows a title lies one rank below it."""
    if (element.text or "").strip():
        yield Block("text", " ".join(element.text.split()))
    titled = any(_name(child) in _TITLES for child in element) or any(
        _name(child) == "info" and any(_name(e) in _TITLES for e in child) for child in element
    )
    for child in element:
        own = level if _name(child) in (*_TITLES, "info") else level + titled
        yield from _written(child, own)
        if (child.tail or "").strip():
            yield Block("text", " ".join(child.tail.split()))


def _table(element: Tree, level: int) -> Iterator[Block]:
    title = next((e for e in element if _name(e) in (*_TITLES, "caption")), None)
    if title is not None:
        yield Block("text", _words(title))
    rows: list[Row] = []
    named = None
    for row in element.iter():
        if _name(row) in _ROWS:
            cells = [cell for cell in row if _name(cell) in _CELLS]
            if not rows and (_name(row.getparent()) == "thead" or all(_name(c) == "th" for c in cells)):
                named = True
            rows.append([_words(cell) for cell in cells])
    yield from table_blocks(rows, None, named)


def _value(element: Tree) -> Value:
    """Attributes and children by name, those of one name in a list; plain text where there is nothing
    else.
    """
    fields: dict[str, list[Value]] = {}
    for key, text in element.attrib.items():
        if not key.startswith("{"):
            fields.setdefault(key, []).append(text)
    for child in element:
        if isinstance(child.tag, str):
            fields.setdefault(child.tag.rpartition("}")[2], []).append(_value(child))
    text = " ".join((element.text or "").split()) + "".join(
        f"&{child.name};" for child in element if not isinstance(child.tag, str)
    )
    if not fields:
        return text
    found: dict[str, Value] = {
        key: values[0] if len(values) == 1 else values for key, values in fields.items()
    }
    return {"text": text, **found} if text else found
