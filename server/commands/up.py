"""`citewell up`: from nothing to answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from rag.settings import load_settings
from server.listen import run_until_signal
from server.logs import configure_logging
from server.progress import Steps
from server.show import console
from server.up import Up

__all__ = ["up"]

SIGNALLED = 128


async def _up(documents: Path | None, once: bool) -> int:
    settings = load_settings()
    configure_logging(settings.log, quiet=True)
    started = Up(settings, steps=Steps(console(stderr=True)), out=console(), documents=documents)
    signal = await run_until_signal(started.run(once=once))
    # once it answers, a signal is the ordinary way to end it
    return 0 if signal is None or started.answering else SIGNALLED + signal


def up(
    documents: Annotated[
        Path | None, typer.Option(help="Ingest this folder instead of the sample documents.", exists=True)
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End after the two answers.")] = False,
) -> None:
    """Fetch what is missing, start vLLM and the server, answer two questions, and stay up until Ctrl-C.

    Sample documents are ingested when there are none yet. Everything that was started is stopped at the end.
    """
    raise typer.Exit(asyncio.run(_up(documents, once)))
