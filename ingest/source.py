"""Paths -> the files to read, each with the address that it keeps for ever.

Listing never opens a file: sizes and times come from the folder, so that a sync of an unchanged folder costs
almost nothing.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.errors import SourceNotFoundError, UnreadableFileError
from rag.settings import IngestSettings

__all__ = ["Failure", "SourceFile", "gone", "root_uri", "scan"]

# Left behind by Office, macOS and Windows beside the documents; never documents themselves
_NOT_DOCUMENTS = ("~$", ".")
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class Failure:
    """One source that could not be ingested, and why, in one line."""

    source: str
    error: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to ingest. ``uri`` names it in the database; ``path`` opens it. ``modified`` is in seconds
    since the epoch.
    """

    uri: str
    path: Path
    name: str
    size: int
    modified: float
    groups: tuple[str, ...] = ()

    def read(self) -> bytes:
        """The whole content. Raises UnreadableFileError when the system does not give it."""
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise UnreadableFileError(f"cannot be opened: {error.strerror or error}") from error


def _printable(name: str) -> str:
    """A name as text that any database stores: NFC (macOS writes NFD), bytes that are not UTF-8 in hex."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", text)


def root_uri(path: Path) -> str:
    """The address of a given file or folder: absolute, symbolic links resolved, POSIX separators."""
    return _printable(path.expanduser().resolve().as_posix())


def scan(paths: Sequence[Path], settings: IngestSettings) -> tuple[list[SourceFile], list[Failure]]:
    """All files at and under ``paths``, sorted by folder and name, each once, and what had to be refused.

    A file that is empty or over ``settings.max_file_mb`` is a failure, and so is a symbolic link that leads
    out of the folder it lies in. Raises SourceNotFoundError, before anything is read, when a given path does
    not exist.
    """
    files: dict[str, SourceFile] = {}
    failures: dict[str, Failure] = {}

    def refuse(path: Path, error: str) -> None:
        uri = _printable(path.as_posix())
        failures[uri] = Failure(uri, error)

    for given in paths:
        root = given.expanduser().resolve()
        if not root.exists():
            raise SourceNotFoundError(
                f"{given} does not exist.", "Check the path; folders and files are accepted."
            )
        for path in _walk(root, root, refuse) if root.is_dir() else (root,):
            file = _file(path, settings, refuse)
            if file is not None:
                files[file.uri] = file
    return list(files.values()), list(failures.values())


def gone(
    known: Iterable[str], paths: Sequence[Path], files: Sequence[SourceFile], failures: Sequence[Failure]
) -> list[str]:
    """Of the ``known`` uris those under ``paths`` that a scan of them did not meet any more.

    A file that is there but refused is not gone, nor is anything in a folder that could not be listed: a
    network drive that is away for an hour must not empty the database.
    """
    within = tuple(root_uri(path).rstrip("/") + "/" for path in paths)
    present = {file.uri for file in files} | {failure.source for failure in failures}
    unseen = tuple(failure.source + "/" for failure in failures)
    return [
        uri for uri in known if uri.startswith(within) and uri not in present and not uri.startswith(unseen)
    ]


def _walk(folder: Path, root: Path, refuse: Callable[[Path, str], None]) -> Iterator[Path]:
    """Regular files below ``folder`` in order. Links are not followed: inside the root their targets are met
    anyway.
    """
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        refuse(folder, f"folder cannot be listed: {error.strerror or error}")
        return
    for entry in entries:
        if entry.name.startswith(_NOT_DOCUMENTS) or entry.name.lower() in _SYSTEM_FILES:
            continue
        path = Path(entry.path)
        if entry.is_symlink():
            _judge_link(path, root, refuse)
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(path, root, refuse)
        else:
            yield path


def _judge_link(path: Path, root: Path, refuse: Callable[[Path, str], None]) -> None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        refuse(path, "symbolic link that leads nowhere")
        return
    if not target.is_relative_to(root):
        refuse(
            path,
            "symbolic link that leads out of the given folder; ingest its target by its own path",
        )


def _file(path: Path, settings: IngestSettings, refuse: Callable[[Path, str], None]) -> SourceFile | None:
    try:
        status = path.stat()
    except OSError as error:
        refuse(path, f"cannot be opened: {error.strerror or error}")
        return None
    if not stat.S_ISREG(status.st_mode):
        refuse(path, "not a regular file")
        return None
    if status.st_size == 0:
        refuse(path, "the file is empty")
        return None
    if status.st_size > settings.max_file_mb * 1e6:
        refuse(
            path,
            f"{status.st_size / 1e6:,.0f} MB, over {settings.max_file_mb:g} MB (setting ingest.max_file_mb)",
        )
        return None
    return SourceFile(
        _printable(path.as_posix()), path, _printable(path.name), status.st_size, status.st_mtime
    )
