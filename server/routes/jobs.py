"""/v1/jobs: what the worker does, did and is to do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from ingest.registry import private_collection, uploads_name
from rag.errors import NotFoundError
from server.auth import Principal, Role, Scope, editor, uploader
from server.ingestion import Desk, desk
from server.problems import problem_responses
from server.schema_jobs import JobOut, JobsOut, job_out, jobs_out

__all__ = ["router"]

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

Editor = Depends(editor)

At = Annotated[Desk, Depends(desk)]
Key = Annotated[str, Path(description="Id of the job.", examples=["8d0e403127d4"])]


@router.get("", dependencies=[Editor], responses=problem_responses(421, 422, 500), summary="List jobs")
def list_jobs(
    at: At,
    source: Annotated[str | None, Query(description="Only jobs of this source.")] = None,
    active: Annotated[bool, Query(description="Only jobs that have not ended.")] = False,
    limit: Annotated[int, Query(ge=1, le=1000, description="Jobs at most.")] = 50,
) -> JobsOut:
    """The newest first."""
    return jobs_out(at.jobs.recent(limit=limit, source=source, active=active))


@router.get("/{key}", responses=problem_responses(404, 421, 500), summary="Show a job")
def show_job(at: At, key: Key, who: Annotated[Principal, Depends(uploader)]) -> JobOut:
    """How far it is, or how it ended. Readers see those of what they upload for themselves."""
    job = at.jobs.get(key)
    own = uploads_name(private_collection(who.id))
    if job.source != own and not who.may(Role.EDITOR, Scope.DOCUMENTS):
        raise NotFoundError(f"There is no job {key}.", "Readers see those of their private uploads.")
    return job_out(job)


@router.post(
    "/{key}/cancel", dependencies=[Editor], responses=problem_responses(404, 421, 500), summary="Cancel a job"
)
def cancel_job(at: At, key: Key) -> JobOut:
    """A job that waits ends at once, one that runs between two files; one that has ended stays as it is.
    What was ingested stays.
    """
    return job_out(at.jobs.cancel(key))
