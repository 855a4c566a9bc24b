"""`citewell ingest`: bring documents in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ingest.pipeline import ingest as run
from ingest.refine import refine
from rag.models.lazy import LazyEmbedder
from rag.settings import load_settings
from rag.store import Store
from server.ingest_progress import print_report, shown

__all__ = ["ingest"]

SOME_FAILED = 3


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders to ingest.", metavar="PATH...")],
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove documents whose files under PATH are gone.")
    ] = False,
    confirm_removals: Annotated[
        bool, typer.Option("--confirm-removals", help="With --prune: also when it is a large share of them.")
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try files again that could not be read and have not changed.")
    ] = False,
    sentences: Annotated[
        bool,
        typer.Option(
            help="Embed single sentences too when all documents are in. Without, questions embed those that "
            "they need, which takes them longer; `citewell refine` does it later."
        ),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Read documents into the database: new and changed ones only.

    Documents answer as soon as they are stored. Ends with 3 when some files could not be read.
    """
    settings = load_settings()
    store = Store.open(settings)
    try:
        embedder = LazyEmbedder.of(store, settings)
        with shown(Console(stderr=True)) as progress:
            report = run(
                paths,
                settings=settings,
                store=store,
                embedder=embedder,
                prune=prune,
                confirm_removals=confirm_removals,
                retry=retry,
                progress=progress,
            )
            if sentences:
                refine(settings=settings, store=store, load=embedder.named, progress=progress)
    finally:
        store.close()
    if as_json:
        typer.echo(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        print_report(report, Console())
    if report.failed:
        raise typer.Exit(SOME_FAILED)
