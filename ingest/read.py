"""Step: a listed file -> what is to be done about it, with its text when that is new.

The only step that opens files. What the marks of the listing show to be unchanged is not even fetched; what
has the content of a stored document is not parsed.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ingest.chunk import chunk
from ingest.index import PlaceState
from ingest.kin import Signature, sign, stated_in_name
from ingest.originals import keep_original
from ingest.parse import Parser
from ingest.parse_blocks import Part, title_of, to_document
from ingest.parse_parts import check_depth
from ingest.source import Fetched, Source, SourceFile
from rag.errors import IngestError, TooLargeError, UnreadableFileError
from rag.models.protocols import EmbedderProtocol
from rag.settings import Settings
from rag.types import Chunk, Document, Place

__all__ = [
    "Attach",
    "Contain",
    "Fail",
    "Filing",
    "Outcome",
    "Read",
    "Reader",
    "Touch",
    "Unchanged",
]

INSIDE = "!/"  # between the uri of an archive or mail and the name of what lies in it


@dataclass(frozen=True, slots=True)
class Unchanged:
    """All is as it was; ``inner`` counts the readable files inside it."""

    uri: str
    inner: int = 0


@dataclass(frozen=True, slots=True)
class Touch:
    """The content is as it was; marks, names or readers of these places are new."""

    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Attach:
    """The content is that of a document that is stored, or will be when this run is through."""

    place: Place
    sha256: str
    file: SourceFile


@dataclass(frozen=True, slots=True)
class Contain:
    """The file holds the files that came before it in the order of outcomes, and no text of its own."""

    place: Place
    sha256: str


@dataclass(frozen=True, slots=True)
class Fail:
    """The file cannot be read. ``sha256`` is empty when it could not even be fetched: it is tried again."""

    place: Place
    sha256: str
    error: str


@dataclass(frozen=True, slots=True)
class Read:
    """The content is new: to be embedded and put. ``file`` is the listed file, None for one inside of it;
    ``notes`` say what of it could not be read.
    """

    place: Place
    file: SourceFile | None
    document: Document
    chunks: Sequence[Chunk]
    signature: Signature
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called while it is in work."""
        return self.file.name if self.file is not None else self.place.title


Outcome = Unchanged | Touch | Attach | Contain | Fail | Read


@dataclass(frozen=True, slots=True)
class Filing:
    """Under which source and collection files are stored; who may read them where the source does not say."""

    source: str
    collection: str = "default"
    groups: tuple[str, ...] = ()


class Reader:
    """Reads the files of one run. Several threads may share it, each with a parser of its own."""

    def __init__(
        self,
        source: Source,
        filing: Filing,
        known: Mapping[str, PlaceState],
        find: Callable[[str, str], str | None],
        embedder: EmbedderProtocol,
        settings: Settings,
        version: str,
    ) -> None:
        """``find(sha256, version)`` is the id of a stored document with that content, if there is one."""
        self._source = source
        self._filing = filing
        self._known = known
        self._find = find
        self._embedder = embedder
        self._settings = settings
        self._version = version
        self._own = threading.local()
        self._parsers: list[Parser] = []
        self._stopped = False
        self._underway: set[str] = set()
        self._lock = threading.Lock()
        # inner files by their archive, so that a folder of many archives is not searched for each
        self._inner: dict[str, list[str]] = {}
        for uri, state in known.items():
            if state.parent:
                self._inner.setdefault(state.parent, []).append(uri)

    def stop(self) -> None:
        """From another thread: end what is being parsed; the files that are read now count as unreadable."""
        with self._lock:
            self._stopped = True
            for parser in self._parsers:
                parser.interrupt()

    def close(self) -> None:
        """End the parsers' processes. Nobody may be reading any more."""
        for parser in self._parsers:
            parser.close()

    def read(self, file: SourceFile) -> Iterator[Outcome]:
        """What to do about one listed file; an archive or mail gives its inner files first, itself last.

        Raises nothing about the file itself. StoreError, DiskFullError when an original cannot be kept.
        """
        self._own.parts = 0
        place, known = self._place(file), self._known.get(file.uri)
        if known is not None and known.pipeline == self._version and _same_marks(file, known):
            yield from self._untouched(place, known)
            return
        try:
            fetched = self._source.fetch(file)
            limit = self._settings.ingest.max_file_mb
            if len(fetched.data) > limit * 1e6:
                raise TooLargeError(f"over {limit:g} MB (setting ingest.max_file_mb)")
            if not fetched.data:
                raise UnreadableFileError("the file is empty")
        except IngestError as error:
            yield Fail(place, "", error.message)
            return
        yield from self._content(_completed(place, fetched), file, fetched.data, 0)

    def again(self, attach: Attach) -> Iterator[Outcome]:
        """The outcome of a file whose twin came to nothing."""
        with self._lock:
            self._underway.clear()
        yield from self.read(attach.file)

    def _untouched(self, place: Place, known: PlaceState) -> Iterator[Outcome]:
        inner = self._inner_places(place)
        whole = sum(not self._known[one.uri].error for one in inner)
        if not _same_name(place, known):
            yield Touch((place, *inner))
        elif known.error:
            yield Fail(place, known.sha256, known.error)
        else:
            yield Unchanged(place.uri, whole)
        # what could not be read inside is told each time, too
        for one in inner:
            if error := self._known[one.uri].error:
                yield Fail(one, self._known[one.uri].sha256, error)

    def _inner_places(self, place: Place) -> list[Place]:
        """The known places inside a place, with its readers and collection."""
        found: list[Place] = []
        for uri in self._inner.get(place.uri, []):
            state = self._known[uri]
            one = Place(
                uri, state.title, place.source, place.uri, place.collection, state.size, state.modified,
                state.etag, stated_in_name(PurePosixPath(uri).name), place.groups,
            )  # fmt: skip
            found += [one, *self._inner_places(one)]
        return found

    def _content(self, place: Place, file: SourceFile, data: bytes, depth: int) -> Iterator[Outcome]:
        sha256 = hashlib.sha256(data).hexdigest()
        known = self._known.get(place.uri)
        if known is not None and (known.sha256, known.pipeline) == (sha256, self._version):
            inner = self._inner_places(place)
            yield Touch((place, *inner))
            if known.error:
                yield Fail(place, sha256, known.error)
            return
        if self._find(sha256, self._version) or (depth == 0 and not self._first(sha256)):
            yield Attach(place, sha256, file)
            return
        try:
            parsed = self._parser(depth).parse(data, file.name)
            for part in parsed.parts:
                self._count_part()
                yield from self._part(place, part, depth)
            if parsed.parts and not parsed.blocks:
                yield Contain(place, sha256)
                return
            document = to_document(parsed, place.title, sha256, len(data))
        except IngestError as error:
            yield Fail(place, sha256, error.message)
            return
        if self._settings.ingest.keep_originals:
            keep_original(self._settings.originals_dir, sha256, data)
        chunks = chunk(document, self._embedder.count_tokens, self._settings.ingest.chunk_tokens)
        yield Read(place, file if depth == 0 else None, document, chunks, sign(document), parsed.notes)

    def _part(self, parent: Place, part: Part, depth: int) -> Iterator[Outcome]:
        """A file inside of another: it is read as its container is, and by the same readers."""
        data = part.path.read_bytes()
        uri = f"{parent.uri}{INSIDE}{part.name}"
        bare = PurePosixPath(part.name).name
        place = replace(
            parent, uri=uri, title=title_of(bare), parent=parent.uri, size=len(data), etag="",
            edition=stated_in_name(bare),
        )  # fmt: skip
        try:
            check_depth(depth + 1, self._settings.ingest)
            if part.error or not data:
                raise UnreadableFileError(part.error or "the file is empty")
        except IngestError as error:
            yield Fail(place, hashlib.sha256(data).hexdigest(), error.message)
            return
        yield from self._content(place, SourceFile(uri, bare), data, depth + 1)

    def _count_part(self) -> None:
        """Archives in archives multiply: what one listed file may hold is counted over all of them."""
        self._own.parts += 1
        limit = self._settings.ingest.max_members
        if self._own.parts > limit:
            raise TooLargeError(f"it holds more than {limit:,} files in all (setting ingest.max_members)")

    def _first(self, sha256: str) -> bool:
        """Whether no other thread of this run has taken the same content."""
        with self._lock:
            first = sha256 not in self._underway
            self._underway.add(sha256)
            return first

    def _parser(self, depth: int) -> Parser:
        """A parser of this thread for files at this depth: what it unpacked stands until its next file."""
        own: list[Parser] = self._own.__dict__.setdefault("parsers", [])
        while len(own) <= depth:
            own.append(Parser(self._settings.ingest))
            with self._lock:
                self._parsers.append(own[-1])
                if self._stopped:
                    own[-1].interrupt()
        return own[depth]

    def _place(self, file: SourceFile) -> Place:
        return Place(
            uri=file.uri,
            title=file.title or title_of(file.name),
            source=self._filing.source,
            collection=self._filing.collection,
            size=file.size,
            modified=file.modified,
            etag=file.etag,
            edition=stated_in_name(file.name),
            groups=tuple(sorted(set(self._filing.groups if file.groups is None else file.groups))),
        )


def _same_marks(file: SourceFile, known: PlaceState) -> bool:
    marks = (file.size, file.modified, file.etag)
    # a source that tells nothing is asked for the content each time
    told = file.etag != "" or (file.size is not None and file.modified is not None)
    return told and marks == (known.size, known.modified, known.etag)


def _same_name(place: Place, known: PlaceState) -> bool:
    return (place.title, place.collection, place.groups) == (known.title, known.collection, known.groups)


def _completed(place: Place, fetched: Fetched) -> Place:
    """The place with what the source told only when it was asked for the content."""
    return replace(
        place,
        etag=place.etag or fetched.etag,
        modified=place.modified if place.modified is not None else fetched.modified,
    )
