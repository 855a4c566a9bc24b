"""`citewell key`: API keys for programs."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.table import Table

from server.auth.keys import Keys
from server.auth.people import People
from server.auth.principal import OPERATOR, Scope
from server.commands.user import opened
from server.schema_people import KeyMade, KeyOut, key_out
from server.show import console

__all__ = ["app"]

DAY_S = 86_400.0

app = typer.Typer(add_completion=False, no_args_is_help=True, help="API keys for programs.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    user: Annotated[str, typer.Option(help="In whose name; without, the operator's.")] = OPERATOR.id,
    scope: Annotated[
        list[Scope] | None, typer.Option("--scope", help="What it may do; may be given several times.")
    ] = None,
    days: Annotated[float | None, typer.Option(min=0.01, help="Days that it is good for.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once. It may do what its scopes say, as far as its owner may."""
    expires = None if days is None else time.time() + days * DAY_S
    with opened() as (_, store):
        owner = People(store).named(user)
        key, text = Keys(store).add(owner.id, name, scope or [Scope.ASK], expires)
    if as_json:
        typer.echo(KeyMade(**key_out(key).model_dump(), key=text).model_dump_json(indent=2))
    else:
        typer.echo(text)
        typer.echo(f"Key {key.id} of {key.owner}; it is not shown again.", err=True)


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List all keys, the newest first. Their texts are kept nowhere."""
    with opened() as (_, store):
        found = [key_out(one) for one in Keys(store).all()]
    if as_json:
        typer.echo(TypeAdapter(list[KeyOut]).dump_json(found, indent=2).decode())
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "owner", "scopes", "expires", "used"):
        table.add_column(heading)
    for one in found:
        expires = f"{one.expires:%Y-%m-%d}" if one.expires else "never"
        used = f"{one.used:%Y-%m-%d}" if one.used else "never"
        table.add_row(one.id, one.name, one.owner, ", ".join(one.scopes), expires, used)
    if found:
        console().print(table)
    else:
        typer.echo("There are no keys yet: `citewell key add NAME`.")


@app.command("revoke")
def revoke(key: Annotated[str, typer.Argument(help="Id of the key.", metavar="ID")]) -> None:
    """Make a key worthless, at once."""
    with opened() as (_, store):
        Keys(store).revoke(key)
    typer.echo("Revoked.")
