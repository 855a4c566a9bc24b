"""python -m tests.fakes.work HOME [SETTING=VALUE ...]: a worker whose embedder needs no model.

It takes ``pause`` seconds for each batch, so that tests can stop it in the middle; ``common`` as in
HashingEmbedder.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ingest.jobs_worker import Worker
from rag.models.folder import ModelRecord, write_record
from rag.models.protocols import Floats
from rag.settings import EmbedderSettings, IngestSettings, JobSettings, Settings
from rag.store import Store
from tests.fakes.embedder import HashingEmbedder

__all__ = ["settings_of"]


class SlowEmbedder(HashingEmbedder):
    def __init__(self, pause: float, common: float) -> None:
        super().__init__(common=common)
        self._pause = pause

    def embed_passages(self, texts: Sequence[str]) -> Floats:
        time.sleep(self._pause)
        return super().embed_passages(texts)


def settings_of(home: Path, **jobs: object) -> Settings:
    """Settings of a home whose model is the hashing one."""
    folder = home / "models" / "hashing"
    folder.mkdir(parents=True, exist_ok=True)
    write_record(folder, ModelRecord("hashing", "1", "0" * 64, "MIT", "none"))
    return Settings(
        home=home,
        embedder=EmbedderSettings(model="hashing", batch_tokens=256),
        ingest=IngestSettings(chunk_tokens=48, readers=1),
        jobs=JobSettings.model_validate(jobs),
    )


def main(home: str, *given: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    jobs: dict[str, object] = dict(part.split("=", 1) for part in given)
    pause, common = (float(str(jobs.pop(name, "0"))) for name in ("pause", "common"))
    settings = settings_of(Path(home), **jobs)
    store = Store.open(settings)
    worker = Worker(settings, store, lambda _: SlowEmbedder(pause, common))
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    worker.run()
    store.close()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
