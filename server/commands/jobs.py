"""`citewell jobs`: what the worker does, did and is to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from ingest.jobs import Jobs
from rag.settings import load_settings
from rag.store import Store
from server.logs import configure_logging
from server.schema_jobs import JobsOut, job_out, jobs_out
from server.show import console
from server.show_jobs import show_job, show_jobs, watch

__all__ = ["app"]

FAILED = 2

app = typer.Typer(add_completion=False, help="Jobs of the worker.", invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def _opened() -> Iterator[Jobs]:
    settings = load_settings()
    configure_logging(settings.log, quiet=True)
    store = Store.open(settings)
    jobs = Jobs(settings, store)
    try:
        yield jobs
    finally:
        jobs.close()
        store.close()


@app.callback()
def _jobs(
    context: typer.Context,
    source: Annotated[str | None, typer.Option(help="Only jobs of this source.")] = None,
    active: Annotated[bool, typer.Option("--active", help="Only jobs that have not ended.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Jobs at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first; or show, watch or cancel one."""
    if context.invoked_subcommand is not None:
        return
    with _opened() as jobs:
        found = jobs_out(jobs.recent(limit=limit, source=source, active=active))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        show_jobs(console(), found.jobs)


@app.command("show")
def show(
    key: Annotated[str, typer.Argument(help="Id of the job.", metavar="ID")], as_json: AsJson = False
) -> None:
    """Show how far a job is, or how it ended."""
    with _opened() as jobs:
        found = job_out(jobs.get(key))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        show_job(console(), found)


@app.command("cancel")
def cancel(
    key: Annotated[str, typer.Argument(help="Id of the job.", metavar="ID")], as_json: AsJson = False
) -> None:
    """End a job: at once if it waits, else between two files. What was ingested stays."""
    with _opened() as jobs:
        found = job_out(jobs.cancel(key))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        typer.echo(f"{found.kind} {found.source}: {found.state}")


@app.command("watch")
def watch_jobs(
    key: Annotated[
        str | None, typer.Argument(help="Id of one job; without, all that are under way.", metavar="[ID]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON when all have ended.")] = False,
) -> None:
    """Show jobs live until they have ended. Ends with 2 when one has failed."""
    with _opened() as jobs:
        keys = [key] if key else [job.id for job in jobs.recent(active=True)]
        out = console(stderr=as_json)
        if not keys:
            out.print("No job is under way.")
        ended = watch(out, lambda: [job_out(jobs.get(one)) for one in keys]) if keys else []
    if as_json:
        typer.echo(JobsOut(jobs=ended).model_dump_json(indent=2))
    if any(job.state == "failed" for job in ended):
        raise typer.Exit(FAILED)
