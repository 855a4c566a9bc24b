"""Sources and jobs as they travel over HTTP and as ``--json`` prints them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ingest.jobs import Job, JobKind
from ingest.jobs_record import JobState
from ingest.registry import Origin, Registered
from ingest.sources.options import MASK, hidden, public_url
from rag.settings import GroupRule, SourceKind, SourceSettings

__all__ = [
    "FailureOut",
    "JobOut",
    "JobsOut",
    "RefinedOut",
    "RemovedOut",
    "ReportOut",
    "SourceChange",
    "SourceIn",
    "SourceOut",
    "SourcesOut",
    "SyncIn",
    "changed",
    "job_out",
    "jobs_out",
    "source_out",
]

Scalar = str | int | float | bool
_CONFIG: dict[str, Any] = {
    "kind": "folder",
    "location": "/srv/policies",
    "collection": "default",
    "groups": ["staff"],
    "rules": [{"pattern": "salaries/**", "groups": ["hr"]}],
    "include": ["*.pdf", "*.docx"],
    "exclude": ["drafts/"],
    "schedule": "30 2 * * *",
    "options": {},
}
_SOURCE: dict[str, Any] = {
    "name": "policies",
    **_CONFIG,
    "origin": "added",
    "created": "2026-11-24T08:00:00Z",
    "files": 1204,
    "failed": 2,
}
_FAILURE: dict[str, Any] = {"source": "/srv/policies/old.pdf", "error": "the PDF is encrypted"}
_REPORT: dict[str, Any] = {
    "added": 12,
    "updated": 3,
    "unchanged": 1187,
    "removed": 1,
    "withheld": 0,
    "failed": 1,
    "failures": [_FAILURE],
    "chunks": 96,
    "seconds": 14.2,
    "cancelled": False,
}
_JOB: dict[str, Any] = {
    "id": "8d0e403127d4",
    "kind": "sync",
    "source": "policies",
    "state": "running",
    "note": "",
    "requested_by": "schedule",
    "attempt": 1,
    "phase": "embed",
    "done": 310,
    "total": 1204,
    "unit": "documents",
    "bytes_done": 52000000,
    "bytes_total": 210000000,
    "rate": 1250000.0,
    "seconds_left": 126.4,
    "current": "travel-policy-2026.docx",
    "created": "2026-11-24T02:30:00Z",
    "started": "2026-11-24T02:30:02Z",
    "finished": None,
    "error": "",
    "remedy": "",
    "report": None,
}


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [value]})


class SourceIn(SourceSettings):
    """A source to add: its name, and what ``[sources.NAME]`` in the settings file would say."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"name": "policies", **_CONFIG}]}
    )

    name: str = Field(min_length=1, max_length=64, description="Letters, digits, dots, dashes, underscores.")

    def config(self) -> SourceSettings:
        """What is kept under the name."""
        return SourceSettings.model_validate(self.model_dump(exclude={"name"}))


class SourceChange(BaseModel):
    """What is to be different about a source; what is left out stays."""

    model_config = _example({"schedule": "0 * * * *", "groups": ["staff", "partners"]})

    location: str | None = Field(None, min_length=1)
    collection: str | None = Field(None, min_length=1)
    groups: tuple[str, ...] | None = None
    rules: tuple[GroupRule, ...] | None = None
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None
    schedule: str | None = None
    options: dict[str, Scalar] | None = Field(
        None, description=f"All options anew; {MASK} keeps a secret as it is."
    )


class SourceOut(BaseModel):
    """A source. Secrets in its location and options are masked; ``files`` counts what is known of it,
    ``failed`` what of that could not be read.
    """

    model_config = _example(_SOURCE)

    name: str
    kind: SourceKind
    location: str
    collection: str
    groups: list[str]
    rules: list[GroupRule]
    include: list[str]
    exclude: list[str]
    schedule: str
    options: dict[str, Scalar]
    origin: Origin
    created: datetime | None
    files: int
    failed: int


class SourcesOut(BaseModel):
    """Every source, in the order of names."""

    model_config = _example({"sources": [_SOURCE]})

    sources: list[SourceOut]


class RemovedOut(BaseModel):
    """A source that is gone, and how many of its files went with it."""

    model_config = _example({"name": "policies", "removed": 1204})

    name: str
    removed: int


class SyncIn(BaseModel):
    """How to sync."""

    model_config = _example({"confirm_removals": False, "retry": False})

    confirm_removals: bool = Field(
        False, description="Remove what vanished, also when it is suspiciously much."
    )
    retry: bool = Field(False, description="Try files again that could not be read and have not changed.")


class FailureOut(BaseModel):
    """A file that could not be read."""

    model_config = _example(_FAILURE)

    source: str
    error: str


class ReportOut(BaseModel):
    """What a sync did, in files. ``failures`` names the first hundred of the ``failed``; ``withheld`` counts
    files that are gone but whose documents were kept, because so many at once may be an accident.
    """

    # a job of another version may tell more
    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [_REPORT]})

    added: int
    updated: int
    unchanged: int
    removed: int
    withheld: int
    failed: int
    failures: list[FailureOut]
    chunks: int
    seconds: float
    cancelled: bool


class RefinedOut(BaseModel):
    """What a refinement did, in passages."""

    model_config = _example({"passages": 0, "sentences": 5120})

    passages: int
    sentences: int


class JobOut(BaseModel):
    """A job. ``done`` of ``total`` in ``unit``; ``rate`` is bytes a second, of passages passages a second."""

    model_config = _example(_JOB)

    id: str
    kind: JobKind
    source: str
    state: JobState
    note: str
    requested_by: Literal["person", "schedule"]
    attempt: int
    phase: str
    done: int
    total: int
    unit: Literal["documents", "passages"]
    bytes_done: int
    bytes_total: int
    rate: float | None
    seconds_left: float | None
    current: str
    created: datetime
    started: datetime | None
    finished: datetime | None
    error: str
    remedy: str
    report: ReportOut | RefinedOut | None


class JobsOut(BaseModel):
    """The newest jobs first."""

    model_config = _example({"jobs": [_JOB]})

    jobs: list[JobOut]


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(round(seconds, 3), UTC)


def source_out(known: Registered, files: int = 0, failed: int = 0) -> SourceOut:
    """A source as it is shown."""
    config = known.config
    return SourceOut(
        **config.model_dump(exclude={"location", "options"}),
        name=known.name,
        location=public_url(config.location),
        options=hidden(config.options),
        origin=known.origin,
        created=_time(known.created),
        files=files,
        failed=failed,
    )


def changed(known: SourceSettings, change: SourceChange) -> SourceSettings:
    """The configuration with the change."""
    given = change.model_dump(exclude_none=True)
    if "options" in given:
        # a client sends back what it was shown
        old = known.options
        given["options"] = {k: old.get(k, v) if v == MASK else v for k, v in given["options"].items()}
    if given.get("location") == public_url(known.location):
        del given["location"]
    return SourceSettings.model_validate(known.model_dump() | given)


def job_out(job: Job) -> JobOut:
    """A job as it is shown."""
    record = job.record
    report: ReportOut | RefinedOut | None = None
    if record.report is not None:
        model = RefinedOut if job.kind == "refine" else ReportOut
        report = model.model_validate(record.report)
    return JobOut(
        id=job.id,
        kind=job.kind,
        source=job.source,
        state=record.state,
        note=record.note,
        requested_by="person" if job.person else "schedule",
        attempt=record.attempt,
        phase=record.phase,
        done=record.done,
        total=record.total,
        unit="passages" if job.kind == "refine" else "documents",
        bytes_done=record.size,
        bytes_total=record.bytes,
        rate=record.rate,
        seconds_left=record.left,
        current=record.current,
        created=datetime.fromtimestamp(job.created, UTC),
        started=_time(record.started),
        finished=_time(record.finished),
        error=record.error,
        remedy=record.remedy,
        report=report,
    )


def jobs_out(jobs: Sequence[Job]) -> JobsOut:
    """Jobs as they are shown."""
    return JobsOut(jobs=[job_out(job) for job in jobs])
