"""Figures for Prometheus: those of ingestion, read when they are asked for, and those of other parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest.jobs import Job
from ingest.jobs_slot import living
from server.ingestion import Desk, Ingestion

__all__ = ["figures"]

LISTED = 1000


def figures(ingestion: Ingestion, *others: Collector) -> CollectorRegistry:
    """A registry that reads the state of ingestion, and what others collect, with each scrape."""
    registry = CollectorRegistry(auto_describe=False)
    for one in (_Figures(ingestion), *others):
        registry.register(one)
    return registry


class _Figures(Collector):
    def __init__(self, ingestion: Ingestion) -> None:
        self._ingestion = ingestion

    def describe(self) -> list[Metric]:
        """Nothing: the registry need not read the database to know names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Raises StoreError."""
        at = self._ingestion.open()
        jobs = at.jobs.recent(limit=LISTED)
        yield from _stock(at)
        yield from _sources(at)
        yield from _states(jobs)
        yield from _running([job for job in jobs if job.record.state == "running"])
        yield from _last(jobs)
        workers = len(living(at.settings.home))
        yield _gauge("citewell_workers", "Workers of this home on this machine.", [((), workers)])


def _gauge(
    name: str, meaning: str, samples: Sequence[tuple[tuple[str, ...], float]], labels: tuple[str, ...] = ()
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _stock(at: Desk) -> Iterator[Metric]:
    counts = at.store.counts()
    yield _gauge("citewell_documents", "Documents that are ingested.", [((), counts["documents"])])
    yield _gauge("citewell_chunks", "Passages of these documents.", [((), counts["chunks"])])


def _sources(at: Desk) -> Iterator[Metric]:
    files = at.registry.files()
    known = [((name,), float(count)) for name, (count, _) in files.items()]
    failed = [((name,), float(bad)) for name, (_, bad) in files.items()]
    yield _gauge("citewell_source_files", "Files that are known of a source.", known, ("source",))
    yield _gauge("citewell_source_failed_files", "Files of it that cannot be read.", failed, ("source",))


def _states(jobs: Sequence[Job]) -> Iterator[Metric]:
    states = ("queued", "running", "waiting", "done", "failed", "cancelled")
    counted = [((state,), sum(job.record.state == state for job in jobs)) for state in states]
    yield _gauge("citewell_jobs", "Listed jobs in a state.", counted, ("state",))


def _running(jobs: Sequence[Job]) -> Iterator[Metric]:
    labels = ("job", "kind", "source")

    def of(name: str) -> list[tuple[tuple[str, ...], float]]:
        return [
            ((job.id, job.kind, job.source), float(getattr(job.record, name) or 0))
            for job in jobs
            if getattr(job.record, name) is not None
        ]

    yield _gauge("citewell_job_done", "Documents (passages) that a job is through with.", of("done"), labels)
    yield _gauge("citewell_job_total", "Documents (passages) of a job.", of("total"), labels)
    yield _gauge("citewell_job_bytes_done", "Bytes that a job is through with.", of("size"), labels)
    yield _gauge("citewell_job_bytes_total", "Bytes of a job.", of("bytes"), labels)
    yield _gauge("citewell_job_left_seconds", "Seconds that a job still takes.", of("left"), labels)


def _last(jobs: Sequence[Job]) -> Iterator[Metric]:
    """Of each source how its last job went: what an alert is made of."""
    newest: dict[tuple[str, str], Job] = {}
    for job in jobs:
        if job.record.state in ("done", "failed"):
            newest.setdefault((job.kind, job.source), job)
    labels = ("kind", "source")
    ended = [(key, float(job.record.finished or 0)) for key, job in newest.items()]
    took = [(key, (job.record.finished or 0) - (job.record.started or 0)) for key, job in newest.items()]
    good = [(key, float(job.record.state == "done")) for key, job in newest.items()]
    yield _gauge("citewell_last_job_finished_timestamp_seconds", "When the last job ended.", ended, labels)
    yield _gauge("citewell_last_job_duration_seconds", "How long it took, waiting included.", took, labels)
    yield _gauge("citewell_last_job_success", "Whether it was done (1) or failed (0).", good, labels)
