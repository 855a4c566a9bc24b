"""`citewell config show`: every setting, its value, where that came from and what it means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from rag.changed_settings import read_changes, with_changes
from rag.settings import Settings, load_settings, show_settings
from rag.store import Store
from server.show import console

__all__ = ["app"]

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Settings.")


@app.callback()
def _config() -> None:
    """Show the settings, where they come from and what they mean."""


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a setting may be
    return str(value) if isinstance(value, Path) else value


def _changes(settings: Settings) -> dict[str, Any]:
    """What administrators changed; nothing is made where there is no database yet."""
    if not (settings.home / "citewell.db").exists():
        return {}
    store = Store.open(settings)
    try:
        return read_changes(store)
    finally:
        store.close()


@app.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print each setting with its value, its origin and its meaning."""
    settings = load_settings()
    changes = _changes(settings)
    shown = show_settings(with_changes(settings, changes), changes)
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
