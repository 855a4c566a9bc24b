"""What an ingestion tells while it works and when it is done."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from ingest.source import Failure

__all__ = ["IngestReport", "Phase", "Progress", "silent"]

Phase = Literal["scan", "parse", "embed", "store"]


class Progress(Protocol):
    """Called as work goes on: ``done`` of ``total`` files and ``size`` bytes of their sources are finished,
    ``name`` is in work.

    The first call, of phase "scan", tells in ``size`` the bytes of all files.
    """

    def __call__(self, phase: Phase, done: int, total: int, name: str, size: int) -> None: ...


def silent(phase: Phase, done: int, total: int, name: str, size: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingestion did. ``chunks`` counts those that it wrote; ``unchanged`` files were not parsed."""

    added: int
    updated: int
    unchanged: int
    removed: int
    failed: tuple[Failure, ...]
    chunks: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As `citewell ingest --json` prints it, keys in that order."""
        return asdict(self) | {"failed": [asdict(failure) for failure in self.failed]}
