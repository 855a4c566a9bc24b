"""Answerable or not from its own paragraph: SQuAD 2, whose unanswerable questions were written to look
answerable.

    python tests/bench/abstention.py DATA [--work DIR] [--count 400] [--reading]

DATA is a folder with squad2_half_dev_a.json. The evidence is the question's own paragraph alone. Told are
AUROC and the risk-coverage curve (answering the surest questions first: which share of those answered has
no answer) of the calibrated score as it is shipped; of a logistic regression on its signals and
token-level ones, cross-validated over articles; and of the question's length alone. All questions are
English, so their language tells nothing (AUROC .5). With ``--reading`` a running generator reads each
paragraph (rag/reading.py): alone, with the first score as it is shipped, and among the signals refitted."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from corpora import build, read_questions
from fit import Bench
from reading import read_all
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sqlalchemy import select

from rag.answerable import answerability, answerable_signals
from rag.calibration import load
from rag.evidence import group_of, select_evidence
from rag.late_interaction import matched_tokens, weakest_tokens
from rag.models.embedder import Embedder
from rag.reading import passage_of, reading_signals
from rag.rerank import rerank
from rag.retrieve import look_up
from rag.settings import load_settings
from rag.tables import chunk
from rag.types import Hit, User

SEED = 17
COVERAGES = (0.2, 0.4, 0.6, 0.8, 1.0)


def risk_coverage(scores: Sequence[float], labels: Sequence[bool]) -> dict[str, float]:
    """By share of the questions answered, surest first: the share of them that has no answer."""
    order = np.argsort(-np.array(scores), kind="stable")
    wrong = 1 - np.array(labels, float)[order]
    return {str(c): round(float(wrong[: max(1, round(c * len(wrong)))].mean()), 3) for c in COVERAGES}


def refitted(
    rows: Sequence[Sequence[float]], labels: Sequence[bool], groups: Sequence[int]
) -> Sequence[float]:
    """Of each question, by a model fitted on other articles."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    folds = GroupKFold(min(5, len(set(groups))))
    found = cross_val_predict(model, np.array(rows), labels, groups=groups, cv=folds, method="predict_proba")
    return [float(p) for p in found[:, 1]]


def _articles(file: Path) -> list[int]:
    """By paragraph: the number of its article."""
    data = json.loads(file.read_text("utf-8"))["data"]
    return [number for number, article in enumerate(data) for _ in article["paragraphs"]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("var/bench"))
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--reading", action="store_true")
    arguments = parser.parse_args()
    settings = load_settings()
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    file = arguments.data / "squad2_half_dev_a.json"
    bench = Bench(build(file, arguments.work, embedder), embedder)
    bench.index.sync()
    articles = _articles(file)
    questions = random.Random(SEED).sample(read_questions(file)[1], arguments.count)
    of_paragraph: dict[str, list[int]] = {}
    with bench.store.read() as connection:
        identities = list(connection.execute(select(chunk.c.id)).scalars())
    for key, (_, document) in bench.store.chunks(identities, User()).items():
        of_paragraph.setdefault(document.source, []).append(key)
    rows, scores, labels, groups, passages = [], [], [], [], []
    for question in questions:
        keys = of_paragraph[bench.corpus.source(question.paragraph)]
        query = look_up(question.text, bench.store, embedder)
        hits = [Hit(*found, score=0.0) for found in bench.store.chunks(keys, User()).values()]
        hits = rerank(query, hits, bench.store, bench.index, embedder, len(hits))
        evidence = select_evidence(query, hits, settings.answer, embedder.count_tokens)
        signals = answerable_signals(query, hits, evidence, embedder)
        scores.append(answerability(group_of(query, hits[0]), signals)[0])
        asked = embedder.token_vectors([question.text], "query")[0].vectors
        told = [t.vectors for t in embedder.token_vectors([e.quote for e in evidence], "passage")]
        single = [max(of(asked, [quote]) for quote in told) for of in (matched_tokens, weakest_tokens)]
        rows.append([*signals.values(), *single])
        labels.append(bool(question.answers))
        passages.append((question.text, passage_of(evidence[0], hits)))
        groups.append(articles[question.paragraph])
    told = {
        "shipped": scores,
        "refitted": refitted(rows, labels, groups),
        "length_only": [-float(len(question.text)) for question in questions],
    }
    if arguments.reading:
        reads = asyncio.run(read_all(passages, settings))
        model = load("reading")
        pairs = list(zip(scores, reads, strict=True))
        told["reading"] = reads
        told["shipped_and_reading"] = [model.probability("same", reading_signals(*pair)) for pair in pairs]
        both = [[*row, value] for row, value in zip(rows, reads, strict=True)]
        told["refitted_and_reading"] = refitted(both, labels, groups)
    report = {
        "questions": len(questions),
        "articles": len(set(groups)),
        "answerable": round(float(np.mean(labels)), 3),
    }
    for name, values in told.items():
        auroc = round(float(roc_auc_score(labels, values)), 3)
        report[name] = {"auroc": auroc, "risk_at_coverage": risk_coverage(list(values), labels)}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
