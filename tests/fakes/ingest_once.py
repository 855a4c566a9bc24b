"""python -m tests.fakes.ingest_once HOME FOLDER [--prune]: ingests once and says each step.

For tests that kill it. Its embedder needs no model.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ingest.pipeline import ingest
from rag.settings import IngestSettings, Settings
from rag.store import Store
from tests.fakes.embedder import HashingEmbedder


def _say(phase: str, done: int, total: int, name: str, size: int) -> None:
    sys.stdout.write(f"{phase} {done}\n")
    sys.stdout.flush()


def main(home: str, folder: str, *options: str) -> None:
    settings = Settings(home=Path(home), ingest=IngestSettings(chunk_tokens=48))
    store = Store.open(settings)
    prune = "--prune" in options
    ingest(
        [Path(folder)], settings=settings, store=store, embedder=HashingEmbedder(), prune=prune, progress=_say
    )
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
