"""A Confluence space exported as HTML (Space settings > Export space > HTML).

The archive has a folder for the space: index.html with the tree of pages, one file for each page named by
title and id, and attachments/PAGE/ATTACHMENT.ending. Restrictions of pages are not in the export: what it
holds is for the groups that the settings name, so restrict by rules, or export as a user who sees only what
these may read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote

from pydantic import Field

from ingest.source import Failure, Fetched, Known, SourceFile, size_refusal
from ingest.sources.confluence_page import attachment_names, clean_page, modified_of, parsed, text_of
from ingest.sources.export import IMAGES, Export, safe_name
from ingest.sources.options import Options
from rag.errors import IngestError, SourceUnavailableError
from rag.settings import IngestSettings

__all__ = ["ConfluenceOptions", "ConfluenceSource"]

# Grows when another page would be made of the same file
_MADE = "1"
_ID = re.compile(r"(?:.*_)?(\d+)")


class ConfluenceOptions(Options):
    """What of an export is read."""

    attachments: bool = Field(True, description="Read the documents attached to pages too.")
    images: bool = Field(False, description="Read attached images too, by OCR.")


@dataclass(slots=True)
class _Space:
    """``tree``: file of a page -> titles from the space's top down to the page itself."""

    folder: str
    key: str
    name: str
    tree: dict[str, tuple[str, ...]] = field(default_factory=dict)


class ConfluenceSource:
    """Pages and their attachments. A page is handed on as title and content alone: the frame around them
    carries the date of the export, which would make every page look new.
    """

    def __init__(self, name: str, location: str, options: ConfluenceOptions, limits: IngestSettings) -> None:
        self._name, self._options, self._limits = name, options, limits
        self._export = Export(location, limits)
        self._files: dict[str, tuple[str, str]] = {}

    def list(self, known: Mapping[str, Known]) -> Iterator[SourceFile | Failure]:
        """See Source.list. Raises SourceNotFoundError, SourceUnavailableError."""
        self._export.open()
        spaces = [self._space(path) for path in self._export.members if _is_index(path)]
        if not spaces:
            raise SourceUnavailableError(
                f"{self._export.path} is no Confluence space export: there is no index.html.",
                "Export the space as HTML.",
            )
        for space in spaces:
            yield from self._pages(space, known)

    def fetch(self, file: SourceFile) -> Fetched:
        """See Source.fetch."""
        path, title = self._files[file.uri]
        data = self._export.read(path)
        if not title:
            return Fetched(data)
        tree = parsed(data)
        return Fetched(clean_page(tree, title), modified=modified_of(tree))

    def close(self) -> None:
        """Close the archive."""
        self._export.close()

    def _space(self, path: str) -> _Space:
        folder = path.removesuffix("index.html")
        try:
            index = parsed(self._export.read(path))
        except IngestError as error:
            raise SourceUnavailableError(
                f"{path} of {self._export.path} cannot be read: {error.message}.", "Export the space again."
            ) from error
        details = dict[str, str]()
        for row in index.iter("tr"):
            cells = [text_of(cell) for cell in row if cell.tag in ("th", "td")]
            if len(cells) == 2:
                details.setdefault(cells[0].lower(), cells[1])
        key = details.get("key") or folder.strip("/").rpartition("/")[2] or "space"
        space = _Space(folder, key, details.get("name", key))
        for link in index.iter("a"):
            target = unquote(link.get("href") or "")
            if target.endswith(".html") and "/" not in target and target not in space.tree:
                above = [item.find("a") for item in link.iterancestors("li")]
                titles = [text_of(one) for one in above if one is not None and one is not link]
                space.tree[target] = (*reversed(titles), text_of(link))
        return space

    def _pages(self, space: _Space, known: Mapping[str, Known]) -> Iterator[SourceFile | Failure]:
        attached: dict[str, dict[str, str]] = {}
        for path in sorted(self._export.members):
            below = path.removeprefix(space.folder)
            if path.startswith(space.folder + "attachments/") and below.count("/") == 2:
                attached.setdefault(below.split("/")[1], {})[below] = path
        for path, member in sorted(self._export.members.items()):
            file = path.removeprefix(space.folder)
            if not path.startswith(space.folder) or "/" in file or not file.endswith(".html"):
                continue
            if file == "index.html":
                continue
            titles = space.tree.get(file) or (_title_of_name(file),)
            number = _ID.fullmatch(PurePosixPath(file).stem)
            page = number[1] if number else PurePosixPath(file).stem
            place = "/".join(safe_name(title) for title in (space.key, *titles))
            uri = f"confluence:{self._name}/{space.key}/{page}"
            self._files[uri] = (path, titles[-1])
            yield self._listed(uri, place + ".html", member.size, f"{member.mark}:{_MADE}", known, titles[-1])
            if self._options.attachments and attached.get(page):
                yield from self._attachments(path, uri, place, attached[page], known)

    def _attachments(
        self, page: str, uri: str, place: str, files: Mapping[str, str], known: Mapping[str, Known]
    ) -> Iterator[SourceFile | Failure]:
        """What is attached to a page, by the names that the page gives; what it does not name is an old
        version.
        """
        try:
            names = attachment_names(parsed(self._export.read(page)))
        except IngestError:
            names = {}  # the page itself will tell
        for below, path in files.items():
            ending = PurePosixPath(path).suffix.lower()
            if (names and below not in names) or (ending in IMAGES and not self._options.images):
                continue
            name = names.get(below) or PurePosixPath(path).name
            name = safe_name(name.removesuffix(ending), ending)
            member = self._export.members[path]
            one = f"{uri}/{PurePosixPath(path).stem}"
            self._files[one] = (path, "")
            yield self._listed(one, f"{place}/{name}", member.size, member.mark, known, "")

    def _listed(
        self, uri: str, path: str, size: int, mark: str, known: Mapping[str, Known], title: str
    ) -> SourceFile | Failure:
        if refused := size_refusal(size, self._limits):
            return Failure(uri, refused, path)
        before = known.get(uri)
        # the date is inside the page, which is not opened again when it has not changed
        modified = before.modified if before is not None and before.etag == mark else None
        return SourceFile(uri, path.rpartition("/")[2], path, size, modified, mark, title=title)


def _is_index(path: str) -> bool:
    return path == "index.html" or (path.endswith("/index.html") and "/attachments/" not in path)


def _title_of_name(file: str) -> str:
    stem = PurePosixPath(file).stem
    return re.sub(r"_\d+$", "", stem).replace("-", " ") or stem
