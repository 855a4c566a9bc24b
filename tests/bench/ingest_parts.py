"""The parts that ingest_speed.py measures, each in a process of its own; prints one line of JSON.

python tests/bench/ingest_parts.py ingest FOLDER HOME    Citewell's ingestion into an empty home
python tests/bench/ingest_parts.py embed FOLDER HOME     bare sentence-transformers on the passages of HOME
python tests/bench/ingest_parts.py sync FOLDER HOME      again, unchanged; then with one file changed
python tests/bench/ingest_parts.py sentences FOLDER HOME vectors of sentences, made after the ingestion
python tests/bench/ingest_parts.py endpoint FOLDER HOME  the passages of HOME by vLLM, through embedder.url
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from sqlalchemy import func, select
from tap import free_port

from ingest.parse import Parser
from ingest.parse_blocks import Parsed
from ingest.pipeline import ingest
from ingest.refine import refine
from rag.models.embedder import Embedder
from rag.models.endpoint import EmbeddingEndpoint
from rag.models.folder import require_model
from rag.models.precision import chosen_precision
from rag.models.protocols import Floats
from rag.settings import Settings, load_settings
from rag.store import Store
from rag.tables import chunk, document
from rag.types import Chunk, User
from server.generator import MODULE, _environment

BATCHES = (8, 16, 32, 64)
TRIED = 256  # passages that the batch size is chosen on
SLICE = 5_000
MARK = b"<p>The lantern of the lighthouse is lit at five.</p>"


class Counted(Embedder):
    """An embedder that counts the texts it is given."""

    texts = 0

    def embed_passages(self, texts: Sequence[str]) -> Floats:
        self.texts += len(texts)
        return super().embed_passages(texts)


def settings_of(home: Path) -> Settings:
    """The settings with another home, where the models are linked into."""
    base = load_settings()
    settings = base.model_copy(update={"home": home.resolve()})
    home.mkdir(parents=True, exist_ok=True)
    if not settings.models_dir.exists():
        settings.models_dir.symlink_to(base.models_dir.resolve())
    return settings


def passages(store: Store) -> Iterator[tuple[Chunk, str]]:
    """Every chunk with its text as it was embedded, by id."""
    ids = _ids(store)
    for begin in range(0, len(ids), SLICE):
        found = store.chunks(ids[begin : begin + SLICE], User())
        yield from ((chunk, chunk.embedding_text(about.title)) for _, (chunk, about) in sorted(found.items()))


def run_ingest(folder: Path, home: Path) -> dict[str, object]:
    """Citewell's whole ingestion: the model is loaded before the clock starts, all else is within."""
    settings = settings_of(home)
    store = Store.open(settings)
    begin = time.perf_counter()
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    embedder.embed_passages(["warm up"])
    loaded = time.perf_counter()
    report = ingest([folder], settings=settings, store=store, embedder=embedder)
    seconds = time.perf_counter() - loaded
    with store.read() as connection:
        characters = connection.execute(select(func.sum(func.length(document.c.text)))).scalar_one()
    chunks = [chunk for chunk, _ in passages(store)]
    counts = store.counts()
    store.close()
    return {
        "files": report.added,
        "documents": counts["documents"],
        "failed": len(report.failed),
        "passages": len(chunks),
        "tokens": sum(chunk.tokens for chunk in chunks),
        "characters": characters,
        "model_load_s": round(loaded - begin, 1),
        "seconds": round(seconds, 2),
    }


def run_embed(folder: Path, home: Path) -> dict[str, object]:
    """The bound: encode() of sentence-transformers on the same passages, in the same precision (it has no
    int8), at the batch size that was fastest on a sample of them.
    """
    import torch
    from sentence_transformers import SentenceTransformer

    settings = settings_of(home)
    store = Store.open(settings)
    pairs = list(passages(store))
    space = store.space()
    assert space is not None
    stored = dict(_vectors(store, space.id))
    store.close()
    device = settings.embedder.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    path, _ = require_model(settings.embedder.model, settings.models_dir)
    precision = chosen_precision(settings.embedder.precision, path, device)
    model = SentenceTransformer(
        str(path),
        device=device,
        local_files_only=True,
        model_kwargs={"dtype": getattr(torch, precision.tokens), "add_pooling_layer": False},
    )

    def encoded(texts: Sequence[str], batch: int) -> tuple[Any, float]:
        begin = time.perf_counter()
        vectors = model.encode(
            list(texts),
            prompt_name="passage",
            batch_size=batch,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return vectors, time.perf_counter() - begin

    texts = [text for _, text in pairs]
    sample = texts[:: max(1, len(texts) // TRIED)]
    encoded(sample[:64], 16)
    # two rounds, so that a moment's noise does not choose
    tried = {batch: min(encoded(sample, batch)[1] for _ in range(2)) for batch in BATCHES}
    batch = min(tried, key=lambda size: tried[size])
    vectors, seconds = encoded(texts, batch)
    ours = np.stack([stored[chunk.id] for chunk, _ in pairs]).astype(np.float32)
    theirs = np.asarray(vectors, np.float32)
    # lengths rounded to bfloat16 are not quite 1
    cosines = (theirs * ours).sum(axis=1) / np.linalg.norm(theirs, axis=1)
    return {
        "passages": len(texts),
        "precision": precision.tokens,
        "precision_of_ours": precision.passages,
        "batch_size": batch,
        "sample_s": {str(size): round(value, 2) for size, value in tried.items()},
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 2),
        "cosine_with_ours": round(float(np.median(cosines)), 4),
    }


def _vectors(store: Store, space_id: int) -> Iterator[tuple[int, Any]]:
    ids = _ids(store)
    for begin in range(0, len(ids), SLICE):
        found = store.hit_vectors(ids[begin : begin + SLICE], space_id)
        yield from ((key, whole) for key, (whole, _) in sorted(found.items()))


def _ids(store: Store) -> list[int]:
    with store.read() as connection:
        return list(connection.execute(select(chunk.c.id).order_by(chunk.c.id)).scalars())


def run_sync(folder: Path, home: Path) -> dict[str, object]:
    """A second sync of the unchanged folder, and one after a single page of it was changed."""
    settings = settings_of(home)
    store = Store.open(settings)
    embedder = Counted.load(settings.embedder, settings.models_dir)
    assert isinstance(embedder, Counted)
    parsed: list[str] = []
    parse = Parser.parse

    def counted(self: Parser, data: bytes, name: str) -> Parsed:
        parsed.append(name)
        return parse(self, data, name)

    Parser.parse = counted  # type: ignore[method-assign]
    again = ingest([folder], settings=settings, store=store, embedder=embedder)
    unchanged = {"seconds": again.seconds, "unchanged": again.unchanged, "parsed": len(parsed)}
    unchanged |= {"texts_embedded": embedder.texts}
    pages = sorted(path for path in folder.rglob("*.html") if path.is_file())
    page = pages[len(pages) // 2]
    page.write_bytes(page.read_bytes().replace(b"</body>", MARK + b"</body>"))
    parsed.clear()
    once = ingest([folder], settings=settings, store=store, embedder=embedder)
    store.close()
    return {
        "unchanged": unchanged,
        "one_changed": {
            "seconds": once.seconds,
            "updated": once.updated,
            "unchanged": once.unchanged,
            "parsed": len(parsed),
            "its_passages": once.chunks,
            "texts_embedded": embedder.texts,
        },
    }


def run_sentences(folder: Path, home: Path) -> dict[str, object]:
    """What a sync leaves to be done behind the back of the answers."""
    settings = settings_of(home)
    store = Store.open(settings)
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    begin = time.perf_counter()
    done = refine(settings=settings, store=store, load=lambda model: embedder)
    store.close()
    return {"passages": done.sentences, "seconds": round(time.perf_counter() - begin, 1)}


@contextmanager
def _pooling(settings: Settings) -> Iterator[str]:
    """vLLM serving the embedder; its base URL."""
    model, port = settings.embedder.model, free_port()
    command = [settings.generator.python, "-m", MODULE, "--model", settings.models_dir / model]
    command += ["--served-model-name", model, "--runner", "pooling", "--dtype", "float32", "--enforce-eager"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--distributed-executor-backend", "uni"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [str(word) for word in command],
            env=os.environ | _environment(settings, cpu=True),
            stdout=log,
            stderr=log,
        )
        try:
            end = time.monotonic() + settings.generator.start_timeout_s
            url = f"http://127.0.0.1:{port}"
            while not _answers(url):
                if process.poll() is not None or time.monotonic() > end:
                    log.seek(0)
                    raise SystemExit(log.read().decode("utf-8", "replace")[-4000:])
                time.sleep(0.5)
            yield f"{url}/v1"
        finally:
            process.terminate()
            process.wait(60)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def run_endpoint(folder: Path, home: Path) -> dict[str, object]:
    """embedder.url against this process, on the same passages, in float32."""
    settings = settings_of(home)
    store = Store.open(settings)
    texts = [text for _, text in passages(store)]
    store.close()
    here = Embedder.load(settings.embedder, settings.models_dir)
    here.embed_passages(texts[:64])
    begin = time.perf_counter()
    ours = here.embed_passages(texts)
    alone = time.perf_counter() - begin
    with _pooling(settings) as url:
        far = EmbeddingEndpoint(here, settings.embedder.model_copy(update={"url": url}))
        far.embed_passages(texts[:64])
        begin = time.perf_counter()
        theirs = far.embed_passages(texts)
        seconds = time.perf_counter() - begin
    return {
        "passages": len(texts),
        "seconds": round(seconds, 2),
        "in_this_process_s": round(alone, 2),
        "least_cosine": round(float((ours * theirs).sum(1).min()), 4),
    }


PARTS = {
    "ingest": run_ingest,
    "embed": run_embed,
    "sync": run_sync,
    "sentences": run_sentences,
    "endpoint": run_endpoint,
}

if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))))
