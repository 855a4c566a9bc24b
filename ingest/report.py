"""What an ingestion tells while it works and when it is done."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from ingest.source import Failure

__all__ = ["IngestReport", "Phase", "Progress", "silent"]

Phase = Literal["scan", "parse", "embed", "store", "refine"]


class Progress(Protocol):
    """Called as work goes on: ``done`` of ``total`` files and ``size`` bytes of their sources are finished,
    ``name`` is in work. Of phase "refine" passages are counted instead of files, and no bytes.

    The first call, of phase "scan", tells in ``size`` the bytes of all files, as far as they are known.
    """

    def __call__(self, phase: Phase, done: int, total: int, name: str, size: int) -> None: ...


def silent(phase: Phase, done: int, total: int, name: str, size: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingestion did, counted in files (those inside of archives and mails too).

    ``unchanged`` files were not parsed. ``withheld`` counts files that are gone at the source but whose
    documents were kept, because too many would have been removed at once. ``chunks`` counts those that were
    written. ``cancelled``: it was stopped before it was through.
    """

    added: int
    updated: int
    unchanged: int
    removed: int
    failed: tuple[Failure, ...]
    chunks: int
    seconds: float
    withheld: int = 0
    cancelled: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As `citewell ingest --json` prints it, keys in that order."""
        failed = [{"source": failure.source, "error": failure.error} for failure in self.failed]
        return asdict(self) | {"failed": failed}
