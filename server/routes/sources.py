"""/v1/sources: where documents come from."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query

from server.auth import administrator, editor
from server.ingestion import Desk, desk
from server.problems import problem_responses
from server.schema_jobs import (
    JobOut,
    RemovedOut,
    SourceChange,
    SourceIn,
    SourceOut,
    SourcesOut,
    SyncIn,
    changed,
    job_out,
    source_out,
)

__all__ = ["router"]

router = APIRouter(prefix="/v1/sources", tags=["sources"])

# who adds a source can make any folder of this machine readable
ADMINISTRATORS = [Depends(administrator)]
EDITORS = [Depends(editor)]

At = Annotated[Desk, Depends(desk)]
Name = Annotated[str, Path(description="Name of the source.", examples=["policies"])]


@router.get("", dependencies=EDITORS, responses=problem_responses(421, 500), summary="List the sources")
def list_sources(at: At) -> SourcesOut:
    """Those of the settings file, those added at run time, and the uploads."""
    counts = at.registry.files()
    known = at.registry.all().values()
    return SourcesOut(sources=[source_out(one, *counts.get(one.name, (0, 0))) for one in known])


@router.post(
    "",
    status_code=201,
    dependencies=ADMINISTRATORS,
    responses=problem_responses(409, 421, 422, 503),
    summary="Add a source",
)
def add_source(at: At, given: SourceIn) -> SourceOut:
    """Nothing is read yet: ask for a sync, or give it a schedule."""
    return source_out(at.registry.add(given.name, given.config()))


@router.get("/{name}", dependencies=EDITORS, responses=problem_responses(404, 421), summary="Show a source")
def show_source(at: At, name: Name) -> SourceOut:
    """One source."""
    known = at.registry.get(name)
    return source_out(known, *at.registry.files().get(known.name, (0, 0)))


@router.patch(
    "/{name}",
    dependencies=ADMINISTRATORS,
    responses=problem_responses(404, 409, 421, 422),
    summary="Change a source",
)
def change_source(at: At, name: Name, change: SourceChange) -> SourceOut:
    """Its next sync brings the documents in line. Sources of the settings file are changed there."""
    known = at.registry.change(name, changed(at.registry.get(name).config, change))
    return source_out(known, *at.registry.files().get(known.name, (0, 0)))


@router.delete(
    "/{name}",
    dependencies=ADMINISTRATORS,
    responses=problem_responses(404, 409, 421, 503),
    summary="Remove a source",
)
def remove_source(
    at: At,
    name: Name,
    keep_documents: Annotated[bool, Query(description="Leave what it has brought.")] = False,
) -> RemovedOut:
    """Its documents go too, at once and for good; a sync of it that runs is ended first."""
    known = at.registry.get(name)
    at.jobs.cancel_all(known.name)
    return RemovedOut(name=known.name, removed=at.registry.remove(known.name, keep_documents=keep_documents))


@router.post(
    "/{name}/sync",
    status_code=202,
    dependencies=EDITORS,
    responses=problem_responses(404, 421),
    summary="Sync a source",
)
def sync_source(at: At, name: Name, how: Annotated[SyncIn, Body()] = SyncIn()) -> JobOut:  # noqa: B008 - frozen
    """The job that does it: the one that waits or runs already, if there is one."""
    known = at.registry.get(name)
    return job_out(at.jobs.sync(known.name, confirm_removals=how.confirm_removals, retry=how.retry))
