"""Retrieval as the collection grows: what each step costs at 1,000, 10,000, 100,000 and 1,000,000 chunks.

    python tests/bench/index.py DATA [--sizes 1000,10000,100000,1000000] [--folder var/bench/index]

DATA holds xquad.en.json and xquad.zh.json (SQuAD's format). A collection is made of them, half English and
half Chinese: each passage is four of their sentences, its vector that of one of them moved at random as far
as the vectors of the language spread (times MOVED), so that it has neighbours as real ones have. A document
holds ten passages; of the documents one in 2, 10 and 100 may be read by a group. Questions are those of the
sets. A collection that is there already is measured again.

"retrieve" is the whole of it: the question embedded, passages sought by meaning and by words among those that
the user may read, fused, read and confirmed.

Bounds: the scan is n vectors of d half-precision numbers, read as fast as one thread of this machine reads
memory (numpy's sum over 256 MiB); retrieval cannot be faster than embedding the question and that scan.
Peer: faiss itself, exact, in fp32. Recall@10 is against exact search of the same user's chunks.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import faiss
import numpy as np
from ingest_speed import machine
from sqlalchemy import Connection, insert, text

from ingest.index import Ledger
from rag.eval.plot import Curve, draw
from rag.index.changes import read
from rag.index.dense import DenseIndex
from rag.index.lexical import rarest
from rag.index.vectors import FLAT_MOST
from rag.models.embedder import Embedder
from rag.retrieve import retrieve
from rag.settings import Settings, load_settings
from rag.store import Store
from rag.tables import chunk, document, place, reader, vector
from rag.text import sentences, terms
from rag.timer import Timer
from rag.types import Query, User

LANGUAGES = ("en", "zh")
SHARES = {"all": 1, "half": 2, "tenth": 10, "hundredth": 100}  # one in so many documents
MOVED, SEED, QUESTIONS = 0.7, 20261125, 100
PASSAGES, SENTENCES, BATCH = 10, 4, 10_000
K = 10
STYLE = """<!doctype html><meta charset="utf-8"><title>Cost by size</title><style>
figure { width: 48rem; font: 14px sans-serif } path { fill: none; stroke: #888 } .grid { stroke: #ddd }
text { font-size: 9px } .s0 { stroke: #06c } .s1 { stroke: #c30 } .s2 { stroke: #393 } .s3 { stroke: #939 }
.s4 { stroke: #c90 } .s5 { stroke: #099 }</style>
"""


class Material:
    """Sentences, their terms and vectors, and questions, by language."""

    def __init__(self, data: Path, embedder: Embedder) -> None:
        self.sentences: dict[str, list[str]] = {}
        self.terms: dict[str, list[str]] = {}
        self.vectors: dict[str, np.ndarray] = {}
        self.spread: dict[str, np.ndarray] = {}
        self.questions: dict[str, list[str]] = {}
        for spoken in LANGUAGES:
            articles = json.loads((data / f"xquad.{spoken}.json").read_text("utf-8"))["data"]
            paragraphs = [one for article in articles for one in article["paragraphs"]]
            found = [p["context"][a:b] for p in paragraphs for a, b in sentences(p["context"])]
            asked = [q["question"] for p in paragraphs for q in p["qas"]]
            self.sentences[spoken] = found
            self.terms[spoken] = [" ".join(terms(one)) for one in found]
            self.vectors[spoken] = embedder.embed_passages(found)
            covariance = np.cov(self.vectors[spoken].T) + 1e-8 * np.eye(embedder.dimension)
            self.spread[spoken] = np.linalg.cholesky(covariance).astype(np.float32)
            self.questions[spoken] = asked[:: len(asked) // (QUESTIONS // 2)][: QUESTIONS // 2]

    def passages(
        self, spoken: str, count: int, rng: np.random.Generator
    ) -> Iterator[tuple[str, str, np.ndarray]]:
        """Text, terms and vector of each."""
        known = self.vectors[spoken]
        chosen = rng.integers(0, len(known), (count, SENTENCES))
        noise = rng.normal(size=(count, known.shape[1])).astype(np.float32) @ self.spread[spoken].T
        moved = known[chosen[:, 0]] + MOVED * noise
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        for row, where in zip(chosen, moved.astype(np.float16), strict=True):
            body = " ".join(self.sentences[spoken][i] for i in row)
            yield body, " ".join(self.terms[spoken][i] for i in row), where


def fill(store: Store, material: Material, size: int, space_id: int) -> float:
    """Add ``size`` passages; returns how many a second."""
    begun, rng = time.perf_counter(), np.random.default_rng(SEED)
    for first in range(0, size, BATCH):
        with store.write() as connection:
            _write(connection, material, first, min(BATCH, size - first), space_id, rng)
    return size / (time.perf_counter() - begun)


def _write(
    connection: Connection,
    material: Material,
    first: int,
    count: int,
    space_id: int,
    rng: np.random.Generator,
) -> None:
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in ("document", "place", "reader", "chunk")}
    vectors, lexical = [], []
    for begin in range(first, first + count, PASSAGES):
        number, spoken = begin // PASSAGES, LANGUAGES[begin // PASSAGES % len(LANGUAGES)]
        key, at = f"{number:032x}", number + 1
        passages = list(material.passages(spoken, min(PASSAGES, first + count - begin), rng))
        whole = "\n".join(body for body, _, _ in passages)
        rows["document"].append(
            {"id": key, "title": f"Document {number}", "text": whole, "elements": [], "language": spoken}
            | {"mime": "text/plain", "sha256": key * 2, "size": len(whole), "pipeline": "bench"}
        )
        rows["place"].append(
            {"id": at, "source": "bench", "uri": key, "document_id": key, "title": "", "pipeline": "bench"}
        )
        names = [name for name, share in SHARES.items() if number // len(LANGUAGES) % share == 0]
        rows["reader"] += [{"place_id": at, "name": name, "document_id": key} for name in names]
        start = 0
        for position, (body, segmented, where) in enumerate(passages):
            identity = begin + position + 1
            rows["chunk"].append(
                {"id": identity, "document_id": key, "position": position, "start": start}
                | {"end": start + len(body), "sentences": [[0, len(body)]], "page": None, "heading": []}
                | {"header": "", "tokens": 100, "text": body}
            )
            vectors.append({"chunk_id": identity, "space_id": space_id, "whole": where.tobytes()})
            lexical.append({"id": identity, "body": segmented})
            start += len(body) + 1
    for table in (document, place, reader, chunk):
        connection.execute(insert(table), rows[table.name])
    connection.execute(insert(vector), vectors)
    connection.execute(
        text("INSERT INTO chunk_terms (rowid, heading, body) VALUES (:id, '', :body)"), lexical
    )


def milliseconds(work: Callable[[int], object], rounds: int) -> float:
    """The median of so many rounds, after one that is not counted."""
    work(0)
    taken = []
    for n in range(rounds):
        begun = time.perf_counter()
        work(n)
        taken.append(time.perf_counter() - begun)
    return round(1000 * median(taken), 2)


def in_turns(works: Mapping[str, Callable[[int], object]], rounds: int) -> dict[str, float]:
    """The medians of several, one round of each in turn, so that all meet the same moods of the machine."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for n in (0, *range(rounds)):
        for name, work in works.items():
            begun = time.perf_counter()
            work(n)
            taken[name].append(time.perf_counter() - begun)
    return {name: round(1000 * median(each[1:]), 2) for name, each in taken.items()}


def bandwidth() -> float:
    """Bytes a second that one thread reads."""
    block = np.ones(1 << 25)
    taken = []
    for _ in range(7):
        begun = time.perf_counter()
        block.sum()
        taken.append(time.perf_counter() - begun)
    return block.nbytes / min(taken)


class Exact:
    """Every vector of a space, with language and readers, for exact search with numpy."""

    def __init__(self, store: Store, space_id: int) -> None:
        with store.read() as connection:
            batches = list(read(connection, space_id))
        self.ids = np.concatenate([one.ids for one in batches])
        self.languages = np.concatenate([one.languages for one in batches])
        self.vectors = np.concatenate([one.vectors for one in batches])
        documents = np.concatenate([one.documents for one in batches])
        names: dict[int, frozenset[str]] = {}
        for one in batches:
            names |= {key: next(iter(access))[1] for key, access in one.accesses.items()}
        self.readable = {
            name: np.array([name in names[key] for key in documents.tolist()], np.bool_) for name in SHARES
        }

    def nearest(self, queries: np.ndarray, share: str, spoken: str, k: int) -> list[list[tuple[float, int]]]:
        """Cosine and id of the ``k`` best for each query [q, d]."""
        rows = np.flatnonzero((self.languages == spoken) & self.readable[share])
        best = np.full((len(queries), 0), -np.inf, np.float32)
        found = np.zeros((len(queries), 0), np.int64)
        for begin in range(0, len(rows), 50_000):
            some = rows[begin : begin + 50_000]
            scores = np.concatenate([best, queries @ self.vectors[some].astype(np.float32).T], axis=1)
            keys = np.broadcast_to(self.ids[some], (len(queries), len(some)))
            keys = np.concatenate([found, keys], axis=1)
            top = np.argsort(-scores, axis=1)[:, :k]
            best = np.take_along_axis(scores, top, axis=1)
            found = np.take_along_axis(keys, top, axis=1)
        return [
            list(zip(cosines, keys, strict=True))
            for cosines, keys in zip(best.tolist(), found.tolist(), strict=True)
        ]


def recalls(index: DenseIndex, exact: Exact, queries: Sequence[Query]) -> dict[str, float]:
    """Recall@K of what stands out most in its language, by the share of documents that the user may read."""
    found = {}
    for name in SHARES:
        user, hits = User("bench", (name,)), []
        near = [
            exact.nearest(np.stack([query.toward(spoken)[0] for query in queries]), name, spoken, K)
            for spoken in LANGUAGES
        ]
        for n, query in enumerate(queries):
            usual = [index.geometry.usual(query, spoken) for spoken in LANGUAGES]
            standing = [
                ((cosine - mean) / deviation, key)
                for (mean, deviation), best in zip(usual, near, strict=True)
                for cosine, key in best[n]
            ]
            want = {key for _, key in sorted(standing, reverse=True)[:K]}
            got = {key for key, _ in index.search(query, K, user)}
            hits.append(len(want & got) / len(want))
        found[name] = round(float(np.mean(hits)), 4)
    return found


def measure(
    settings: Settings, store: Store, embedder: Embedder, questions: Sequence[str], per_byte_s: float
) -> dict[str, object]:
    """Every figure at the size that the store has now."""
    space_id = store.space_id(embedder.fingerprint)
    assert space_id is not None
    shutil.rmtree(settings.index_dir, ignore_errors=True)
    report: dict[str, object] = {"chunks": store.counts()["chunks"]}
    begun = time.perf_counter()
    index = DenseIndex(store, settings.index_dir, embedder)
    index.sync()
    report["read_from_database_s"] = round(time.perf_counter() - begun, 2)
    begun = time.perf_counter()
    index.settle()
    report["snapshot_s"] = round(time.perf_counter() - begun, 2)
    begun = time.perf_counter()
    index = DenseIndex(store, settings.index_dir, embedder)
    index.sync()
    report["open_s"] = round(time.perf_counter() - begun, 3)
    report |= _memory(settings, index, embedder.dimension)
    asked = User("bench", ("all",)), load_settings().retrieve, Timer()
    queries = [retrieve(one, store, embedder, index, *asked)[0] for one in questions]
    report |= _steps(store, index, queries, embedder)
    scan = index.size * embedder.dimension * 2 * per_byte_s * 1000
    report["scan_bound_ms"] = round(scan, 2)
    bound = report["embed_ms"] + scan
    report["ratio_to_bound"] = round(report["retrieve_ms"]["all"] / bound, 2)
    exact = Exact(store, space_id)
    report["recall"] = recalls(index, exact, queries)
    report["faiss_flat_fp32_ms"] = _peer(exact, queries)
    report["replace_ms"] = _replace(store, index, embedder)
    return report


def _memory(settings: Settings, index: DenseIndex, dimension: int) -> dict[str, object]:
    files = sum(path.stat().st_size for path in settings.index_dir.glob("*/*"))
    a_number = 1 if index.size // len(LANGUAGES) > FLAT_MOST else 2
    return {
        "index_mib": round(files / 2**20, 1),
        "to_quantised_vectors": round(files / (index.size * dimension * a_number), 3),
    }


def _steps(
    store: Store, index: DenseIndex, queries: Sequence[Query], embedder: Embedder
) -> dict[str, object]:
    given, rounds = load_settings().retrieve, len(queries)
    users = {name: User("bench", (name,)) for name in SHARES}
    asked: dict[str, list[list[str]]] = {spoken: [] for spoken in LANGUAGES}
    for query in queries:
        if query.language in asked:
            asked[query.language].append(rarest(store.frequencies(query.weights)[1]))

    def retrieved(number: int, user: User) -> object:
        return retrieve(queries[number].text, store, embedder, index, user, given, Timer())

    works = {name: lambda n, u=user: retrieved(n, u) for name, user in users.items()}
    whole = in_turns({"embed": lambda n: embedder.token_vectors([queries[n].text], "query"), **works}, rounds)
    return {
        "dense_ms": {
            name: milliseconds(lambda n, u=user: index.search(queries[n], given.candidates, u), rounds)
            for name, user in users.items()
        },
        "lexical_ms": {
            spoken: milliseconds(lambda n, of=of: store.lexical(of[n], given.candidates), len(of))
            for spoken, of in asked.items()
        },
        "embed_ms": whole.pop("embed"),
        "retrieve_ms": whole,
    }


def _peer(exact: Exact, queries: Sequence[Query]) -> float:
    flat = faiss.IndexFlatIP(exact.vectors.shape[1])
    for begin in range(0, len(exact.vectors), 50_000):
        flat.add(exact.vectors[begin : begin + 50_000].astype(np.float32))
    return milliseconds(lambda n: flat.search(queries[n].vector[None], K), min(len(queries), 30))


def _replace(store: Store, index: DenseIndex, embedder: Embedder) -> float:
    """The index follows a document whose passages are replaced (the transaction itself is not counted)."""
    taken = []
    for number in range(0, 40, 2):
        key = f"{number:032x}"
        with store.write() as connection:
            old = connection.execute(
                text("SELECT * FROM chunk WHERE document_id = :k"), {"k": key}
            ).mappings()
            vectors = connection.execute(
                text(
                    "SELECT v.whole FROM vector v JOIN chunk c ON c.id = v.chunk_id WHERE c.document_id = :k"
                ),
                {"k": key},
            ).scalars()
            rows, wholes = [dict(row) for row in old], list(vectors)
            connection.execute(text("DELETE FROM chunk WHERE document_id = :k"), {"k": key})
            for row, whole in zip(rows, wholes, strict=True):
                given = {name: value for name, value in row.items() if name != "id"}
                given |= {name: json.loads(given[name]) for name in ("sentences", "heading")}
                made = connection.execute(insert(chunk), given).inserted_primary_key
                assert made is not None
                new = {"chunk_id": made[0], "space_id": index.space_id, "whole": whole}
                connection.execute(insert(vector), new)
        begun = time.perf_counter()
        assert index.sync() == 2 * len(rows)
        taken.append(time.perf_counter() - begun)
    return round(1000 * median(taken), 2)


def growth(reports: Sequence[dict[str, object]]) -> tuple[dict[str, float], str]:
    """The exponent of each step's cost between the two largest sizes, and the plot."""

    def steps(one: dict[str, object]) -> dict[str, float]:
        dense, lexical = one["dense_ms"], one["lexical_ms"]
        return {
            "embed": one["embed_ms"],
            "dense": dense["all"],
            "lexical, English": lexical["en"],
            "lexical, Chinese": lexical["zh"],
            "retrieve": one["retrieve_ms"]["all"],
            "replace": one["replace_ms"],
        }

    curves = {
        name: [(math.log10(one["chunks"]), math.log10(max(steps(one)[name], 0.01))) for one in reports]
        for name in steps(reports[0])
    }
    slopes = {
        name: round((points[-1][1] - points[-2][1]) / (points[-1][0] - points[-2][0]), 2)
        for name, points in curves.items()
        if len(points) > 1
    }
    lifted = {name: [(x, y + 2) for x, y in points] for name, points in curves.items()}
    plot = draw(Curve("Cost by size", "log10 of chunks", "log10 of microseconds / 10", lifted))
    return slopes, plot


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--sizes", default="1000,10000,100000,1000000")
    parser.add_argument("--folder", type=Path, default=Path("var/bench/index"))
    arguments = parser.parse_args()
    base = load_settings()
    embedder = Embedder.load(base.embedder, base.models_dir)
    material = Material(arguments.data, embedder)
    questions = [one for spoken in LANGUAGES for one in material.questions[spoken]]
    rate, reports = bandwidth(), []
    for size in map(int, arguments.sizes.split(",")):
        settings = base.model_copy(update={"home": arguments.folder / str(size)})
        store = Store.open(settings)
        space = Ledger(store).active_space(embedder.fingerprint, embedder.dimension)
        report: dict[str, object] = {}
        if not store.counts()["chunks"]:
            report["rows_written_a_second"] = round(fill(store, material, size, space.id))
        report |= measure(settings, store, embedder, questions, 1 / rate)
        reports.append(report)
        print(json.dumps(report), flush=True)
        store.close()
    slopes, plot = growth(reports)
    whole = {
        "machine": machine(),
        "read_gb_a_second": round(rate / 1e9, 1),
        "sizes": reports,
        "exponents": slopes,
    }
    (arguments.folder / "index.json").write_text(json.dumps(whole, indent=1), "utf-8")
    (arguments.folder / "index.html").write_text(STYLE + plot, "utf-8")
    print(json.dumps(whole, indent=1))


if __name__ == "__main__":
    main()
