"""Is the right paragraph among the first hits? Questions of XQuAD against its 240 paragraphs, one document
each.

    python tests/bench/retrieval.py DATA [--out FILE] [--most-rows N] [--work FOLDER --beside FOLDER]

Prints recall at 1 and 5 for the two searches alone, for rank fusion and for what Citewell does with them, so
that every step shows what it is worth. With --most-rows 5 the words that are sought stand in 2% of the
paragraphs together, as they do in a collection of a million passages (rag.index.lexical.MOST_ROWS). With
--beside the collection also holds the documents of that folder: manuals in many languages
(tests/bench/manuals.py) answer none of the questions, and may come before the paragraph that does. Give it a
--work of its own, which is used again."""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path
from statistics import median

from corpora import Corpus, build, read_questions

from rag.index import lexical
from rag.index.dense import DenseIndex
from rag.models.embedder import Embedder
from rag.rerank import rerank
from rag.retrieve import retrieve
from rag.settings import load_settings
from rag.store import Store
from rag.timer import Timer
from rag.types import Hit, User

PAIRS = (
    ("en", "en"),
    ("zh", "zh"),
    ("de", "de"),
    ("zh", "en"),
    ("en", "zh"),
    ("de", "en"),
    ("ru", "en"),
    ("ar", "en"),
)
STEPS = ("dense", "lexical", "fused", "reranked")


def _documents(hits: list[Hit]) -> list[str]:
    return list(dict.fromkeys(hit.document.source for hit in hits))


def _ranked(hits: list[Hit], step: str) -> list[str]:
    """Documents in the order that this step alone would give them."""
    if step == "fused":
        return _documents(hits)
    scored = [(getattr(hit, step), hit) for hit in hits if getattr(hit, step) is not None]
    return _documents([hit for _, hit in sorted(scored, key=lambda item: -item[0])])


def measure(file: Path, corpus: Corpus, embedder: Embedder) -> dict[str, dict[str, float]]:
    """Recall of each step over all questions of a file."""
    store = Store.open(corpus.settings)
    index = DenseIndex(store, corpus.settings.index_dir, embedder)
    settings = corpus.settings.retrieve
    found = {step: [0, 0] for step in STEPS}
    _, questions = read_questions(file)
    taken = []
    for question in questions:
        begun = time.perf_counter()
        query, hits = retrieve(question.text, store, embedder, index, User(), settings, Timer())
        best = rerank(query, hits, store, index, embedder, len(hits))
        taken.append(time.perf_counter() - begun)
        lists = {step: _ranked(hits, step) for step in STEPS[:-1]}
        lists["reranked"] = _documents(best)
        gold = corpus.source(question.paragraph)
        for step, documents in lists.items():
            found[step][0] += gold in documents[:1]
            found[step][1] += gold in documents[:5]
    store.close()
    print(f"{1000 * median(taken):.1f} ms a question (median)", flush=True)
    return {
        step: {"recall@1": round(one / len(questions), 3), "recall@5": round(five / len(questions), 3)}
        for step, (one, five) in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("var/bench"))
    parser.add_argument("--beside", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--most-rows", type=int, default=lexical.MOST_ROWS)
    arguments = parser.parse_args()
    lexical.rarest.__defaults__ = (arguments.most_rows,)
    settings = load_settings()
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    report: dict[str, object] = {"machine": platform.processor() or platform.machine(), "questions": 1190}
    for asked, documents in PAIRS:
        corpus = build(arguments.data / f"xquad.{documents}.json", arguments.work, embedder, arguments.beside)
        result = measure(arguments.data / f"xquad.{asked}.json", corpus, embedder)
        report[f"{asked} -> {documents}"] = result
        print(
            f"{asked} -> {documents}: "
            + "; ".join(f"{s} {v['recall@1']:.3f} / {v['recall@5']:.3f}" for s, v in result.items()),
            flush=True,
        )
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
