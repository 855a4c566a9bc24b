"""The document path, in order: source -> read (parse, chunk) -> embed -> index, then what is gone is removed.

The steps overlap: threads read ahead, this one embeds, another writes; so an ingestion takes about as long as
its embedding alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from ingest.access import narrow
from ingest.ahead import Ahead, Behind
from ingest.filing import Run
from ingest.index import Ledger, PlaceState
from ingest.lock import alone, ingest_lock
from ingest.originals import sweep_originals
from ingest.read import INSIDE, Filing, Reader
from ingest.report import IngestReport, Progress, silent
from ingest.source import Failure, Known, Source, SourceFile
from ingest.sources import open_source
from ingest.sources.paths import PathsSource
from rag.models.protocols import EmbedderProtocol
from rag.settings import Settings, SourceSettings
from rag.store import Store

__all__ = ["PIPELINE", "fingerprint", "ingest", "sync"]

# Grows when parsers or chunker would make something else of the same bytes; every file is then ingested anew
PIPELINE = 5


def _never() -> bool:
    return False


def fingerprint(settings: Settings) -> str:
    """Names everything that decides which passages a file's bytes become."""
    return f"{PIPELINE}/{settings.ingest.chunk_tokens}"


def ingest(
    paths: Sequence[Path],
    *,
    settings: Settings,
    store: Store,
    embedder: EmbedderProtocol,
    prune: bool = False,
    confirm_removals: bool = False,
    retry: bool = False,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = _never,
) -> IngestReport:
    """Bring the store up to date with the files at and under ``paths``; a file that cannot be read is
    reported, the others go on.

    Each document is replaced in one transaction, so that an interruption at any moment leaves whole
    documents, old or new; the next call does the rest. A file that is there but unreadable keeps the version
    that was ingested before; it is not tried again before it changes, unless ``retry``. With ``prune``,
    documents whose files under ``paths`` are gone are removed (see ``sync`` for the guard). Raises
    SourceNotFoundError, MachineError (another ingestion is running), StoreError, DiskFullError,
    IndexStateError.
    """
    source = PathsSource(paths, settings)
    within = source.covers if prune else lambda uri: False
    run = Run(settings, store, embedder, Filing(""), fingerprint(settings), progress or silent, cancelled)
    return _bring(source, run, within, confirm_removals, retry)


def sync(
    name: str,
    config: SourceSettings,
    *,
    settings: Settings,
    store: Store,
    embedder: EmbedderProtocol,
    confirm_removals: bool = False,
    retry: bool = False,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = _never,
) -> IngestReport:
    """Bring the store up to date with a source: new and changed files are read, what vanished is removed.

    When more than ``ingest.max_removed_share`` of the source's files would go at once, they are kept and
    counted as withheld, unless ``confirm_removals``: an empty drive that is mounted where the documents were
    must not empty the store. Raises as ``ingest`` does, and SourceUnavailableError when the source cannot be
    listed; nothing is then changed.
    """
    filing = Filing(name, config.collection, config.groups)
    run = Run(settings, store, embedder, filing, fingerprint(settings), progress or silent, cancelled)
    return _bring(open_source(name, config, settings), run, lambda uri: True, confirm_removals, retry)


def _bring(
    source: Source, run: Run, within: Callable[[str], bool], confirm_removals: bool, retry: bool
) -> IngestReport:
    begin = time.monotonic()
    settings, ledger = run.settings, Ledger(run.store)
    try:
        with ingest_lock(settings.home, run.filing.source) as held:
            states = ledger.states(run.filing.source)
            files, refused = _listed(source, states)
            if fewer := _narrowed(states, refused):
                ledger.admit(run.filing.source, fewer)
                states = ledger.states(run.filing.source)
            known = _without_failed(states) if retry else states
            run.begin(states, files, refused)
            reader = Reader(source, run.filing, known, ledger.find, run.embedder, settings, run.version)
            with closing(reader):
                ahead = Ahead(reader, files, settings.ingest.readers)
                with Behind(run.store_batch) as writer, ahead as outcomes:
                    for outcome in outcomes:
                        run.take(outcome, writer)
                        if run.cancelled():
                            break
                    run.flush(writer)
                if not run.cancelled():
                    run.settle(reader)
            if not run.cancelled():
                gone = [uri for uri in _gone(states, run.seen, files, refused) if within(uri)]
                run.remove(gone, within, confirm_removals)
                run.rename()
            if settings.ingest.keep_originals and alone(held):
                sweep_originals(settings.originals_dir, run.store.originals())
    finally:
        source.close()
    return run.report(round(time.monotonic() - begin, 3))


def _without_failed(states: Mapping[str, PlaceState]) -> dict[str, PlaceState]:
    """The states without those of files that could not be read, and of the archives and mails around them."""
    left = dict(states)
    for uri, state in states.items():
        if state.error:
            while uri in left:
                uri = left.pop(uri).parent
    return left


def _listed(source: Source, states: Mapping[str, PlaceState]) -> tuple[list[SourceFile], list[Failure]]:
    """What the source has, each file once, and what had to be refused."""
    known = {uri: Known(state.size, state.modified, state.etag) for uri, state in states.items()}
    files: dict[str, SourceFile] = {}
    refused: dict[str, Failure] = {}
    for item in source.list(known):
        if isinstance(item, Failure):
            refused[item.source] = item
        else:
            files[item.uri] = item
    return list(files.values()), list(refused.values())


def _narrowed(states: Mapping[str, PlaceState], refused: Sequence[Failure]) -> dict[str, tuple[str, ...]]:
    """New readers, by uri, of what is kept although it cannot be read now: the rules may have become stricter
    since it could.
    """
    fewer: dict[str, tuple[str, ...]] = {}
    for failure in refused:
        if failure.groups is None:
            continue
        for uri, state in states.items():
            if uri == failure.source or uri.startswith(_below(failure)):
                groups = narrow(fewer.get(uri, state.groups), failure.groups)
                if set(groups) != set(state.groups):
                    fewer[uri] = groups
    return fewer


def _below(failure: Failure) -> tuple[str, ...]:
    return tuple(failure.source.rstrip("/") + mark for mark in ("/", INSIDE))


def _gone(
    states: Mapping[str, PlaceState],
    seen: set[str],
    files: Sequence[SourceFile],
    refused: Sequence[Failure],
) -> list[str]:
    """Of the known uris those that were not met any more.

    A file that is there but refused is not gone, nor is anything in a folder that could not be listed or in
    an archive that could not be read: a network drive that is away for an hour must not empty the store.
    """
    kept = seen | {file.uri for file in files} | {failure.source for failure in refused}
    below = tuple(mark for failure in refused for mark in _below(failure))
    return [uri for uri in states if uri not in kept and not uri.startswith(below)]
