"""One run of an ingestion: what each outcome does to the database, and what is counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ingest.ahead import Behind, Finished
from ingest.chunk import chunk
from ingest.embed import SLICE, Embedded, embed
from ingest.index import Ledger, PlaceState, Prepared
from ingest.kin import sign
from ingest.read import INSIDE, Attach, Contain, Fail, Filing, Outcome, Read, Reader, Touch, Unchanged
from ingest.report import IngestReport, Progress
from ingest.source import Failure, SourceFile
from rag.errors import IndexStateError
from rag.models.protocols import EmbedderProtocol
from rag.settings import Settings
from rag.store import Store
from rag.types import Place, Space

__all__ = ["Batch", "Run"]

# So few removals at once are never taken for an accident
FEW = 10
# What was embedded together
Batch = Sequence[tuple[Read, Embedded]]


class Run:
    """Takes outcomes until all files are through, then settles what had to wait."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        embedder: EmbedderProtocol,
        filing: Filing,
        version: str,
        progress: Progress,
        cancelled: Callable[[], bool],
    ) -> None:
        self.settings = settings
        self.store = store
        self.embedder = embedder
        self.filing = filing
        self.version = version
        self.cancelled = cancelled
        self.seen: set[str] = set()
        self._progress = progress
        self._ledger = Ledger(store)
        self._counts: Counter[str] = Counter()
        self._failed: dict[str, Failure] = {}
        self._window: list[Read] = []
        self._twins: list[Attach] = []
        self._space: Space | None = None
        self._states: Mapping[str, PlaceState] = {}
        self._total = self._done = self._size = 0
        self._lock = threading.Lock()
        self._inner: dict[str, list[str]] = {}

    def begin(
        self, states: Mapping[str, PlaceState], files: Sequence[SourceFile], refused: Sequence[Failure]
    ) -> None:
        """Tell what there is to do."""
        self._states = states
        # by archive or mail, so that not all of a large source is looked through for each of its files
        for uri in states:
            steps = uri.split(INSIDE)
            for depth in range(1, len(steps)):
                self._inner.setdefault(INSIDE.join(steps[:depth]), []).append(uri)
        self._total = len(files)
        self._failed = {failure.source: failure for failure in refused}
        self._progress("scan", 0, len(files), "", sum(file.size or 0 for file in files))

    def take(self, outcome: Outcome | Finished, writer: Behind[Batch]) -> None:
        """Do what one outcome asks for; new text waits until there is enough to embed."""
        match outcome:
            case Finished(file=file, stored=stored):
                if stored:
                    self._through(file)
            case Read():
                self.seen.add(outcome.place.uri)
                if outcome.notes:
                    self._failed[outcome.place.uri] = Failure(outcome.place.uri, "; ".join(outcome.notes))
                self._window.append(outcome)
                self._progress("parse", self._done, self._total, outcome.name, self._size)
                if sum(len(read.chunks) for read in self._window) >= SLICE:
                    self.flush(writer)
            case Unchanged():
                self.seen.update((outcome.uri, *self._inner.get(outcome.uri, ())))
                self._counts["unchanged"] += 1 + outcome.inner
            case Touch():
                self._touch(outcome.places)
            case Attach():
                self.seen.add(outcome.place.uri)
                self._attach(outcome)
            case Contain():
                self.seen.add(outcome.place.uri)
                self._ledger.contain(outcome.place, outcome.sha256, self.version)
                known = self._states.get(outcome.place.uri)
                if known is not None and known.sha256 == outcome.sha256:
                    self._counts["unchanged"] += 1  # read again for the sake of a file inside
                else:
                    self._count(outcome.place)
            case Fail():
                self._fail(outcome)

    def flush(self, writer: Behind[Batch]) -> None:
        """Embed the passages that wait, together, and hand their documents to the writer."""
        window, self._window = self._window, []
        if not window:
            return  # not even asking the embedder for its dimension, which would load it
        self._progress("embed", self._done, self._total, window[-1].name, self._size)
        vectors = embed([(read.document.title, read.chunks) for read in window], self.embedder)
        writer.give(list(zip(window, vectors, strict=True)))

    def store_batch(self, batch: Batch) -> None:
        """Commit documents one by one."""
        for read, embedded in batch:
            prepared = Prepared(read.document, read.chunks, embedded, read.signature)
            self._ledger.put(prepared, [read.place], self.version, self._active())
            self._counts["chunks"] += len(prepared.chunks)
            self._count(read.place)
            if read.file is not None:
                self._through(read.file)

    def settle(self, reader: Reader) -> None:
        """Attach the files whose twin was still being read."""
        twins, self._twins = self._twins, []
        with Behind(self.store_batch) as writer:
            for twin in twins:
                if not self._attached(twin):
                    for outcome in reader.again(twin):
                        self.take(outcome, writer)
                    self.flush(writer)
                    writer.wait()

    def rename(self) -> None:
        """Call documents without a title of their own as the places are called that they lie in now."""
        for document, title in self._ledger.misnamed():
            named = replace(document, title=title)
            chunks = chunk(named, self.embedder.count_tokens, self.settings.ingest.chunk_tokens)
            (found,) = embed([(title, chunks)], self.embedder)
            self._ledger.put(Prepared(named, chunks, found, sign(named)), [], self.version, self._active())

    def remove(self, gone: Sequence[str], within: Callable[[str], bool], confirmed: bool) -> None:
        """Remove what is gone, unless that is suspiciously much."""
        there = sum(within(uri) for uri in self._states)
        share = self.settings.ingest.max_removed_share
        if len(gone) > FEW and len(gone) > share * there and not confirmed:
            self._counts["withheld"] = len(gone)
            return
        if gone:
            self._counts["removed"] = self._ledger.remove(self.filing.source, gone)

    def report(self, seconds: float) -> IngestReport:
        """What was done."""
        n = self._counts
        return IngestReport(
            added=n["added"],
            updated=n["updated"],
            unchanged=n["unchanged"],
            removed=n["removed"],
            failed=tuple(self._failed.values()),
            chunks=n["chunks"],
            seconds=seconds,
            withheld=n["withheld"],
            cancelled=self.cancelled(),
        )

    # ---------------------------------------------------------------- one outcome

    def _through(self, file: SourceFile) -> None:
        # called by the thread that embeds and by the one that writes
        with self._lock:
            self._done += 1
            self._size += file.size or 0
            self._progress("store", self._done, self._total, file.name, self._size)

    def _count(self, place: Place) -> None:
        known = self._states.get(place.uri)
        had = known is not None and not (known.error and known.document_id is None)
        self._counts["updated" if had else "added"] += 1

    def _touch(self, places: Sequence[Place]) -> None:
        for place in places:
            self.seen.add(place.uri)
            self._ledger.touch(place)
            self._counts["unchanged"] += not self._states[place.uri].error

    def _attach(self, outcome: Attach) -> None:
        if not self._attached(outcome):
            self._twins.append(outcome)

    def _attached(self, outcome: Attach) -> bool:
        # found again: it may have been replaced since, or turn out to hold other files
        stored = self._ledger.find(outcome.sha256, self.version)
        if stored is None or not self._ledger.attach(outcome.place, stored, self.version):
            return False
        self._count(outcome.place)
        return True

    def _fail(self, outcome: Fail) -> None:
        place, known = outcome.place, self._states.get(outcome.place.uri)
        self.seen.update((place.uri, *self._inner.get(place.uri, ())))
        self._failed[place.uri] = Failure(place.uri, outcome.error)
        again = known is not None and (known.error, known.pipeline) == (outcome.error, self.version)
        same = known is not None and (known.size, known.modified, known.etag) == (
            place.size, place.modified, place.etag,
        )  # fmt: skip
        if outcome.sha256 and not (again and same):
            self._ledger.fail(place, outcome.sha256, self.version, outcome.error)

    def _active(self) -> Space:
        """The space that new vectors belong to. Raises IndexStateError when it is another embedder's."""
        space = self._ledger.active_space(self.embedder.fingerprint, self.embedder.dimension)
        if space.fingerprint != self.embedder.fingerprint:
            raise IndexStateError(
                f"The documents are embedded by {space.fingerprint}, not by {self.embedder.fingerprint}.",
                "`citewell refine` moves all documents to the embedder of the settings.",
            )
        return space
