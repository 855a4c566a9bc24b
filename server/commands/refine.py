"""`citewell refine`: sentences' vectors, and the move to the embedder of the settings."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer
from rich.console import Console

from ingest.refine import refine as run
from rag.models.lazy import LazyEmbedder
from rag.settings import load_settings
from rag.store import Store
from server.ingest_progress import shown

__all__ = ["refine"]


def refine(
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Embed the sentences that ingestion left for later, and move all documents to the embedder of the
    settings (embedder.model) when that has changed.

    Questions are answered all the while. It may be stopped at any time and goes on where it was.
    """
    settings = load_settings()
    store = Store.open(settings)
    try:
        with shown(Console(stderr=True)) as progress:
            done = run(
                settings=settings,
                store=store,
                load=lambda model: LazyEmbedder(settings, model),
                progress=progress,
            )
    finally:
        store.close()
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(done)))
        return
    if done.moved_to:
        typer.echo(f"All documents are now embedded by {done.moved_to}.")
    typer.echo(f"{done.passages} passages and the sentences of {done.sentences} passages embedded.")
