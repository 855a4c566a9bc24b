"""`citewell model`: what models there are, fetching them, and serving the generator."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from rag.errors import CitewellError
from rag.models.catalogue import CatalogueEntry, FolderEntry, catalogue, find, folder_entries
from rag.models.fetch import import_path, is_current, pull
from rag.models.folder import read_record
from rag.models.protocols import Progress as ProgressProtocol
from rag.settings import Settings, load_settings
from server.commands.probe import app as probe
from server.show import console

__all__ = ["app", "progress_bars"]

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Models.")
app.add_typer(probe, name="probe")

BYTES = {"downloading", "joining", "verifying", "copying"}


@app.callback()
def _model() -> None:
    """List, fetch and serve models."""


class _Transfer(ProgressColumn):
    """A column that is shown for stages that are counted in bytes and empty for others."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        return self._column.render(task) if task.total else Text("")


@contextmanager
def progress_bars(name: str) -> Iterator[ProgressProtocol]:
    """A Progress that draws a bar for each stage: bytes with rate and time left, else the time it takes."""
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        _Transfer(DownloadColumn()),
        _Transfer(TransferSpeedColumn()),
        _Transfer(TimeRemainingColumn()),
        TimeElapsedColumn(),
        console=console(stderr=True),
        transient=False,
    )
    tasks: dict[str, TaskID] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            for other in tasks.values():
                bars.stop_task(other)
            tasks[stage] = bars.add_task(f"{name}: {stage}", total=total or None)
        bars.update(tasks[stage], completed=done if stage in BYTES else 0, total=total or None)

    with bars:
        yield show


def _row(entry: CatalogueEntry, settings: Settings) -> dict[str, object]:
    return {
        "name": entry.name,
        "task": entry.task,
        "parameters": entry.parameters,
        "size": entry.size,
        "finished_size": entry.finished_size,
        "languages": list(entry.languages),
        "licence": entry.licence,
        "open_source": entry.open_source,
        "publisher": entry.publisher,
        "sources": list(entry.sources),
        "revision": entry.revision,
        "file": entry.file,
        "sha256": entry.sha256,
        "installed": is_current(entry, settings.models_dir),
        "default": entry.name in {settings.embedder.model, settings.generator.model},
    }


def _folder_row(entry: FolderEntry, settings: Settings) -> dict[str, object]:
    """The same facts; what is not pinned is null, or as it was recorded when the model was imported."""
    record = read_record(settings.models_dir / entry.name)
    return {
        **dict.fromkeys(("size", "finished_size", "file")),
        **asdict(entry),
        "sources": [f"{entry.publisher}, as a folder"],
        "revision": record.revision if record else None,
        "sha256": record.sha256 if record else None,
        "installed": record is not None,
        "default": False,
    }


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:.1f}B" if parameters >= 1e9 else f"{parameters / 1e6:.0f}M"


@app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every model of the catalogue."""
    settings = load_settings()
    rows = [_row(entry, settings) for entry in catalogue()]
    rows += [_folder_row(entry, settings) for entry in folder_entries()]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        _show(row)


def _show(row: Mapping[str, Any]) -> None:
    out = console()
    line = Text(row["name"], style="bold")
    line.append(
        "  ✓ on this machine" if row["installed"] else "  - not fetched",
        style="green" if row["installed"] else "dim",
    )
    if row["default"]:
        line.append("  (in use)", style="cyan")
    out.print(line)
    grid = Table.grid(padding=(0, 2))
    kind = "open source" if row["open_source"] else "not an open-source licence"
    facts = {
        "task": f"{row['task']}, {_count(row['parameters'])} parameters",
        "languages": ", ".join(row["languages"]),
        "licence": f"{row['licence']} ({kind})",
    }
    if row["size"]:
        facts["size"] = f"{row['size'] / 1e6:,.0f} MB to fetch, {row['finished_size'] / 1e6:,.0f} MB on disk"
    facts["sources"] = "; ".join(row["sources"])
    facts["revision"] = row["revision"] or "none is pinned"
    facts["sha256"] = row["sha256"] or "none is pinned: `citewell model import` records them"
    for name, value in facts.items():
        grid.add_row(Text(f"  {name}", style="dim"), Text(value))
    out.print(grid)


@app.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(help="Name in the catalogue.")],
    hub: Annotated[
        str, typer.Option(help="Base URL of a mirror of the model hub, instead of the publisher's.")
    ] = "",
) -> None:
    """Fetch a model, verify it and make it ready. Goes on from where an earlier run was stopped."""
    settings = load_settings()
    entry = find(name)
    if is_current(entry, settings.models_dir):
        console().print(f"{name} is here already: {settings.models_dir / name}")
        return
    with progress_bars(name) as progress:
        folder = pull(entry, settings.models_dir, progress, hub=hub)
    console().print(f"{name} is ready: {folder}")


@app.command("import")
def import_model(
    path: Annotated[
        Path, typer.Argument(help="The published file, a folder that holds it, or a model folder.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="Name in the catalogue, or a new one for a model of yours.")
    ] = None,
) -> None:
    """Take a model from a file or folder on this machine.

    What the catalogue pins is compared with it. Of any other folder nothing is known beforehand: the sha256
    of each file is recorded now, so that a later change is noticed, but whether these are the publisher's
    files is for you to compare. An entailment model for the check of sentences is taken so; `--name` is then
    what the setting check.entailment_model says.
    """
    settings = load_settings()
    with progress_bars(name or path.name) as progress:
        folder = import_path(name, path.expanduser(), settings.models_dir, progress)
    console().print(f"{folder.name} is ready: {folder}")


@app.command("serve")
def serve_model() -> None:
    """Start vLLM with the configured generator and watch it, until Ctrl-C."""
    asyncio.run(_serve(load_settings()))


async def _serve(settings: Settings) -> None:
    from server.generator import Generator

    out = console(stderr=True)
    generator = Generator(settings)
    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)

    def report(error: CitewellError) -> None:
        out.print(Text(error.message, style="red"))
        out.print("Starting it again.")

    async def run() -> None:
        with progress_bars(settings.generator.model) as progress:
            await generator.start(progress)
            await generator.wait_ready()
        where = f"{settings.generator.model} answers at {settings.generator_url}"
        out.print(f"{where} (log: {generator.log}). Ctrl-C ends it.")
        await generator.watch(report)

    running, stop = asyncio.create_task(run()), asyncio.create_task(interrupted.wait())
    try:
        await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await generator.stop()
        stop.cancel()
        if not running.done():
            running.cancel()
    if not interrupted.is_set():
        await running
