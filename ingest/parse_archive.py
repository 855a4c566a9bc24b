"""Archives -> parts: zip, tar, and single files packed with gzip, bzip2 or xz."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from ingest.parse_blocks import Parsed
from ingest.parse_parts import STEP, Budget, PartWriter
from ingest.parse_text import east_asian
from rag.errors import TooLargeError, UnreadableFileError
from rag.settings import IngestSettings

__all__ = ["check_archive", "parse_packed", "parse_tar", "parse_zip"]

_DIRECTORY_ENTRIES = 20_000
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    NotImplementedError,
    OSError,
)
_UTF8, _ENCRYPTED = 0x800, 1
# "Info-ZIP Unicode Path": the name in UTF-8, beside one in an encoding that nobody wrote down
_UNICODE_PATH = 0x7075
_BLOCK = 512
_BOXES = re.compile("[\u2500-\u259f]")
_OPENERS: dict[bytes, Callable[[BinaryIO], object]] = {
    b"\x1f\x8b": gzip.open,
    b"BZ": bz2.open,
    b"\xfd7": lzma.open,
}
_MIMES = {b"\x1f\x8b": "application/gzip", b"BZ": "application/x-bzip2", b"\xfd7": "application/x-xz"}
_TAR_SUFFIXES = {".tgz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar"}
_PACKED_SUFFIXES = (".gz", ".bz2", ".xz")


def check_archive(data: bytes, settings: IngestSettings) -> None:
    """Refuse a document in a zip archive that would unpack to too much, before any parser opens it.

    The archive's own directory is believed first, because that is cheap, and then every member is unpacked in
    small steps and counted, because a directory can lie; that also finds members that are damaged. Raises
    TooLargeError, UnreadableFileError.
    """
    budget = Budget(len(data), settings)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = _listed(archive, budget, _DIRECTORY_ENTRIES)
            for member in members:
                if member.flag_bits & _ENCRYPTED:
                    raise UnreadableFileError("the document is protected by a password")
                with archive.open(member) as stream:
                    for _ in budget.read(cast(BinaryIO, stream)):
                        pass
    except _DAMAGED as error:
        raise UnreadableFileError("the file is damaged: a part of it cannot be unpacked") from error


def _listed(archive: zipfile.ZipFile, budget: Budget, most: int) -> list[zipfile.ZipInfo]:
    members = archive.infolist()
    if len(members) > most:
        raise TooLargeError(f"the archive has {len(members):,} parts, more than {most:,}")
    budget.judge(sum(member.file_size for member in members))
    return members


def parse_zip(data: bytes, name: str, parts: PartWriter) -> Parsed:
    """A zip archive: its members. Those that are encrypted or damaged are named with their error.

    Raises UnreadableFileError when nothing can be unpacked, TooLargeError.
    """
    budget = Budget(len(data), parts.settings)
    with _archive_errors(), zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = _listed(archive, budget, max(_DIRECTORY_ENTRIES, 2 * parts.settings.max_members))
        for shown, member in zip(_names(members), members, strict=True):
            if member.is_dir():
                continue
            if member.flag_bits & _ENCRYPTED:
                parts.add(shown, (), "it is protected by a password; unpack the archive and ingest the files")
                continue
            try:
                with archive.open(member) as stream:
                    parts.add(shown, budget.read(cast(BinaryIO, stream)))
            except NotImplementedError:
                parts.add(shown, (), "it is packed by a method that is not read; pack it as an ordinary zip")
            except _DAMAGED:
                parts.add(shown, (), "the archive is damaged here: it cannot be unpacked")
    return _unpacked(parts, "application/zip")


def _names(members: list[zipfile.ZipInfo]) -> list[str]:
    """Names as they were meant. Without the mark for UTF-8 they are in the packer's own encoding, which all
    of them together tell best; what is no East Asian one stays as the standard has it (CP437).
    """
    raw = [b"" if m.flag_bits & _UTF8 else m.orig_filename.encode("cp437", "replace") for m in members]
    encoding = _encoding(b"\n".join(raw))
    return [
        _unicode_path(member) or (own.decode(encoding, "replace") if own and encoding else member.filename)
        for member, own in zip(members, raw, strict=True)
    ]


def _encoding(names: bytes) -> str:
    if names.isascii():
        return ""
    try:
        names.decode("utf-8")
    except UnicodeDecodeError:
        # nobody draws boxes in the name of a file
        return east_asian(names) if _BOXES.search(names.decode("cp437")) else ""
    return "utf-8"


def _unicode_path(member: zipfile.ZipInfo) -> str:
    extra = member.extra
    while len(extra) >= 4:
        kind, size = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        if kind == _UNICODE_PATH and size > 5:
            return extra[9 : 4 + size].decode("utf-8", "replace")
        extra = extra[4 + size :]
    return ""


def parse_tar(data: bytes, name: str, parts: PartWriter) -> Parsed:
    """A tar archive: its regular files. Links and devices are left out; their targets are members anyway, or
    lie outside.
    """
    _untar(io.BytesIO(data), Budget(len(data), parts.settings), parts)
    return _unpacked(parts, "application/x-tar")


def _untar(stream: BinaryIO, budget: Budget, parts: PartWriter) -> None:
    """Unpack from a stream that is read once."""
    with _archive_errors():
        try:
            # names that are no UTF-8 come with their bytes escaped
            with tarfile.open(
                fileobj=stream, mode="r|", encoding="utf-8", errors="surrogateescape"
            ) as archive:
                for member in archive:
                    if not member.isreg():
                        continue
                    budget.judge(member.size)
                    # of a sparse file most is made up here, so that it is counted here too
                    parts.add(
                        _tar_name(member.name), budget.read(cast(BinaryIO, archive.extractfile(member)))
                    )
        except (tarfile.TarError, *_DAMAGED):
            if not parts.parts:
                raise
            parts.add("(rest of the archive)", (), "the archive is damaged here: it cannot be unpacked")


def _steps(stream: BinaryIO) -> Iterator[bytes]:
    while step := stream.read(STEP):
        yield step


def _tar_name(name: str) -> str:
    if name.isprintable():
        return name
    raw = name.encode("utf-8", "surrogateescape")
    return raw.decode(_encoding(raw) or "utf-8", "replace")


class _Counted(io.RawIOBase):
    """What a decompressor gives, counted as it is read."""

    def __init__(self, stream: BinaryIO, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        got = self._stream.read(len(buffer))
        self._budget.spend(len(got))
        buffer[: len(got)] = got
        return len(got)


def parse_packed(data: bytes, name: str, parts: PartWriter) -> Parsed:
    """A file packed with gzip, bzip2 or xz: its members when it is a tar archive, else the one file in it."""
    budget = Budget(len(data), parts.settings)
    with _archive_errors():
        stream = cast(BinaryIO, _OPENERS[data[:2]](io.BytesIO(data)))
        content = io.BufferedReader(_Counted(stream, budget), STEP)
        if content.peek(_BLOCK)[257:262] == b"ustar":
            _untar(cast(BinaryIO, content), Budget(len(data), parts.settings), parts)
        else:
            parts.add(_inner_name(name), _steps(cast(BinaryIO, content)))
    return _unpacked(parts, _MIMES[data[:2]])


def _inner_name(name: str) -> str:
    path = PurePosixPath(name)
    if path.suffix.lower() in _TAR_SUFFIXES:
        return path.stem + _TAR_SUFFIXES[path.suffix.lower()]
    return path.stem if path.suffix.lower() in _PACKED_SUFFIXES else path.name


@contextmanager
def _archive_errors() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, *_DAMAGED) as error:
        raise UnreadableFileError("the archive is damaged: it cannot be unpacked") from error


def _unpacked(parts: PartWriter, mime: str) -> Parsed:
    if not parts.parts:
        raise UnreadableFileError("the archive holds no files")
    if all(part.error for part in parts.parts):
        raise UnreadableFileError(f"nothing in the archive can be read: {parts.parts[0].error}")
    return Parsed("", (), mime, tuple(parts.parts))
