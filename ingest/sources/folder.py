"""Folders, single files and globs on this machine.

Listing never opens a file: sizes and times come from the folder. Every address is the absolute path of a
file, symbolic links resolved.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from pathspec import PathSpec

from ingest.access import SIDECAR
from ingest.source import Failure, Fetched, Known, SourceFile, size_refusal
from ingest.sources.names import is_clutter, printable, split_glob
from rag.errors import SourceNotFoundError, SourceUnavailableError, TooLargeError, UnreadableFileError
from rag.settings import IngestSettings

__all__ = ["FolderSource", "root_uri"]

_DEPTH = 100


def root_uri(path: Path) -> str:
    """The address of a given file or folder: absolute, symbolic links resolved, POSIX separators."""
    return printable(path.expanduser().resolve().as_posix())


class FolderSource:
    """All files at and under a path, or those that match a glob.

    Hidden files and what programs leave behind are no documents. A file that is empty or over
    ``limits.max_file_mb`` is a failure, and so is a symbolic link that leads out of the folder; links that
    stay inside are met at their target. Sidecars are listed before what they speak of, those above the
    location too.
    """

    def __init__(self, location: str | Path, limits: IngestSettings) -> None:
        self._given = Path(location).expanduser()
        self._limits = limits
        # files whose address is not their path: decomposed names, bytes that are not UTF-8
        self._respelt: dict[str, Path] = {}

    def list(self, known: Mapping[str, Known]) -> Iterator[SourceFile | Failure]:
        """See Source.list. Raises SourceNotFoundError, SourceUnavailableError."""
        root, pattern = self._root()
        above = root if root.is_dir() else root.parent
        yield from self._sidecars_above(above)
        if not root.is_dir():
            yield from self._beside(root)
            return
        wanted = PathSpec.from_lines("gitignore", [pattern]) if pattern else None
        for found in self._walk(root, root, 0):
            # what lies in a folder that cannot be listed may match
            always = found.path.endswith(("/" + SIDECAR, "/")) or found.path in ("", SIDECAR)
            if wanted is None or always or wanted.match_file(found.path):
                yield found

    def fetch(self, file: SourceFile) -> Fetched:
        """See Source.fetch."""
        path = self._respelt.get(file.uri, Path(file.uri))
        limit = int(self._limits.max_file_mb * 1e6)
        try:
            # what was a file when it was listed may be a link or a pipe by now
            if os.path.realpath(path) != str(path):
                raise UnreadableFileError("it has become a symbolic link")
            flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            with open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as stream:
                status = os.fstat(stream.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise UnreadableFileError("not a regular file")
                data = stream.read(limit + 1)
        except OSError as error:
            raise UnreadableFileError(f"cannot be opened: {error.strerror or error}") from error
        if refused := size_refusal(len(data), self._limits):
            raise (TooLargeError if data else UnreadableFileError)(refused)
        return Fetched(data, modified=status.st_mtime)

    def close(self) -> None:
        """Nothing is held."""

    def _root(self) -> tuple[Path, str]:
        """The folder or file to start at, and the glob below it."""
        try:
            if self._given.exists():
                return self._given.resolve(), ""
            base, pattern = split_glob(self._given.as_posix())
            root = Path(base).resolve()
            if pattern and root.is_dir():
                return root, pattern
        except OSError as error:
            raise SourceUnavailableError(
                f"{self._given} cannot be reached: {error.strerror or error}.", "Check the drive."
            ) from error
        raise SourceNotFoundError(
            f"{self._given} does not exist.", "Check the path; folders, files and globs are accepted."
        )

    def _sidecars_above(self, folder: Path) -> Iterator[SourceFile]:
        """A sidecar holds for all that is below it, from wherever in there the ingestion starts."""
        for height, parent in reversed(list(enumerate(folder.parents, 1))):
            if os.path.lexists(parent / SIDECAR):
                yield self._listed(parent / SIDECAR, "../" * height + SIDECAR)

    def _beside(self, file: Path) -> Iterator[SourceFile | Failure]:
        """A single file, after the sidecar of its folder."""
        if os.path.lexists(file.parent / SIDECAR):
            yield self._listed(file.parent / SIDECAR, SIDECAR)
        yield self._file(file, file.name)

    def _walk(self, folder: Path, root: Path, depth: int) -> Iterator[SourceFile | Failure]:
        """What lies below ``folder`` in order of names, a sidecar first. Links are not followed: inside the
        root their targets are met anyway.
        """
        if depth > _DEPTH:
            yield _failure(folder, root, f"folders are nested deeper than {_DEPTH}", "/")
            return
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: (entry.name != SIDECAR, entry.name))
        except OSError as error:
            yield _failure(folder, root, f"folder cannot be listed: {error.strerror or error}", "/")
            return
        for entry in entries:
            path = Path(entry.path)
            if entry.name == SIDECAR:
                yield self._listed(path, _below(path, root))
            elif is_clutter(entry.name):
                continue
            elif entry.is_symlink():
                yield from _judge_link(path, root)
            elif entry.is_dir(follow_symlinks=False):
                yield from self._walk(path, root, depth + 1)
            else:
                yield self._file(path, _below(path, root))

    def _file(self, path: Path, below: str) -> SourceFile | Failure:
        try:
            status = path.lstat()
        except OSError as error:
            return Failure(printable(path.as_posix()), f"cannot be opened: {error.strerror or error}", below)
        refused = size_refusal(status.st_size, self._limits)
        if not stat.S_ISREG(status.st_mode):
            refused = "not a regular file"
        if refused:
            return Failure(printable(path.as_posix()), refused, below)
        return self._listed(path, below, status.st_size, status.st_mtime)

    def _listed(
        self, path: Path, below: str, size: int | None = None, modified: float | None = None
    ) -> SourceFile:
        uri = printable(path.as_posix())
        if uri != str(path):
            self._respelt[uri] = path
        return SourceFile(uri, printable(path.name), printable(below), size, modified)


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path != root else ""


def _failure(path: Path, root: Path, error: str, end: str = "") -> Failure:
    below = printable(_below(path, root))
    return Failure(printable(path.as_posix()), error, below + end if below else "")


def _judge_link(path: Path, root: Path) -> Iterator[Failure]:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        yield _failure(path, root, "symbolic link that leads nowhere")
        return
    if not target.is_relative_to(root):
        error = "symbolic link that leads out of the given folder; ingest its target by its own path"
        yield _failure(path, root, error)
