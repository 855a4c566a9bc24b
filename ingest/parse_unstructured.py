"""unstructured, tamed: offline, without telemetry, and without its guesses about which words make a title.

As it comes, the first HTML or text partition downloads a spaCy model and fails without a network; short
paragraphs are declared titles by English rules; and paragraphs of one character ("是") are dropped. All three
sit behind private names, replaced here and nowhere else. :func:`tame` raises when one of them is gone, and a
test calls it, so that a new version of the library cannot bring the old behaviour back unnoticed.

Import this module only where a document is parsed: loading unstructured takes about two seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import lxml.html
from lxml import etree

# must be set before the first import of unstructured
os.environ.update(DO_NOT_TRACK="1", SCARF_NO_ANALYTICS="true", UNSTRUCTURED_DISABLE_NOTICE="1")
if "torch" not in sys.modules:
    # spaCy's array library imports torch if it can: two seconds and 180 MB that parsing has no use for
    sys.modules["torch"] = None  # type: ignore[assignment]

import spacy
import unstructured.nlp.tokenize
import unstructured.partition.docx
import unstructured.partition.html.parser
import unstructured.partition.pptx
from unstructured.documents.elements import Element as Found
from unstructured.documents.elements import ListItem, Text

from ingest.parse_blocks import Block
from ingest.parse_rows import table_blocks

if sys.modules.get("torch") is None:
    del sys.modules["torch"]

__all__ = ["REPLACED", "Found", "Tree", "html_elements", "html_root", "table_of", "table_rows", "tame"]

Tree = Any  # an lxml element: it has no types
_lxml_html: Any = lxml.html
_parser: Any = unstructured.partition.html.parser
_PARTED = ("p", "div", "li", "dt", "dd", "br", "tr", "td", "th", "pre")
# (module, private or imported name): what tame() replaces
REPLACED: tuple[tuple[ModuleType, str], ...] = (
    (unstructured.nlp.tokenize, "_load_spacy_model"),
    (unstructured.partition.docx, "is_possible_narrative_text"),
    (unstructured.partition.pptx, "is_possible_narrative_text"),
    (unstructured.partition.pptx, "is_possible_title"),
    (unstructured.partition.html.parser, "derive_element_type_from_text"),
)
# It leaves these out as mere decoration; in manuals they hold answers to questions, captions and programs
_KEPT = {"details": "div", "summary": "p", "figure": "div", "figcaption": "p", "form": "div"}


def _blank_model(*_: object, **__: object) -> Any:  # noqa: ANN401 - a spaCy Language
    model = spacy.blank("xx")
    model.add_pipe("sentencizer")
    return model


def _never(*_: object, **__: object) -> bool:
    return False


def _plain(text: str) -> type[Text]:
    return ListItem if _is_bulleted(text) else Text


_is_bulleted: Callable[[str], bool] = vars(unstructured.partition.html.parser)["is_bulleted_text"]
_REPLACEMENTS: dict[str, Callable[..., object]] = {
    "_load_spacy_model": _blank_model,
    "is_possible_narrative_text": _never,
    "is_possible_title": _never,
    "derive_element_type_from_text": _plain,
}


def tame() -> None:
    """Replace the private names, and have the tags of _KEPT read. Raises RuntimeError naming the private name
    that this version of unstructured no longer has.
    """
    for module, name in REPLACED:
        if not hasattr(module, name):
            raise RuntimeError(
                f"unstructured has no {module.__name__}.{name} any more: adapt ingest/parse_unstructured.py"
            )
        setattr(module, name, _REPLACEMENTS[name])
    classes = _parser.element_class_lookup.get_namespace(None)
    for tag, like in _KEPT.items():
        classes[tag] = classes[like]


tame()


def html_root(text: str) -> Tree:
    """The tree that unstructured walks, without scripts and styles. Raises lxml's errors, ValueError when
    nothing is in it, and RecursionError when it is nested so deeply that libxml2 leaves out what is inside.
    """
    try:
        root = etree.fromstring(text, _parser.html_parser)
    except ValueError:  # a declaration of an encoding, in text that is decoded already
        root = etree.fromstring(text.encode("utf-8"), _parser.html_parser)
    if root is None:
        raise ValueError("there is nothing in it")
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in _parser.html_parser.error_log):
        raise RecursionError
    if "katex" in text:
        _parser.Math._normalize_katex(root)
    etree.strip_elements(root, "del", "link", "meta", "noscript", "script", "style", with_tail=False)
    return root


def html_elements(root: Tree) -> Iterator[Found]:
    """Elements below a node of such a tree, in reading order.

    What partition_html() adds to that (a hash, language and a copy of the metadata for each element) takes a
    third of its time and is not used here.
    """
    return iter(root.iter_elements())


def _cells(row: Tree) -> Iterator[tuple[str, int, int, bool]]:
    for cell in row.iterchildren("td", "th"):
        for inner in cell.iter(*_PARTED):
            # "<p>one</p><p>two</p>" are two words
            inner.tail = f" {inner.tail or ''}"
        text = " ".join("".join(cell.itertext()).split())
        spans = [
            int(cell.get(name, "1")) if cell.get(name, "1").isdigit() else 1
            for name in ("colspan", "rowspan")
        ]
        yield text, min(spans[0], 100), min(spans[1], 1000), cell.tag == "th"


def table_of(markup: str, page: int | None) -> list[Block]:
    """Blocks of an HTML table. A cell that spans rows counts for each of them; one that spans columns, for
    the first.
    """
    return table_rows(_lxml_html.fragment_fromstring(markup, create_parent="div"), page)


def table_rows(table: Tree, page: int | None = None) -> list[Block]:
    """The same, of a table that is parsed already."""
    rows: list[list[str]] = []
    pending: dict[int, tuple[int, str]] = {}
    named: bool | None = None
    for tr in table.iter("tr"):
        row: list[str] = []
        titles = []
        for text, across, down, th in _cells(tr):
            _carry(row, pending)
            if down > 1:
                pending[len(row)] = (down - 1, text)
            row += [text] + [""] * (across - 1)
            titles.append(th)
        _carry(row, pending)
        if not rows and titles and all(titles):
            named = True
        rows.append(row)
    return table_blocks(rows, page, named)


def _carry(row: list[str], pending: dict[int, tuple[int, str]]) -> None:
    """Fill the next columns that a cell of an earlier row still covers."""
    while len(row) in pending:
        column = len(row)
        left, text = pending.pop(column)
        if left > 1:
            pending[column] = (left - 1, text)
        row.append(text)
