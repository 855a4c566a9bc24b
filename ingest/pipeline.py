"""The document path, in order: source -> parse -> chunk -> embed -> index."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.chunk import chunk
from ingest.embed import SLICE, embed
from ingest.index import keep_original, publish, sweep_originals
from ingest.lock import ingest_lock
from ingest.parse import Parser
from ingest.parse_blocks import to_document
from ingest.report import IngestReport, Progress, silent
from ingest.source import Failure, SourceFile, gone, scan
from rag.errors import IngestError
from rag.models.protocols import EmbedderProtocol
from rag.settings import Settings
from rag.store import DocumentState, Store
from rag.types import Chunk, Document

__all__ = ["PIPELINE", "fingerprint", "ingest"]

# Grows when parsers or chunker would make something else of the same bytes; every file is then ingested anew
PIPELINE = 4


def fingerprint(settings: Settings, embedder: EmbedderProtocol) -> str:
    """Names everything that decides what becomes of a file's bytes."""
    return f"{PIPELINE}/{settings.ingest.chunk_tokens}/{embedder.fingerprint}"


def ingest(
    paths: Sequence[Path],
    *,
    settings: Settings,
    store: Store,
    embedder: EmbedderProtocol,
    prune: bool = False,
    progress: Progress | None = None,
) -> IngestReport:
    """Bring the store up to date with the files at and under ``paths``; a file that cannot be read is
    reported, the others go on.

    Each document is replaced in one transaction, so that an interruption at any moment leaves whole
    documents, old or new; the next call does the rest. A file that is there but unreadable keeps the version
    that was ingested before. With ``prune``, documents whose files under ``paths`` are gone are removed.
    Raises SourceNotFoundError, MachineError (another ingestion is running), StoreError, DiskFullError,
    IndexStateError.
    """
    begin = time.monotonic()
    with ingest_lock(settings.home):
        files, refused = scan(paths, settings.ingest)
        version = fingerprint(settings, embedder)
        run = _Run(
            settings, store, embedder, progress or silent, store.states(), version, len(files), list(refused)
        )
        run.progress("scan", 0, len(files), "", sum(file.size for file in files))
        with Parser(settings.ingest) as parser:
            for file in files:
                run.take(file, parser)
                if sum(len(chunks) for _, _, chunks in run.window) >= SLICE:
                    run.flush()
        run.flush()
        lost = gone(run.states, paths, files, refused) if prune else []
        removed = store.remove_documents(lost) if lost else 0
        if settings.ingest.keep_originals:
            sweep_originals(settings.originals_dir, store.originals())
    n, seconds = run.counts, round(time.monotonic() - begin, 3)
    failed = tuple(run.failed)
    return IngestReport(n["added"], n["updated"], n["unchanged"], removed, failed, n["chunks"], seconds)


@dataclass(slots=True)
class _Run:
    """The state of one ingestion. ``window`` holds documents that wait to be embedded together."""

    settings: Settings
    store: Store
    embedder: EmbedderProtocol
    progress: Progress
    states: Mapping[str, DocumentState]
    version: str
    total: int
    failed: list[Failure]
    window: list[tuple[SourceFile, Document, list[Chunk]]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    done: int = 0
    size: int = 0

    def take(self, file: SourceFile, parser: Parser) -> None:
        """Put one file into the window, unless it is as it was or cannot be read."""
        known = self.states.get(file.uri)
        if known is not None and known.pipeline != self.version:
            known = None
        if known and (known.size, known.modified) == (file.size, file.modified):
            return self._finish(file, "unchanged")
        self.progress("parse", self.done, self.total, file.name, self.size)
        try:
            data = file.read()
            sha256 = hashlib.sha256(data).hexdigest()
            if known and known.sha256 == sha256:
                self.store.touch(file.uri, len(data), file.modified)
                return self._finish(file, "unchanged")
            parsed = parser.parse(data, file.name)
            document = to_document(parsed, file.uri, sha256, len(data), file.modified, file.groups)
        except IngestError as error:
            self.failed.append(Failure(file.uri, error.message))
            return self._finish(file, "failed")
        chunks = chunk(document, self.embedder.count_tokens, self.settings.ingest.chunk_tokens)
        if self.settings.ingest.keep_originals:
            keep_original(self.settings.originals_dir, sha256, data)
        self.window.append((file, document, chunks))

    def flush(self) -> None:
        """Embed the chunks of the window together, then commit its documents one by one."""
        window, self.window = self.window, []
        if not window:
            return  # not even asking the embedder for its dimension, which would load it
        before, pieces = self.size, sum(len(chunks) for _, _, chunks in window)
        size = sum(file.size for file, _, _ in window)

        def told(count: int) -> None:
            self.size = before + size * count // pieces
            self.progress("embed", self.done, self.total, window[-1][0].name, self.size)

        vectors = embed([(document.title, chunks) for _, document, chunks in window], self.embedder, told)
        for (file, document, chunks), found in zip(window, vectors, strict=True):
            publish(self.store, document, chunks, found, self.version)
            self.counts["chunks"] += len(chunks)
            self._finish(file, "updated" if file.uri in self.states else "added", size=0)

    def _finish(self, file: SourceFile, outcome: str, size: int | None = None) -> None:
        self.counts[outcome] += 1
        self.done += 1
        self.size += file.size if size is None else size
        self.progress("store", self.done, self.total, file.name, self.size)
