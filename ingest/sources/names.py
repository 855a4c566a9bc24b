"""Names of files: as text that any database stores, and those that are no documents."""

from __future__ import annotations

import os
import unicodedata

from ingest.access import SIDECAR

__all__ = ["is_clutter", "is_hidden", "printable", "split_glob"]

# Left behind by Office, macOS and Windows beside the documents; never documents themselves
_PREFIXES = ("~$", ".")
_FILES = frozenset({"thumbs.db", "desktop.ini"})
_FOLDERS = frozenset({"__macosx"})
_MAGIC = frozenset("*?[")


def printable(name: str) -> str:
    """A name as text that any database stores: NFC (macOS writes NFD), bytes that are not UTF-8 in hex."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", text)


def is_clutter(name: str) -> bool:
    """Is a file or folder of this name never a document: hidden, or left behind by a program?"""
    return name != SIDECAR and (name.startswith(_PREFIXES) or name.lower() in _FILES | _FOLDERS)


def is_hidden(path: str) -> bool:
    """Does a path lead through anything that is clutter?"""
    return any(is_clutter(part) for part in path.split("/"))


def split_glob(location: str, magic: frozenset[str] = _MAGIC) -> tuple[str, str]:
    """A location -> the part before its first pattern, and the pattern ("" where there is none).

    The pattern is in gitignore's style and begins with a slash: it is matched from that part on.
    """
    parts = location.split("/")
    for position, part in enumerate(parts):
        if magic & set(part):
            return "/".join(parts[:position]) or "/", "/" + "/".join(parts[position:])
    return location, ""
