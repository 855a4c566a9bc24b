"""A Notion export (Settings > Export all workspace content), as Markdown and CSV or as HTML.

Every page is "Title ID.md" (or .html), its subpages lie in a folder of the same name, a database is "Title
ID.csv" beside "Title ID_all.csv", which has all its rows and columns. Large exports are zip files in a zip
file. Who may read a page is not in the export.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from pydantic import Field

from ingest.source import Failure, Fetched, Known, SourceFile, size_refusal
from ingest.sources.export import IMAGES, Export
from ingest.sources.options import Options
from rag.settings import IngestSettings

__all__ = ["NotionOptions", "NotionSource"]

_ID = re.compile(r"[ _-]?([0-9a-f]{32})(_all)?$")
_WRAPPER = re.compile(r"(?:Export|ExportBlock)-[0-9a-f-]{8,}", re.IGNORECASE)
_PAGES = (".md", ".html", ".csv")


class NotionOptions(Options):
    """What of an export is read."""

    attachments: bool = Field(True, description="Read the documents attached to pages too.")
    images: bool = Field(False, description="Read attached images too, by OCR.")


@dataclass(frozen=True, slots=True)
class _Found:
    """A file of the export: its path without ids, its id, and whether it is a database with all rows."""

    name: str
    path: str
    id: str
    whole: bool


class NotionSource:
    """Pages, databases and attached files. A page keeps its address when it is renamed or moved: its id is
    the address.
    """

    def __init__(self, name: str, location: str, options: NotionOptions, limits: IngestSettings) -> None:
        self._name, self._options, self._limits = name, options, limits
        self._export = Export(location, limits, parts=True)
        self._files: dict[str, str] = {}

    def list(self, known: Mapping[str, Known]) -> Iterator[SourceFile | Failure]:
        """See Source.list. Raises SourceNotFoundError, SourceUnavailableError."""
        self._export.open()
        chosen: dict[str, _Found] = {}
        for name in sorted(self._export.members):
            found = _found(name)
            if found is not None and self._is_wanted(found.path):
                uri = f"notion:{self._name}/{found.id or found.path}"
                # a database comes as it was shown, as a whole, and in HTML as a page too: the whole is read
                if uri not in chosen or _rank(found) > _rank(chosen[uri]):
                    chosen[uri] = found
        for uri, found in sorted(chosen.items(), key=lambda item: (item[1].path, item[0])):
            member = self._export.members[found.name]
            self._files[uri] = found.name
            if refused := size_refusal(member.size, self._limits):
                yield Failure(uri, refused, found.path)
                continue
            path = PurePosixPath(found.path)
            yield SourceFile(uri, path.name, found.path, member.size, None, member.mark, title=path.stem)

    def fetch(self, file: SourceFile) -> Fetched:
        """See Source.fetch."""
        return Fetched(self._export.read(self._files[file.uri]))

    def close(self) -> None:
        """Close the archive."""
        self._export.close()

    def _is_wanted(self, path: str) -> bool:
        ending = PurePosixPath(path).suffix.lower()
        if ending in _PAGES:
            return True
        return self._options.images if ending in IMAGES else self._options.attachments


def _found(name: str) -> _Found | None:
    """A file of the export without the ids in its path; None for what only wraps the others."""
    *folders, file = name.split("/")
    if folders and _WRAPPER.fullmatch(folders[0]):
        folders = folders[1:]
    if not folders and file == "index.html":
        return None
    ending = PurePosixPath(file).suffix
    stem = file.removesuffix(ending)
    own = _ID.search(stem) if ending.lower() in _PAGES else None
    clean = (stem[: own.start()] if own else stem).strip() or "Untitled"
    above = [part for folder in folders if (part := _ID.sub("", folder).strip())]
    path = "/".join([*above, clean + ending.lower() if own else file])
    return _Found(name, path, own[1] if own else "", bool(own and own[2]))


def _rank(found: _Found) -> tuple[bool, bool]:
    return found.path.endswith(".csv"), found.whole
