"""What a crawler reads in pages and sitemaps: links, and what the page wishes."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import lxml.etree
import lxml.html
from w3lib.encoding import resolve_encoding

from rag.errors import TooLargeError, UnreadableFileError

__all__ = ["Page", "SitemapEntry", "read_page", "read_sitemap", "seconds_of", "to_utf8"]

_html: Any = lxml.html  # neither has types
_etree: Any = lxml.etree
_MAX_HTML = 10_000_000
_MAX_LINKS = 5000
# https://www.sitemaps.org/protocol.html allows 50 MB and 50,000 addresses
_MAX_SITEMAP = 52_428_800
_MAX_ENTRIES = 50_000
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Page:
    """Links that may be followed, as they are written, from ``base`` on; whether the page may be kept; its
    own word on its canonical address.
    """

    links: tuple[str, ...] = ()
    index: bool = True
    canonical: str = ""
    base: str = ""


@dataclass(frozen=True, slots=True)
class SitemapEntry:
    """An address that a sitemap names. ``nested``: it is another sitemap."""

    url: str
    modified: str = ""
    nested: bool = False


def to_utf8(body: bytes, charset: str) -> bytes:
    """Text whose response names its charset, in UTF-8 with a mark, so that no parser needs to guess.

    The response's word stands above the page's own, a mark at the beginning above both (WHATWG encoding).
    What is not text in that charset is left as it came.
    """
    name = resolve_encoding(charset) if charset else None
    if name is None or body.startswith(_BOMS):
        return body
    try:
        return b"\xef\xbb\xbf" + body.decode(name).encode("utf-8")
    except (UnicodeDecodeError, LookupError):
        return body


def read_page(body: bytes, robots_header: str, agent: str) -> Page:
    """The links and wishes of an HTML page; an unreadable one has none."""
    index, follow = _wishes(robots_header.split(","))
    parser = _html.HTMLParser(encoding="utf-8" if body.startswith(_BOMS[0]) else None)
    try:
        tree = _html.document_fromstring(body[:_MAX_HTML], parser=parser)
    except (_etree.LxmlError, ValueError, AssertionError):
        return Page(index=index)
    links: dict[str, None] = {}
    base = canonical = ""
    for element in tree.iter("base", "meta", "link", "a", "area", "frame", "iframe"):
        relation = (element.get("rel") or "").lower().split()
        target = element.get("href") or element.get("src") or ""
        if element.tag == "base":
            base = base or target
        elif element.tag == "meta":
            if (element.get("name") or "").lower() in ("robots", agent.lower()):
                wishes = _wishes((element.get("content") or "").split(","))
                index, follow = index and wishes[0], follow and wishes[1]
        elif element.tag == "link":
            canonical = target if "canonical" in relation else canonical
            if {"next", "prev"} & set(relation):
                links[target] = None
        elif target and "nofollow" not in relation and len(links) < _MAX_LINKS:
            links[target] = None
    return Page(tuple(links) if follow else (), index, canonical, base)


def _wishes(words: list[str]) -> tuple[bool, bool]:
    """(may the page be kept, may its links be followed), from the words of a robots meta or header."""
    said = {word.strip().lower() for word in words}
    return not said & {"noindex", "none"}, not said & {"nofollow", "none"}


def read_sitemap(body: bytes, url: str) -> Iterator[SitemapEntry]:
    """The entries of a sitemap or an index of sitemaps: XML or one address a line, also gzipped.

    Raises UnreadableFileError, TooLargeError.
    """
    if body.startswith(b"\x1f\x8b"):
        body = _unzipped(body)
    if len(body) > _MAX_SITEMAP:
        raise TooLargeError("the sitemap is larger than 50 MB")
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        lines = body.decode("utf-8-sig", "replace").splitlines()
        yield from (SitemapEntry(line.strip()) for line in lines[:_MAX_ENTRIES] if line.strip())
        return
    try:
        events = _etree.iterparse(
            io.BytesIO(body), events=("end",), resolve_entities=False, no_network=True, load_dtd=False
        )
        for count, (_, element) in enumerate(events):
            name = _etree.QName(element).localname if isinstance(element.tag, str) else ""
            if name in ("url", "sitemap"):
                children = [child for child in element if isinstance(child.tag, str)]
                inner = {_etree.QName(child).localname: (child.text or "").strip() for child in children}
                if inner.get("loc"):
                    yield SitemapEntry(inner["loc"], inner.get("lastmod", ""), name == "sitemap")
                element.clear()
            if count > 20 * _MAX_ENTRIES:
                raise TooLargeError("the sitemap has too many entries")
    except _etree.LxmlError as error:
        reason = re.sub(r"\s+", " ", str(error))
        raise UnreadableFileError(f"the sitemap is not XML: {reason}") from error


def _unzipped(body: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(body)) as stream:
            data = stream.read(_MAX_SITEMAP + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError("the sitemap is damaged: it cannot be unpacked") from error
    return data


def seconds_of(lastmod: str) -> float | None:
    """A sitemap's W3C date in seconds since the epoch."""
    try:
        found = datetime.fromisoformat(lastmod)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
