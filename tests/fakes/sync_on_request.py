"""python -m tests.fakes.sync_on_request HOME FOLDER: syncs the folder for each line that it reads, saying
each step, then "done".

For tests that kill it. Its embedder needs no model.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ingest.pipeline import sync
from rag.settings import GroupRule, IngestSettings, Settings, SourceSettings
from rag.store import Store
from tests.fakes.embedder import HashingEmbedder


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(home: str, folder: str) -> None:
    settings = Settings(home=Path(home), ingest=IngestSettings(chunk_tokens=48))
    rules = (GroupRule(pattern="a/", groups=("board",)), GroupRule(pattern="b/", groups=("staff",)))
    config = SourceSettings(location=folder, rules=rules)
    store, embedder = Store.open(settings), HashingEmbedder()
    for _ in sys.stdin:
        sync(
            "fuzz", config, settings=settings, store=store, embedder=embedder, confirm_removals=True,
            progress=_say,
        )  # fmt: skip
        _say("done")
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
