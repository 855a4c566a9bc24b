"""A page of a Confluence HTML export: its content without the frame, its date, its attachments' names."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import lxml.etree
import lxml.html

from rag.errors import UnreadableFileError

__all__ = ["attachment_names", "clean_page", "modified_of", "parsed", "text_of"]

Tree = Any  # lxml has no types

_html: Any = lxml.html
_etree: Any = lxml.etree
_DATES = (
    (re.compile(r"([A-Z][a-z]{2})[a-z]* (\d{1,2}), (\d{4})"), "%b %d %Y"),
    (re.compile(r"(\d{1,2}) ([A-Z][a-z]{2})[a-z]*,? (\d{4})"), "%d %b %Y"),
    (re.compile(r"(\d{4})-(\d{2})-(\d{2})"), "%Y %m %d"),
    (re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日"), "%Y %m %d"),
    (re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})"), "%d %m %Y"),
)
_CLUTTER = frozenset({"toc-macro", "expand-control-icon", "page-metadata", "pageSection"})


def parsed(data: bytes) -> Tree:
    """The tree of an HTML file. Raises UnreadableFileError."""
    try:
        return _html.document_fromstring(data, parser=_html.HTMLParser(encoding="utf-8"))
    except (_etree.LxmlError, ValueError, AssertionError) as error:
        raise UnreadableFileError("the page cannot be read as HTML") from error


def text_of(element: Tree) -> str:
    """The text of an element in one line."""
    return " ".join(element.text_content().split())


def attachment_names(tree: Tree) -> dict[str, str]:
    """Path below the space -> name, of every attachment that a page links or shows."""
    names: dict[str, str] = {}
    for element in tree.iter("a", "img"):
        for attribute in ("href", "src", "data-image-src"):
            target = _attachment(element, attribute)
            if target:
                alias = element.get("data-linked-resource-default-alias") or element.get("alt") or ""
                names[target] = names.get(target) or text_of(element) or alias
    # in the section at the end stands the name itself, in the text perhaps "click here"
    for link in _section(tree, "attachments").iter("a"):
        target = _attachment(link, "href")
        if target and text_of(link):
            names[target] = text_of(link)
    return names


def _attachment(element: Tree, attribute: str) -> str:
    target = unquote((element.get(attribute) or "").partition("?")[0])
    return target if target.startswith("attachments/") else ""


def modified_of(tree: Tree) -> float | None:
    """When a page was last changed, in seconds since the epoch: the last date in its metadata."""
    for element in tree.find_class("page-metadata"):
        times = [time.get("datetime") or "" for time in element.iter("time")]
        for text in (text_of(element), *reversed(times)):
            for pattern, form in _DATES:
                found = pattern.findall(text)
                try:
                    if found:
                        moment = datetime.strptime(" ".join(found[-1]), form)
                        return moment.replace(tzinfo=UTC).timestamp()
                except ValueError:
                    continue
    return None


def clean_page(tree: Tree, title: str) -> bytes:
    """A page without its frame: title, content, comments. Raises UnreadableFileError."""
    content = tree.get_element_by_id("main-content", None)
    if content is None:
        content = tree.get_element_by_id("content", None)
    if content is None:
        raise UnreadableFileError("the page has no content: it is no page of a Confluence export")
    remarks = "".join(f"<p>{html.escape(text)}</p>" for text in _comments(tree))
    for element in list(content.iter()):
        if not isinstance(element.tag, str):
            continue
        classes = set((element.get("class") or "").split())
        if element.tag in ("script", "style") or classes & _CLUTTER:
            element.drop_tree()
        elif element.tag == "img" and "emoticon" in classes:
            element.tail = (element.get("alt") or "") + (element.tail or "")
            element.drop_tree()
    body = _html.tostring(content, encoding="unicode", method="html", with_tail=False)
    name = html.escape(title)
    remarks = f"<h2>Comments</h2>{remarks}" if remarks else ""
    head = f'<head><meta charset="utf-8"><title>{name}</title></head>'
    return f"<html>{head}<body><h1>{name}</h1>{body}{remarks}</body></html>".encode()


def _section(tree: Tree, name: str) -> Tree:
    """The part of a page below the heading with this id."""
    heading = tree.get_element_by_id(name, None)
    if heading is None:
        return _html.Element("div")
    found = heading.xpath("ancestor::div[contains(concat(' ', @class, ' '), ' pageSection ')][1]")
    return found[0] if found else heading.getparent()


def _comments(tree: Tree) -> Iterator[str]:
    for cell in _section(tree, "comments").iter("td"):
        text = " ".join(" ".join(cell.itertext()).split())
        if text:
            yield text
