"""What waits for a GPU, in one call: builds, compares values, times, and leaves a report.

    python tests/bench/gpu.py [--rows 10000000] [--models FOLDER] [--out FILE]

Search: rows x 384 random unit vectors, flat in half precision on the GPU, one question and 64 at once. Bound:
the bytes of the vectors at the bandwidth that a copy of 2 GiB reaches on this card (read and written).
Changes: 10,000 random additions, replacements and removals of documents, the answers compared with exact
search of what must be there. Embedding (with --models, a folder that holds multilingual-e5-small): tokens a
second of the embedder against those of its network alone on batches that lie ready. Memory: free bytes of
the card before and after.

Without a GPU the same runs in main memory with fewer rows, and says so.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import faiss
import numpy as np
import torch
from ingest_speed import machine

from rag.index.changes import Read
from rag.index.gpu import on_gpu
from rag.index.part import Part, Search, Segment
from rag.index.vectors import Flat

D, K, BATCH, SEED = 384, 10, 100_000, 20261125
ROWS_WITHOUT_GPU, CHANGES, DOCUMENT = 100_000, 10_000, 4
EVERYTHING = np.array([True, False])


def unit(rng: np.random.Generator, n: int) -> np.ndarray:
    rows = rng.standard_normal((n, D), np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def milliseconds(work: Callable[[], object], rounds: int = 20) -> float:
    work()
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return round(1000 * median(taken), 3)


def bandwidth() -> float:
    """Bytes a second that the device reads and writes in a copy."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    block = torch.zeros(1 << 28 if device == "cpu" else 1 << 30, dtype=torch.float16, device=device)
    other = torch.empty_like(block)

    def copy() -> None:
        other.copy_(block)
        if device == "cuda":
            torch.cuda.synchronize()

    return 2 * block.nbytes / (milliseconds(copy) / 1000)


def free() -> int:
    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else 0


def search(rows: int) -> dict[str, object]:
    """Flat search of ``rows`` vectors against the bound, and whether the card's memory comes back."""
    before = free()
    report = _search(rows, before)
    gc.collect()
    return report | {"bytes_not_returned": before - free()}


def _search(rows: int, before: int) -> dict[str, object]:
    rng = np.random.default_rng(SEED)
    if faiss.get_num_gpus():
        options = faiss.GpuMultipleClonerOptions()
        options.useFloat16 = True
        index = faiss.index_cpu_to_gpus_list(faiss.IndexFlatIP(D), co=options, ngpu=1)
    else:
        index = faiss.IndexScalarQuantizer(D, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    first = unit(rng, min(BATCH, rows))
    index.add(first)
    for begin in range(BATCH, rows, BATCH):
        index.add(unit(rng, min(BATCH, rows - begin)))
    asked = first[:64] + 0.01 * unit(rng, 64)
    _, found = index.search(asked, 1)
    taken_bytes, bound = before - free(), 1000 * rows * D * 2 / bandwidth()
    itself = bool((found[:, 0] == np.arange(64)).all())
    report: dict[str, object] = {"rows": rows, "each_finds_itself": itself, "bound_ms": round(bound, 3)}
    for batch in (1, 64):
        taken = milliseconds(lambda n=batch: index.search(asked[:n], K))
        report[f"batch_{batch}_ms"], report[f"batch_{batch}_to_bound"] = taken, round(taken / bound, 2)
    return report | {"bytes_taken": taken_bytes}


class Library:
    """A part of an index, and beside it what must be in it."""

    def __init__(self, rows: int) -> None:
        self.rng = np.random.default_rng(SEED)
        self.known = {n: self._document() for n in range(rows // DOCUMENT)}
        self.next = rows + 1
        self.ids = {n: np.arange(n * DOCUMENT + 1, (n + 1) * DOCUMENT + 1) for n in self.known}
        host = Flat(D)
        host.add(np.concatenate(list(self.known.values())))
        ids = np.concatenate(list(self.ids.values()))
        documents = np.repeat(np.array(list(self.known)), DOCUMENT)
        main = Segment(on_gpu(host, D), ids, documents, np.zeros(len(ids), np.int32))
        whole = np.concatenate(list(self.known.values())).astype(np.float32)
        self.part = Part(D, main)
        self.part.cloud += type(self.part.cloud).of(whole)

    def _document(self) -> np.ndarray:
        return unit(self.rng, DOCUMENT).astype(np.float16)

    def change(self) -> None:
        """Add, replace or remove a document."""
        kind = self.rng.integers(3)
        key = int(self.rng.choice(list(self.known))) if kind else max(self.known) + 1
        if kind:
            self.part.keep(np.array([key]), np.empty(0, np.int64), {})
            del self.known[key], self.ids[key]
        if kind < 2:
            self.known[key] = self._document()
            self.ids[key] = np.arange(self.next, self.next + DOCUMENT)
            self.next += DOCUMENT
            keys, spoken = np.full(DOCUMENT, key), np.full(DOCUMENT, "en")
            rows = Read(self.ids[key], keys, spoken, {}, self.known[key])
            self.part.add(rows, np.zeros(DOCUMENT, np.int32))

    def differs(self, query: np.ndarray) -> bool:
        """Whether the part answers otherwise than exact search."""
        ids = np.concatenate([self.ids[key] for key in self.known])
        vectors = np.concatenate([self.known[key] for key in self.known]).astype(np.float32)
        scores = vectors @ query
        want = set(ids[np.argsort(-scores)[:K]].tolist())
        found, rest = self.part.search(query, K, EVERYTHING)
        assert isinstance(rest, Search)
        best = sorted(found + rest.nearest(query, K), reverse=True)[:K]
        return {key for _, key in best} != want


def changes(rows: int) -> dict[str, object]:
    """The index in step with random changes."""
    library, wrong, begun = Library(rows), 0, time.perf_counter()
    for n in range(CHANGES):
        library.change()
        if n % 100 == 99:
            wrong += library.differs(unit(library.rng, 1)[0])
    return {
        "changes": CHANGES,
        "seconds": round(time.perf_counter() - begun, 1),
        "compared": CHANGES // 100,
        "different": wrong,
        "on_gpu": type(library.part.main.vectors).__name__ == "OnGpu",  # type: ignore[union-attr]
    }


def embedding(models: Path) -> dict[str, object]:
    """The embedder against its network alone."""
    from rag.models.embedder import Embedder
    from rag.settings import EmbedderSettings

    device = "cuda" if torch.cuda.is_available() else "cpu"
    embedder = Embedder.load(EmbedderSettings(device=device, batch_tokens=65536), models)
    words = np.random.default_rng(SEED).integers(2, 200, 4000 if device == "cuda" else 100)
    texts = ["the pump of the press needs oil " * (n // 7 + 1) for n in words.tolist()]
    tokens = sum(embedder.count_tokens(texts))
    ours = milliseconds(lambda: embedder.embed_passages(texts), 3)
    encoded = embedder._encode(texts, "passage")
    ready = []
    for batch in embedder._batches(encoded):
        lengths = [len(encoded[i].ids) for i in batch]
        ids = np.ones((len(batch), lengths[0]), np.int64)
        for row, i in enumerate(batch):
            ids[row, : lengths[row]] = encoded[i].ids
        ready.append((ids, lengths))

    encoder = embedder._idle.get()
    embedder._idle.put(encoder)

    def bare() -> None:
        for ids, lengths in ready:
            encoder(ids, lengths)

    alone = milliseconds(bare, 3)
    return {"tokens_a_second": round(1000 * tokens / ours), "of_the_network_alone": round(alone / ours, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    gpus = faiss.get_num_gpus()
    rows = arguments.rows or (10_000_000 if gpus else ROWS_WITHOUT_GPU)
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "none: this ran in main memory"
    report = {"machine": machine(), "gpu": name, "search": search(rows), "changes": changes(20_000)}
    if arguments.models:
        report["embedding"] = embedding(arguments.models)
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
