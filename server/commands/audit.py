"""`citewell audit`: the record of answers."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from rag.errors import NotFoundError
from server.audit import Audit
from server.auth.people import People
from server.commands.user import opened
from server.schema_people import recorded_out

__all__ = ["app"]

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The record of answers.")


@app.callback()
def _audit() -> None:
    """Who was answered what, from which quotes, with which verdicts."""


@app.command("export")
def export(
    out: Annotated[Path | None, typer.Option(help="File to write; without, standard output.")] = None,
    user: Annotated[str | None, typer.Option(help="Only answers to this person (name or id).")] = None,
    since: Annotated[datetime | None, typer.Option(help="Not before this local time.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Before this local time.")] = None,
) -> None:
    """Print recorded answers as JSON lines, the newest first."""
    with opened() as (settings, store):
        rows = Audit(settings, lambda: store).rows(
            person_id=None if user is None else _person_id(People(store), user),
            since=None if since is None else since.timestamp(),
            until=None if until is None else until.timestamp(),
        )
        file = sys.stdout if out is None else out.open("w", encoding="utf-8")
        try:
            for row in rows:
                file.write(recorded_out(row).model_dump_json() + "\n")
        finally:
            if out is not None:
                file.close()


@app.command("erase")
def erase(
    user: Annotated[str, typer.Argument(help="Name of the account, or its id where it is gone already.")],
) -> None:
    """Take a person's name, questions and answers out of the record; the rows stay, for counting."""
    with opened() as (settings, store):
        count = Audit(settings, lambda: store).erase(_person_id(People(store), user))
    typer.echo(f"Erased from {count} recorded answers.")


def _person_id(people: People, name: str) -> str:
    try:
        return people.named(name).id
    except NotFoundError:
        return name  # the id of an account that was removed
