"""`citewell doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from rag.settings import load_settings
from server.doctor import Finding, examine
from server.logs import configure_logging
from server.show import console

__all__ = ["doctor", "show_findings"]

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


def show_findings(out: Console, findings: Iterable[Finding]) -> None:
    """Each with its remedy below it."""
    for finding in findings:
        icon, colour = MARKS[finding.state]
        line = Text(f"{icon} {finding.state:<4} ", style=colour)
        line.append(f"{finding.area}, {finding.name}: {finding.detail}", style="default")
        out.print(line)
        if finding.remedy:
            out.print(Text(f"       → {finding.remedy}", style="bold"))


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check environment, models, vLLM, database and index. Ends with 1 when something is broken."""
    settings = load_settings()
    configure_logging(settings.log, quiet=True)
    findings = asyncio.run(examine(settings))
    broken = any(finding.state == "fail" for finding in findings)
    if as_json:
        checks = [asdict(finding) for finding in findings]
        typer.echo(json.dumps({"ok": not broken, "checks": checks}, ensure_ascii=False, indent=2))
    else:
        show_findings(console(), findings)
    raise typer.Exit(1 if broken else 0)
