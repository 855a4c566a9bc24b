"""/v1/jobs: what the worker does, did and is to do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from server.auth import editor
from server.ingestion import Desk, desk
from server.problems import problem_responses
from server.schema_jobs import JobOut, JobsOut, job_out, jobs_out

__all__ = ["router"]

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(editor)])

At = Annotated[Desk, Depends(desk)]
Key = Annotated[str, Path(description="Id of the job.", examples=["8d0e403127d4"])]


@router.get("", responses=problem_responses(421, 422, 500), summary="List jobs")
def list_jobs(
    at: At,
    source: Annotated[str | None, Query(description="Only jobs of this source.")] = None,
    active: Annotated[bool, Query(description="Only jobs that have not ended.")] = False,
    limit: Annotated[int, Query(ge=1, le=1000, description="Jobs at most.")] = 50,
) -> JobsOut:
    """The newest first."""
    return jobs_out(at.jobs.recent(limit=limit, source=source, active=active))


@router.get("/{key}", responses=problem_responses(404, 421, 500), summary="Show a job")
def show_job(at: At, key: Key) -> JobOut:
    """How far it is, or how it ended."""
    return job_out(at.jobs.get(key))


@router.post("/{key}/cancel", responses=problem_responses(404, 421, 500), summary="Cancel a job")
def cancel_job(at: At, key: Key) -> JobOut:
    """A job that waits ends at once, one that runs between two files; one that has ended stays as it is.
    What was ingested stays.
    """
    return job_out(at.jobs.cancel(key))
