"""Books (EPUB 2 and 3) -> blocks: the chapters in the order of the spine, each read as a web page
(https://www.w3.org/TR/epub-33/).
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote

from ingest.parse_blocks import Block, Parsed
from ingest.parse_text import decode
from ingest.parse_web import html_blocks
from ingest.parse_xml import Tree, read_xml
from rag.errors import UnreadableFileError

__all__ = ["parse_epub"]

_MIME = "application/epub+zip"
_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html")
# Fonts are often obfuscated; that does not touch the text
_FONTS = (b"http://www.idpf.org/2008/embedding", b"http://ns.adobe.com/pdf/enc#RC")


def parse_epub(data: bytes, name: str) -> Parsed:
    """Title from the book's metadata. Raises UnreadableFileError when it is damaged or locked (DRM)."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if _is_locked(archive):
                raise UnreadableFileError("the book is protected by digital rights management")
            root = read_xml(archive.read(_CONTAINER)).find(".//{*}rootfile")
            path = root.get("full-path", "") if root is not None else ""
            package = read_xml(archive.read(path))
            blocks = [block for page in _pages(package, path) for block in _page(archive, page)]
    except (KeyError, zipfile.BadZipFile) as error:
        raise UnreadableFileError("the book is damaged: a part of it is missing") from error
    title = package.findtext(".//{http://purl.org/dc/elements/1.1/}title") or ""
    return Parsed(" ".join(title.split()), tuple(blocks), _MIME)


def _is_locked(archive: zipfile.ZipFile) -> bool:
    if _ENCRYPTION not in archive.namelist():
        return False
    encryption = archive.read(_ENCRYPTION)
    return encryption.count(b"<enc:EncryptedData") + encryption.count(b"<EncryptedData") > sum(
        encryption.count(font) for font in _FONTS
    )


def _pages(package: Tree, path: str) -> Iterator[str]:
    """Paths in the archive of the pages, as the spine orders them."""
    folder = posixpath.dirname(path)
    items = {
        item.get("id"): item
        for item in package.iterfind(".//{*}manifest/{*}item")
        if item.get("media-type") in _PAGES
    }
    for reference in package.iterfind(".//{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        # the table of contents says what the headings say
        if item is not None and "nav" not in (item.get("properties") or "").split():
            yield posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))


def _page(archive: zipfile.ZipFile, path: str) -> list[Block]:
    if path not in archive.namelist():
        return []
    return html_blocks(decode(archive.read(path))[0])
