"""The command ``citewell``.

A command's module is imported when that command is called: ``citewell --help`` must not wait seconds for
the libraries that answering needs. That is why each command's one-line help stands here.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import threading
import time
from importlib import metadata
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from rag.errors import CitewellError

__all__ = ["COMMANDS", "app", "main"]

WRONG = 2  # something that the reader can put right
UNEXPECTED = 1
INTERRUPTED = 130
WORK_THREAD = "citewell-work"
PATIENCE_S = 3.0

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("server.commands.up:up", "Start everything: models, documents, vLLM and the server."),
    "ask": ("server.commands.ask:ask", "Answer a question from the documents, every sentence checked."),
    "search": ("server.commands.search:search", "Find passages in the documents."),
    "mcp": ("server.commands.mcp:mcp", "Serve search and answers to a program over stdio (MCP)."),
    "ingest": ("server.commands.ingest:ingest", "Bring documents in."),
    "refine": ("server.commands.refine:refine", "Embed sentences left for later; move to another embedder."),
    "source": ("server.commands.source:app", "Add, list, sync and remove sources of documents."),
    "jobs": ("server.commands.jobs:app", "Show, watch and cancel jobs of the worker."),
    "worker": (
        "server.commands.worker:worker",
        "Sync sources beside the answers, on request and by schedule.",
    ),
    "serve": ("server.commands.serve:serve", "Serve the HTTP API on this machine."),
    "user": ("server.commands.user:app", "Add, list, change and disable accounts."),
    "key": ("server.commands.key:app", "Make, list and revoke API keys."),
    "audit": ("server.commands.audit:app", "Export the record of answers; erase a person from it."),
    "model": ("server.commands.model:app", "List, fetch and serve models."),
    "slack": ("server.commands.slack:app", "Print the manifest of the Slack app; check the connection."),
    "eval": ("server.commands.eval:app", "Measure answers on a question set; compare; draft a set."),
    "doctor": ("server.commands.doctor:doctor", "Check this installation and say what to do about it."),
    "config": ("server.commands.config:app", "Show the settings, where they come from and what they mean."),
}


def _load(name: str) -> Any:  # noqa: ANN401 - click's own class, which typer keeps private
    """The command, with its module."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    target = getattr(importlib.import_module(module), attribute)
    if not isinstance(target, typer.Typer):
        command, target = target, typer.Typer(add_completion=False)
        target.command(name)(command)
    loaded = typer.main.get_command(target)
    loaded.name = name
    return loaded


def show_error(error: CitewellError) -> None:
    """One red line on what happened, one on what to do."""
    typer.secho(error.message, fg=typer.colors.RED, err=True)
    if error.remedy:
        typer.echo(error.remedy, err=True)


def _debugging() -> bool:
    # imported late: reading settings takes longer than all of `citewell --help`
    from rag.settings import load_settings

    try:
        return load_settings().log.level == "DEBUG"
    except CitewellError:
        return False


class _Commands(typer.core.TyperGroup):
    """Lists commands without importing them, and turns errors into lines and exit codes."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(**attributes)
        # stand-ins that know their one line of help: enough for the list of commands and for "did you mean"
        self.commands = {
            name: typer.core.TyperCommand(name, help=line) for name, (_, line) in COMMANDS.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        name, stand_in, rest = super().resolve_command(ctx, args)
        return name, stand_in if name is None else _load(name), rest

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        try:
            return super().invoke(ctx)
        except CitewellError as error:
            if _debugging():
                logging.getLogger(__name__).exception("Failed")
            show_error(error)
            raise typer.Exit(WRONG) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error


app = typer.Typer(
    name="citewell",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Answers from your own documents, every sentence checked and cited.",
)


def _version(wanted: bool) -> None:
    if wanted:
        try:
            number = metadata.version("citewell")
        except metadata.PackageNotFoundError:
            number = "(not installed)"
        typer.echo(f"citewell {number}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Answers from your own documents, every sentence checked and cited."""


def _leave(end: SystemExit) -> None:
    """End the program though a thread may still be at work inside a library (see server/background.py).

    Python would take its modules away under such a thread, which then crashes; so the process ends
    without that, and takes along the processes that the thread may be waiting for.
    """
    working = [thread for thread in threading.enumerate() if thread.name == WORK_THREAD]
    deadline = time.monotonic() + PATIENCE_S
    for thread in working:
        thread.join(max(0.0, deadline - time.monotonic()))
    if not any(thread.is_alive() for thread in working):
        raise end
    import psutil  # late: it takes longer than all of `citewell --help`

    for child in psutil.Process().children(recursive=True):  # type: ignore[no-untyped-call]
        with contextlib.suppress(psutil.Error):
            child.terminate()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(end.code if isinstance(end.code, int) else UNEXPECTED)


def main() -> None:
    """Entry point of the script ``citewell``. Exit codes: 2 for what the reader can put right, 1 for the
    unexpected.
    """
    for stream in (sys.stdout, sys.stderr):
        # a terminal that cannot show a character must not end the answer
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        app()
    except SystemExit as end:
        _leave(end)
    except KeyboardInterrupt:
        _leave(SystemExit(INTERRUPTED))
    except Exception as error:
        if _debugging():
            raise
        typer.secho(f"Unexpected error: {type(error).__name__}: {error}", fg=typer.colors.RED, err=True)
        typer.echo("Set CITEWELL_LOG__LEVEL=DEBUG to see where; `citewell doctor` may know why.", err=True)
        sys.exit(UNEXPECTED)


if __name__ == "__main__":
    main()
