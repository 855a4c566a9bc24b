"""Originals: the bytes of each document, kept by their hash where a citation can open them.

An original is written before its document is, and swept away if no document came to refer to it; so a
document in the database always has one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from rag.errors import DiskFullError, StoreError

__all__ = ["keep_original", "original_path", "sweep_originals"]

_TEMPORARY = ".part-"


def original_path(folder: Path, sha256: str) -> Path:
    """Where the original with this hash lies, if it is kept."""
    return folder / sha256[:2] / sha256


def keep_original(folder: Path, sha256: str, data: bytes) -> None:
    """Store the bytes under their hash: whole or not at all, also when the machine goes down. Raises
    DiskFullError, StoreError.
    """
    path = original_path(folder, sha256)
    try:
        if path.exists() and path.stat().st_size == len(data):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"No room left to keep an original in {folder}.",
                "Free some disk space, or set ingest.keep_originals to false.",
            ) from error
        raise StoreError(
            f"An original cannot be kept in {folder}: {error}.", "Check the folder's permissions."
        ) from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep_originals(folder: Path, referred: Collection[str]) -> int:
    """Remove originals that no document refers to, and what an interrupted write left; returns how many files
    went.
    """
    kept = frozenset(referred)
    removed = 0
    for path in _files(folder):
        if path.name not in kept:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and len(inner.name) == 2:
            yield from (path for path in sorted(inner.iterdir()) if path.is_file())
