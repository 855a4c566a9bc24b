"""The archive that a product exports: a zip file, or the folder that it was unpacked into."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ingest.source import size_refusal
from ingest.sources.names import is_hidden, printable
from rag.errors import SourceNotFoundError, SourceUnavailableError, TooLargeError, UnreadableFileError
from rag.settings import IngestSettings

__all__ = ["IMAGES", "Export", "Member", "safe_name"]

IMAGES = frozenset(".png .jpg .jpeg .gif .bmp .webp .svg .tif .tiff .ico .heic".split())

_MAX_MEMBERS = 1_000_000
_MAX_PART = 50 << 30
_STEP = 1 << 20
_PART = re.compile(r"(?:.*/)?[^/]*part-?\d+\.zip", re.IGNORECASE)
_UNSAFE = re.compile(r"[\x00-\x1f/\\:*?\"<>|]+")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, OSError)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an export; ``mark`` changes with its content."""

    size: int
    mark: str
    read: Callable[[int], bytes]


class Export:
    """The files of an export by their path in it. Safe to read from several threads once it is open.

    With ``parts``, zip files inside that are parts of one export (Part-1.zip ...) are opened too.
    """

    def __init__(self, location: str, limits: IngestSettings, *, parts: bool = False) -> None:
        self.path = Path(location).expanduser()
        self._limits, self._parts = limits, parts
        self._held = contextlib.ExitStack()
        self.members: Mapping[str, Member] = {}

    def open(self) -> None:
        """List it anew. Raises SourceNotFoundError, SourceUnavailableError."""
        self.close()
        try:
            if self.path.is_dir():
                self.members = self._folder(self.path.resolve())
            elif self.path.exists():
                self.members = self._archive(self.path, self._parts)
            else:
                raise SourceNotFoundError(f"{self.path} does not exist.", "Check the path of the export.")
        except _BROKEN as error:
            raise SourceUnavailableError(
                f"{self.path} cannot be read as an export: {getattr(error, 'strerror', None) or error}.",
                "Give the zip file as it was downloaded, or the folder that it was unpacked into.",
            ) from error

    def read(self, name: str) -> bytes:
        """A member's content. Raises UnreadableFileError, TooLargeError."""
        limit = int(self._limits.max_file_mb * 1e6)
        member = self.members.get(name)
        if member is None:
            raise UnreadableFileError("it is not in the export")
        try:
            data = member.read(limit + 1)
        except (*_BROKEN, RuntimeError) as error:
            raise UnreadableFileError(f"it cannot be unpacked: {error}") from error
        if refused := size_refusal(len(data), self._limits):
            raise (TooLargeError if data else UnreadableFileError)(refused)
        return data

    def close(self) -> None:
        """Close the archives."""
        self._held.close()
        self.members = {}

    def _archive(self, file: Path | IO[bytes], parts: bool) -> dict[str, Member]:
        archive = self._held.enter_context(zipfile.ZipFile(file))
        members: dict[str, Member] = {}
        infos = archive.infolist()
        if len(infos) > _MAX_MEMBERS:
            raise ValueError(f"it has more than {_MAX_MEMBERS:,} files")
        for info in infos:
            name = _name(info)
            if info.is_dir() or not _is_wanted(name) or stat.S_ISLNK(info.external_attr >> 16):
                continue
            if info.flag_bits & 1:
                raise ValueError("it is protected by a password")
            if parts and _PART.fullmatch(name):
                members |= self._archive(self._unpacked(archive, info), False)
            else:
                members[name] = _zipped(archive, info)
        return members

    def _unpacked(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
        """An archive inside an archive, beside it: reading it in place would unpack it again and again."""
        target = self._held.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is
        if info.file_size > min(_MAX_PART, shutil.disk_usage(tempfile.gettempdir()).free // 2):
            raise ValueError(f"there is no room to unpack {info.filename}")
        with archive.open(info) as source:
            shutil.copyfileobj(source, target, _STEP)
        return target

    def _folder(self, root: Path) -> dict[str, Member]:
        def refuse(error: OSError) -> None:
            raise error

        members: dict[str, Member] = {}
        for folder, folders, files in os.walk(root, onerror=refuse):
            folders.sort()
            for file in sorted(files):
                path = Path(folder, file)
                name = printable(path.relative_to(root).as_posix())
                status = path.lstat()
                if not _is_wanted(name) or not stat.S_ISREG(status.st_mode):
                    continue
                if self._parts and _PART.fullmatch(name):
                    members |= self._archive(path, False)
                else:
                    members[name] = _unzipped(path, status)
        return members


def _zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    def read(limit: int) -> bytes:
        with archive.open(info) as stream:
            return stream.read(limit)

    return Member(info.file_size, f"crc:{info.CRC:08x}:{info.file_size}", read)


def _unzipped(path: Path, status: os.stat_result) -> Member:
    def read(limit: int) -> bytes:
        with open(path, "rb") as stream:
            return stream.read(limit)

    return Member(status.st_size, f"time:{status.st_mtime_ns}:{status.st_size}", read)


def _name(info: zipfile.ZipInfo) -> str:
    """A member's path; UTF-8 that is not declared is read as what it is."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return printable(name.replace("\\", "/"))


def _is_wanted(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/") and not is_hidden(name)


def safe_name(title: str, ending: str = "") -> str:
    """A title as one part of a path, and as a file name if an ending is given."""
    text = " ".join(_UNSAFE.sub(" ", title).split())
    return (text[:120].strip(". ") or "untitled") + ending
