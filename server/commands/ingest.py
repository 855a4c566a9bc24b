"""`citewell ingest`: bring documents in, with a bar while it works and a table at the end."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from ingest.pipeline import ingest as run
from ingest.report import IngestReport, Phase, Progress, silent
from rag.models.embedder import Embedder
from rag.models.folder import require_model
from rag.models.protocols import Floats, TextKind, TokenVectors
from rag.settings import Settings, load_settings
from rag.store import Store
from rag.types import Span

__all__ = ["LazyEmbedder", "ingest"]

SOME_FAILED = 3


class LazyEmbedder:
    """The embedder of the settings, loaded when first used: an ingestion that finds nothing new must not wait
    seconds for torch.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        _, record = require_model(settings.embedder.model, settings.models_dir)
        self.fingerprint = f"{record.name}@{record.revision}"

    @functools.cached_property
    def _loaded(self) -> Embedder:
        return Embedder.load(self._settings.embedder, self._settings.models_dir)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._loaded.dimension

    @property
    def max_tokens(self) -> int:
        """Tokens that one forward pass takes."""
        return self._loaded.max_tokens

    def embed_queries(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of questions, float32 [n, d]."""
        return self._loaded.embed_queries(texts)

    def embed_passages(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of passages, float32 [n, d]."""
        return self._loaded.embed_passages(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without prompt and special tokens."""
        return self._loaded.count_tokens(texts)

    def token_spans(self, text: str) -> list[Span]:
        """Characters of each token."""
        return self._loaded.token_spans(text)

    def token_vectors(self, texts: Sequence[str], kind: TextKind) -> list[TokenVectors]:
        """The tokens' last hidden states at unit length."""
        return self._loaded.token_vectors(texts, kind)


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders to ingest.", metavar="PATH...")],
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove documents whose files under PATH are gone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Read documents into the database: new and changed ones only. Ends with 3 when some files could not be
    read.
    """
    settings = load_settings()
    store = Store.open(settings)
    try:
        with _shown(Console(stderr=True)) as progress:
            report = run(
                paths,
                settings=settings,
                store=store,
                embedder=LazyEmbedder(settings),
                prune=prune,
                progress=progress,
            )
    finally:
        store.close()
    if as_json:
        typer.echo(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        _print(report, Console())
    if report.failed:
        raise typer.Exit(SOME_FAILED)


@contextlib.contextmanager
def _shown(console: Console) -> Iterator[Progress]:
    """A bar on a terminal, by bytes of the sources; nothing where the output goes to a file."""
    if not console.is_terminal:
        yield silent
        return
    bar = Bar(
        TextColumn("{task.description}", table_column=None),
        BarColumn(),
        MofNCompleteColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        yield _Shown(bar)


class _Shown:
    """Progress of the pipeline on a rich bar: bytes move the bar and give rate and time left, files are
    counted beside the name.
    """

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("listing files", total=None)

    def __call__(self, phase: Phase, done: int, total: int, name: str, size: int) -> None:
        if phase == "scan":
            self._bar.update(self._task, total=max(size, 1))
            return
        # names may hold anything, also line ends and rich's own markup
        flat = "".join(c if c.isprintable() else "?" for c in name)
        short = flat if len(flat) <= 32 else f"{flat[:31]}…"
        self._bar.update(self._task, completed=size, description=f"{done}/{total} {short.replace('[', '(')}")


def _print(report: IngestReport, console: Console) -> None:
    table = Table("added", "updated", "unchanged", "removed", "failed", "chunks", "seconds")
    table.add_row(
        *(
            str(n)
            for n in (report.added, report.updated, report.unchanged, report.removed, len(report.failed))
        ),
        str(report.chunks),
        f"{report.seconds:.1f}",
    )
    console.print(table)
    if report.failed:
        failures = Table("could not be read", "why")
        for failure in report.failed:
            name = "".join(c if c.isprintable() else "?" for c in failure.source)
            failures.add_row(Text(name, overflow="fold"), Text(failure.error))
        console.print(failures)
