"""`citewell user`: accounts, on this machine's own authority: whoever can read the home runs the place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.table import Table

from rag.settings import Settings, load_settings
from rag.store import Store
from server.auth.leaving import remove_account
from server.auth.operator import link_for
from server.auth.people import People
from server.auth.principal import Role
from server.listen import url_of
from server.logs import configure_logging
from server.schema_people import PersonOut, person_out
from server.show import console

__all__ = ["app"]

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Accounts, roles and groups.")

Name = Annotated[str, typer.Argument(help="Name or id of the account.", metavar="NAME")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="A group; may be given several times.")]
FromStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input; else it is asked for."),
]


@contextmanager
def opened() -> Iterator[tuple[Settings, Store]]:
    """Settings and database for one command."""
    settings = load_settings()
    configure_logging(settings.log, quiet=True)
    store = Store.open(settings)
    try:
        yield settings, store
    finally:
        store.close()


@contextmanager
def _people() -> Iterator[People]:
    with opened() as (settings, store):
        yield People(store, settings.auth.password_chars)


def _password(from_stdin: bool) -> str:
    # never as an argument: those stand in the shell's history and in every process list
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


@app.command("add")
def add(
    name: Name,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.READER,
    group: Groups = None,
    email: Annotated[str, typer.Option(help="E-mail address.")] = "",
    from_stdin: FromStdin = False,
) -> None:
    """Add a local account. The password is asked for, and kept as an Argon2 hash."""
    with _people() as people:
        added = people.add(name, _password(from_stdin), role=role, groups=group or (), email=email)
    typer.echo(f"{added.name} is {_a(added.role)} ({added.id}).")


def _a(role: Role) -> str:
    return f"{'an' if role[0] in 'ae' else 'a'} {role}"


@app.command("list")
def list_people(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List all accounts."""
    with _people() as people:
        found = [person_out(one) for one in people.all()]
    if as_json:
        typer.echo(TypeAdapter(list[PersonOut]).dump_json(found, indent=2).decode())
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "role", "groups", "signs in with", "id"):
        table.add_column(heading)
    for one in found:
        name = f"{one.name} (disabled)" if one.disabled else one.name
        table.add_row(name, one.role, ", ".join(one.groups), one.origin, one.id)
    if found:
        console().print(table)
    else:
        typer.echo("There are no accounts yet: `citewell user add NAME`.")


@app.command("change")
def change(
    name: Name,
    role: Annotated[Role | None, typer.Option(help="What they may do.")] = None,
    group: Groups = None,
    no_groups: Annotated[bool, typer.Option("--no-groups", help="Take them out of all groups.")] = False,
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
) -> None:
    """Change role, groups or e-mail address; what is not named stays."""
    values = {"role": role, "email": email, "groups": [] if no_groups else group}
    with _people() as people:
        given = {field: value for field, value in values.items() if value is not None}
        changed = people.change(people.named(name).id, given)
    groups = f" in {', '.join(changed.groups)}" if changed.groups else ""
    typer.echo(f"{changed.name} is {_a(changed.role)}{groups}.")


@app.command("passwd")
def passwd(name: Name, from_stdin: FromStdin = False) -> None:
    """Set another password, and end that person's sessions."""
    with _people() as people:
        key = people.named(name).id
        people.change(key, {"password": _password(from_stdin)})
    typer.echo("Changed. They have to sign in again.")


@app.command("disable")
def disable(
    name: Name,
    undo: Annotated[bool, typer.Option("--undo", help="Let them in again.")] = False,
) -> None:
    """Let somebody in no longer: sessions end and API keys are refused at once."""
    with _people() as people:
        changed = people.change(people.named(name).id, {"disabled": not undo})
    typer.echo(f"{changed.name} is {'let in again' if undo else 'disabled'}.")


@app.command("remove")
def remove(name: Name) -> None:
    """Remove an account with its sessions, keys, conversations and private documents. Its recorded answers
    stay: see `citewell audit erase`.
    """
    with opened() as (settings, store):
        known = People(store).named(name)
        remove_account(known.id, settings, store)
    typer.echo(f"{known.name} ({known.id}) is removed.")


@app.command("link")
def link(
    name: Annotated[
        str, typer.Argument(help="Name or id of the account; without, this machine's operator.")
    ] = "operator",
) -> None:
    """Print a link that signs somebody in, once, within a day. Whoever has it is that person."""
    with opened() as (settings, store):
        known = People(store).named(name)
        typer.echo(link_for(known.id, store, settings.server.public_url or url_of(settings)))
