"""Where documents come from: one small protocol, and what travels through it.

A source lists what it has and fetches what is asked for. Listing never opens a document: sizes, times and
version marks come from the listing itself, so that a sync of an unchanged source costs almost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rag.settings import IngestSettings

__all__ = ["Failure", "Fetched", "Known", "Source", "SourceFile", "size_refusal"]


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that could not be listed or ingested, and why, in one line.

    ``source`` is the uri of the file or folder. What is known below it (its uri begins with ``source`` and a
    slash) counts as there: a network drive that is away for an hour must not empty the database. ``path`` is
    as in SourceFile, with a slash at the end for a folder, "" for the location itself.

    ``groups`` are those that may read what is known of it and below it, at most: what cannot be read now may
    have been given to fewer since it was. Empty: everyone; None: nobody judged.
    """

    source: str
    error: str
    path: str = field(default="", compare=False)
    groups: tuple[str, ...] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source. ``uri`` names it for ever; ``name`` is its file name, whose ending helps to tell
    what it is. ``path`` is where it lies below the source's location, with slashes: patterns are matched
    against it.

    ``size`` is in bytes and ``modified`` in seconds since the epoch, None where the source does not tell.
    ``etag`` is any mark of the source that changes with the content; where it is "", size and time decide.
    ``groups`` None: the source does not know who may read it; empty: everyone may. ``title`` names what has
    no title of its own.
    """

    uri: str
    name: str
    path: str = ""
    size: int | None = None
    modified: float | None = None
    etag: str = ""
    groups: tuple[str, ...] | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The content of a file, and what the source told of it only now."""

    data: bytes = field(repr=False)
    etag: str = ""
    modified: float | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the last sync saw of a file."""

    size: int | None
    modified: float | None
    etag: str


class Source(Protocol):
    """A place that documents come from. Use it with contextlib.closing: some hold connections or folders."""

    def list(self, known: Mapping[str, Known]) -> Iterator[SourceFile | Failure]:
        """Every file that is there now, each uri once, in a stable order; ``known`` is what the last sync
        saw, by uri.

        A Failure is a thing that is there but cannot be read: it, and what lies below it, is not gone.
        Raises SourceNotFoundError or SourceUnavailableError, at any point of the listing, when it cannot be
        trusted as a whole; nothing is then removed.
        """

    def fetch(self, file: SourceFile) -> Fetched:
        """The content of a file that this instance listed.

        Raises UnreadableFileError when the source does not give it, TooLargeError.
        """

    def close(self) -> None:
        """Give back what the source holds."""


def size_refusal(size: int | None, settings: IngestSettings) -> str:
    """Why a file of this many bytes is not ingested, in one line; "" when it is, or nobody knows its size."""
    if size == 0:
        return "the file is empty"
    if size is not None and size > settings.max_file_mb * 1e6:
        return f"{size / 1e6:,.0f} MB, over {settings.max_file_mb:g} MB (setting ingest.max_file_mb)"
    return ""
