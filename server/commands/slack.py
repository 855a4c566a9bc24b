"""`citewell slack`: the app to make in Slack, and whether everything is there."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer

from rag.settings import load_settings
from server.commands.doctor import show_findings
from server.logs import configure_logging
from server.show import console
from server.slack.check import check as look
from server.slack.manifest import manifest as manifest_of

__all__ = ["app"]

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The bot in Slack.")


@app.command("manifest")
def manifest(
    http: Annotated[
        bool, typer.Option("--http", help="Events over HTTP instead of Socket Mode (server.public_url).")
    ] = False,
    name: Annotated[str, typer.Option(help="What the app is called.")] = "Citewell",
) -> None:
    """Print the app's manifest: at api.slack.com/apps, choose "Create New App", "From a manifest"."""
    made = manifest_of(load_settings(), socket_mode=not http, name=name)
    typer.echo(json.dumps(made, indent=2, ensure_ascii=False))


@app.command("check")
def check(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Verify tokens, scopes and reachability. Ends with 1 when something is missing."""
    settings = load_settings()
    configure_logging(settings.log, quiet=True)
    findings = asyncio.run(look(settings))
    broken = any(finding.state == "fail" for finding in findings)
    if as_json:
        checks = [asdict(finding) for finding in findings]
        typer.echo(json.dumps({"ok": not broken, "checks": checks}, ensure_ascii=False, indent=2))
    else:
        show_findings(console(), findings)
    raise typer.Exit(1 if broken else 0)
