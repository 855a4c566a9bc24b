"""Answerable or not from its own paragraph: SQuAD 2, whose unanswerable questions were written to look
answerable.

    python tests/bench/abstention.py DATA [--work DIR] [--count 400] [--reading] [--probe]

DATA is a folder with squad2_half_dev_a.json. The evidence is the question's own paragraph alone. Told are
AUROC and the risk-coverage curve (answering the surest questions first: which share of those answered has
no answer) of the calibrated score as it is shipped; of a logistic regression on its signals and
token-level ones, cross-validated over articles; and of the question's length alone. All questions are
English, so their language tells nothing (AUROC .5). With ``--reading`` a running generator reads each
paragraph (rag/reading.py): alone, with the first score as it is shipped, and among the signals refitted.
With ``--probe`` a linear probe of the generator's hidden states (rag/models/hidden.py, the question in the
statement's place) tells the questions of each article after it was fitted on the others, its layer chosen
among those; it needs many questions (``--count 1200``)."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from check import interval
from corpora import build, read_questions
from fit import Bench
from reading import read_all
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sqlalchemy import select

from rag.answerable import answerability, answerable_signals
from rag.calibration import load
from rag.evidence import group_of, select_evidence
from rag.late_interaction import matched_tokens, weakest_tokens
from rag.models.embedder import Embedder
from rag.models.hidden import HiddenStates
from rag.models.hidden_cache import CachedStates
from rag.models.protocols import Floats
from rag.reading import passage_of, reading_signals
from rag.rerank import rerank
from rag.retrieve import look_up
from rag.settings import Settings, load_settings
from rag.tables import chunk
from rag.types import Hit, User

SEED = 17
COVERAGES = (0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class Row:
    """A question beside its own paragraph: whether that answers it, the first score, and its signals."""

    question: str
    passage: str
    article: int
    answerable: bool
    first: float
    signals: tuple[float, ...]


def risk_coverage(scores: Sequence[float], labels: Sequence[bool]) -> dict[str, float]:
    """By share of the questions answered, surest first: the share of them that has no answer."""
    order = np.argsort(-np.array(scores), kind="stable")
    wrong = 1 - np.array(labels, float)[order]
    return {str(c): round(float(wrong[: max(1, round(c * len(wrong)))].mean()), 3) for c in COVERAGES}


def refitted(rows: Sequence[Sequence[float]], labels: Sequence[bool], groups: Sequence[int]) -> list[float]:
    """Of each question, by a model fitted on other articles."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    folds = GroupKFold(min(5, len(set(groups))))
    found = cross_val_predict(model, np.array(rows), labels, groups=groups, cv=folds, method="predict_proba")
    return [float(p) for p in found[:, 1]]


def _direction(states: Floats, labels: Sequence[bool], groups: Sequence[int]) -> Floats:
    """Log-odds [n] by a linear probe at one layer, states [n, 2 d], each article by the others."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=3e-4, max_iter=1000))
    return cross_val_predict(
        model, states, labels, groups=groups, cv=LeaveOneGroupOut(), method="decision_function"
    )


def probed(
    asked: Sequence[tuple[str, str]],
    labels: Sequence[bool],
    groups: Sequence[int],
    settings: Settings,
    work: Path,
) -> list[float]:
    """Log-odds of each (passage, question) by a probe that was fitted on other articles, at the layer that
    told those apart best.
    """
    hidden = HiddenStates.load(settings.generator.model, settings.models_dir)
    states = CachedStates(hidden, work / "hidden").states(
        asked, lambda _, done, of: print(done, of, flush=True)
    )
    known, of = np.array(labels), np.array(groups)
    found = np.zeros(len(asked))
    for article in sorted(set(groups)):
        inside = of == article
        others = [
            _direction(states[~inside, i].reshape(sum(~inside), -1), known[~inside], of[~inside])
            for i in range(len(hidden.layers))
        ]
        best = int(np.argmax([roc_auc_score(known[~inside], told) for told in others]))
        model = make_pipeline(StandardScaler(), LogisticRegression(C=3e-4, max_iter=1000))
        model.fit(states[~inside, best].reshape(sum(~inside), -1), known[~inside])
        found[inside] = model.decision_function(states[inside, best].reshape(sum(inside), -1))
        print(f"article {article}: layer {hidden.layers[best]}", flush=True)
    return [float(value) for value in found]


def _articles(file: Path) -> list[int]:
    """By paragraph: the number of its article."""
    data = json.loads(file.read_text("utf-8"))["data"]
    return [number for number, article in enumerate(data) for _ in article["paragraphs"]]


def rows_of(file: Path, count: int, bench: Bench, settings: Settings) -> list[Row]:
    """``count`` questions with what retrieval tells of each and its own paragraph."""
    articles = _articles(file)
    of_paragraph: dict[str, list[int]] = {}
    with bench.store.read() as connection:
        identities = list(connection.execute(select(chunk.c.id)).scalars())
    for key, (_, document) in bench.store.chunks(identities, User()).items():
        of_paragraph.setdefault(document.source, []).append(key)
    rows = []
    embedder = bench.embedder
    for question in random.Random(SEED).sample(read_questions(file)[1], count):
        keys = of_paragraph[bench.corpus.source(question.paragraph)]
        query = look_up(question.text, bench.store, embedder)
        hits = [Hit(*found, score=0.0) for found in bench.store.chunks(keys, User()).values()]
        hits = rerank(query, hits, bench.store, bench.index, embedder, len(hits))
        evidence = select_evidence(query, hits, settings.answer, embedder.count_tokens)
        signals = answerable_signals(query, hits, evidence, embedder)
        first, _ = answerability(group_of(query, hits[0]), signals)
        asked = embedder.token_vectors([question.text], "query")[0].vectors
        told = [t.vectors for t in embedder.token_vectors([e.quote for e in evidence], "passage")]
        single = [max(of(asked, [quote]) for quote in told) for of in (matched_tokens, weakest_tokens)]
        passage = passage_of(evidence[0], hits)
        article = articles[question.paragraph]
        values = (*signals.values(), *single)
        rows.append(Row(question.text, passage, article, bool(question.answers), first, values))
    return rows


def told_by(rows: Sequence[Row], arguments: argparse.Namespace, settings: Settings) -> dict[str, list[float]]:
    """What each way of telling makes of the questions: the higher, the surer."""
    labels, groups = [row.answerable for row in rows], [row.article for row in rows]
    told = {
        "shipped": [row.first for row in rows],
        "refitted": refitted([row.signals for row in rows], labels, groups),
        "length_only": [-float(len(row.question)) for row in rows],
    }
    if arguments.reading:
        reads = asyncio.run(read_all([(row.question, row.passage) for row in rows], settings))
        model = load("reading")
        signals = [reading_signals(row.first, value) for row, value in zip(rows, reads, strict=True)]
        told["reading"] = reads
        told["shipped_and_reading"] = [model.probability("same", of) for of in signals]
        both = [[*row.signals, value] for row, value in zip(rows, reads, strict=True)]
        told["refitted_and_reading"] = refitted(both, labels, groups)
    if arguments.probe:
        asked = [(row.passage, row.question) for row in rows]
        told["probe"] = probed(asked, labels, groups, settings, arguments.work)
    if arguments.probe and arguments.reading:
        told["probe_and_reading"] = [sum(pair) for pair in zip(told["probe"], told["reading"], strict=True)]
    return told


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("var/bench"))
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--reading", action="store_true")
    parser.add_argument("--probe", action="store_true")
    arguments = parser.parse_args()
    settings = load_settings()
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    file = arguments.data / "squad2_half_dev_a.json"
    bench = Bench(build(file, arguments.work, embedder), embedder)
    bench.index.sync()
    rows = rows_of(file, arguments.count, bench, settings)
    labels = [row.answerable for row in rows]
    report: dict[str, object] = {
        "questions": len(rows),
        "articles": len({row.article for row in rows}),
        "answerable": round(float(np.mean(labels)), 3),
    }
    for name, values in told_by(rows, arguments, settings).items():
        report[name] = {
            "auroc": round(float(roc_auc_score(labels, values)), 3),
            "interval": interval(np.array(labels, float), np.array(values)),
            "risk_at_coverage": risk_coverage(values, labels),
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
