"""`citewell source`: where documents come from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console

from ingest.jobs import Jobs
from ingest.jobs_record import report_of
from ingest.jobs_slot import living
from ingest.pipeline import sync as sync_now
from ingest.refine import refine
from ingest.registry import Registered, Registry
from ingest.report import IngestReport
from ingest.sources import OPTIONS
from rag.errors import CitewellError, SourceNotFoundError
from rag.models.lazy import LazyEmbedder
from rag.settings import GroupRule, Settings, SourceKind, SourceSettings, load_settings
from rag.store import Store
from server.ingest_progress import print_report, shown
from server.logs import configure_logging
from server.schema_jobs import JobOut, JobsOut, ReportOut, SourceOut, SourcesOut, job_out, source_out
from server.show import console
from server.show_jobs import show_jobs, show_source, show_sources, watch

__all__ = ["app"]

FAILED = 2
SOME_FAILED = 3

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Sources of documents.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="Name of the source.", metavar="NAME")]


@app.callback()
def _source() -> None:
    """Add, list, sync and remove the places that documents come from."""


@dataclass(frozen=True, slots=True)
class _Desk:
    settings: Settings
    store: Store
    registry: Registry
    jobs: Jobs

    def out(self, known: Registered) -> SourceOut:
        """A source as it is shown."""
        return source_out(known, *self.registry.files().get(known.name, (0, 0)))


@contextmanager
def _opened() -> Iterator[_Desk]:
    settings = load_settings()
    configure_logging(settings.log, quiet=True)
    store = Store.open(settings)
    jobs = Jobs(settings, store)
    try:
        yield _Desk(settings, store, Registry(settings, store), jobs)
    finally:
        jobs.close()
        store.close()


def _options_help() -> str:
    lines = ["Options of each kind, as --option NAME=VALUE:"]
    for kind, model in OPTIONS.items():
        if model.model_fields:
            lines.append(kind)
            lines += [f"- {name}: {field.description}" for name, field in model.model_fields.items()]
    return "\n\n".join(lines)


def _rule(text: str) -> GroupRule:
    pattern, equals, groups = text.rpartition("=")
    if not equals or not pattern:
        raise typer.BadParameter(f"{text!r} is not PATTERN=GROUP,GROUP")
    return GroupRule(
        pattern=pattern, groups=tuple(part.strip() for part in groups.split(",") if part.strip())
    )


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    return name, value


def _absolute(location: str) -> str:
    """A path as it is meant here and now; the worker has another working folder."""
    if "://" in location or (":" in location and not Path(location).expanduser().exists()):
        return location  # a URL, or host:path as git has it
    return str(Path.cwd() / Path(location).expanduser())


@app.command("add", epilog=_options_help())
def add(
    name: Name,
    location: Annotated[str, typer.Argument(help="Path or URL; of a web site its start page or sitemap.")],
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(get_args(SourceKind))}.")] = "folder",
    collection: Annotated[str, typer.Option(help="Collection that its documents belong to.")] = "default",
    group: Annotated[
        list[str] | None, typer.Option(help="Group that may read its documents; none: everyone.")
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option(help="PATTERN=GROUP,GROUP: readers of the paths that match.")
    ] = None,
    include: Annotated[list[str] | None, typer.Option(help="Only paths that match such a pattern.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="No paths that match such a pattern.")] = None,
    schedule: Annotated[
        str, typer.Option(help='When to sync, as cron has it, in local time: "30 2 * * *" is each night.')
    ] = "",
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE: what else the kind takes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a source. Nothing is read yet: `citewell source sync NAME` does that, or a schedule.

    --group, --rule, --include, --exclude and --option may be given several times.
    """
    if kind not in get_args(SourceKind):
        raise typer.BadParameter(
            f"{kind!r} is none of {', '.join(get_args(SourceKind))}", param_hint="--kind"
        )
    config = SourceSettings.model_validate(
        {
            "kind": kind,
            "location": _absolute(location),
            "collection": collection,
            "groups": tuple(group or ()),
            "rules": tuple(_rule(text) for text in rule or ()),
            "include": tuple(include or ()),
            "exclude": tuple(exclude or ()),
            "schedule": schedule,
            "options": dict(_option(text) for text in option or ()),
        }
    )
    with _opened() as at:
        added = at.out(at.registry.add(name, config))
    if as_json:
        typer.echo(added.model_dump_json(indent=2))
    else:
        typer.echo(f"Source {added.name} is added; `citewell source sync {added.name}` brings it in.")


@app.command("list")
def list_sources(as_json: AsJson = False) -> None:
    """List every source: those of the settings file, those that were added, and the uploads."""
    with _opened() as at:
        found = [at.out(known) for known in at.registry.all().values()]
    if as_json:
        typer.echo(SourcesOut(sources=found).model_dump_json(indent=2))
    else:
        show_sources(console(), found)


@app.command("show")
def show(name: Name, as_json: AsJson = False) -> None:
    """Show a source and its last jobs."""
    with _opened() as at:
        found = at.out(at.registry.get(name))
        last = [job_out(job) for job in at.jobs.recent(limit=5, source=found.name)]
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    show_source(console(), found)
    if last:
        console().print()
        show_jobs(console(), last)


@app.command("remove")
def remove(
    name: Name,
    keep_documents: Annotated[
        bool, typer.Option("--keep-documents", help="Leave its documents: they go on answering.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a source that was added, and its documents with it, at once."""
    with _opened() as at:
        known = at.out(at.registry.get(name))
        if not yes:
            what = "keeping its documents" if keep_documents else f"with the documents of {known.files} files"
            typer.confirm(f"Remove source {known.name}, {what}?", abort=True, err=True)
        at.jobs.cancel_all(known.name)
        removed = at.registry.remove(known.name, keep_documents=keep_documents)
    if as_json:
        typer.echo(json.dumps({"name": known.name, "removed": removed}, ensure_ascii=False))
    else:
        typer.echo(f"Source {known.name} is removed, and {removed} of its files.")


@app.command("sync")
def sync(
    name: Annotated[str | None, typer.Argument(help="Name of the source.", metavar="[NAME]")] = None,
    every: Annotated[bool, typer.Option("--all", help="Sync every source.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when it is done, and show how it goes.")
    ] = False,
    confirm_removals: Annotated[
        bool,
        typer.Option("--confirm-removals", help="Remove what vanished, also when it is suspiciously much."),
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try files again that could not be read and have not changed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the documents up to date with a source.

    A running worker does it, and this returns at once; with --wait when it is done. Where no worker runs, it
    is done here and now. Ends with 3 when some files could not be read, with 2 when a sync failed.
    """
    if (name is None) == (not every):
        raise typer.BadParameter("Name one source, or give --all.")
    with _opened() as at:
        chosen = list(at.registry.all().values()) if every else [at.registry.get(name or "")]
        if not chosen:
            raise SourceNotFoundError(
                "There are no sources.", "`citewell source add NAME LOCATION` adds one."
            )
        if at.settings.jobs.database_url or living(at.settings.home):
            asked = [
                at.jobs.sync(known.name, confirm_removals=confirm_removals, retry=retry) for known in chosen
            ]
            _follow(at, [job.id for job in asked], wait, as_json)
        else:
            _here(at, chosen, confirm_removals, retry, as_json)


def _follow(at: _Desk, keys: list[str], wait: bool, as_json: bool) -> None:
    """What became of jobs that the worker does."""

    def look() -> list[JobOut]:
        return [job_out(at.jobs.get(key)) for key in keys]

    jobs = watch(console(stderr=True), look) if wait else look()
    if as_json:
        typer.echo(JobsOut(jobs=jobs).model_dump_json(indent=2))
    elif wait:
        show_jobs(console(), jobs)
    else:
        for job in jobs:
            typer.echo(
                f"{job.id}: {job.kind} {job.source} is {job.state}; `citewell jobs watch {job.id}` shows it."
            )
    if any(job.state == "failed" for job in jobs):
        raise typer.Exit(FAILED)
    if any(isinstance(job.report, ReportOut) and job.report.failed for job in jobs):
        raise typer.Exit(SOME_FAILED)


def _here(at: _Desk, chosen: list[Registered], confirm_removals: bool, retry: bool, as_json: bool) -> None:
    """Sync in this process; a source that fails does not keep the others from it."""
    reports: dict[str, IngestReport] = {}
    errors: dict[str, CitewellError] = {}
    embedder = LazyEmbedder.of(at.store, at.settings)
    with shown(Console(stderr=True)) as progress:
        for known in chosen:
            try:
                reports[known.name] = sync_now(
                    known.name,
                    known.config,
                    settings=at.settings,
                    store=at.store,
                    embedder=embedder,
                    confirm_removals=confirm_removals,
                    retry=retry,
                    progress=progress,
                )
            except CitewellError as error:
                errors[known.name] = error
        refine(settings=at.settings, store=at.store, load=embedder.named, progress=progress)
    if as_json:
        told = {
            "reports": {name: report_of(report) for name, report in reports.items()},
            "errors": {name: {"error": e.message, "remedy": e.remedy} for name, e in errors.items()},
        }
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        for name, report in reports.items():
            typer.echo(name)
            print_report(report, Console())
        for name, failed in errors.items():
            typer.secho(f"{name}: {failed.message}", fg=typer.colors.RED, err=True)
            typer.echo(failed.remedy, err=True)
    if errors:
        raise typer.Exit(FAILED)
    if any(report.failed for report in reports.values()):
        raise typer.Exit(SOME_FAILED)
