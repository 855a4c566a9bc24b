"""`citewell config show`: every setting, its value, where that came from and what it means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from rag.settings import load_settings, show_settings
from server.show import console

__all__ = ["app"]

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Settings.")


@app.callback()
def _config() -> None:
    """Show the settings, where they come from and what they mean."""


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a setting may be
    return str(value) if isinstance(value, Path) else value


@app.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print each setting with its value, its origin and its meaning."""
    shown = show_settings(load_settings())
    if as_json:
        rows = [
            {
                "name": setting.name,
                "value": _plain(setting.value),
                "origin": setting.origin,
                "variable": setting.variable,
                "description": setting.description,
            }
            for setting in shown
        ]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    out = console()
    for setting in shown:
        line = Text(setting.name, style="bold")
        line.append(f" = {json.dumps(_plain(setting.value), ensure_ascii=False)}", style="default")
        line.append(f"  ({setting.origin})", style="cyan" if setting.origin != "default" else "dim")
        out.print(line)
        out.print(Text(f"    {setting.description}  {setting.variable}", style="dim"))
