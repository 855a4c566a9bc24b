"""Fit the calibrated models of rag/calibration/ and write them there.

    python tests/bench/fit.py DATA [--work DIR] [--questions 700]

DATA is a folder with the public sets. Fitted on CMRC 2018 (trial, Chinese) and SQuAD 2 (half of dev, English)
for questions in the language of the documents; for questions in another language on XQuAD (German, Russian
and Arabic questions, English documents), the only parallel set at hand. XQuAD in English and Chinese is kept
for measuring: paragraphs that it shares with SQuAD 2 take no part."""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from corpora import Corpus, Question, build, holds, read_questions, sample
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import rag.calibration
from rag.answerable import answerable_signals
from rag.calibration import logistic
from rag.evidence import select_evidence, sentence_signals
from rag.index.dense import DenseIndex
from rag.models.embedder import Embedder
from rag.rerank import rerank
from rag.retrieve import retrieve
from rag.settings import load_settings
from rag.store import Store
from rag.timer import Timer
from rag.types import Hit, Query, User

SEED = 20261123
TOP = 8
# Words cannot match across languages: what little they seem to tell there is chance
WORDS = {"same": (), "cross": ("cover", "nearby", "passage_cover", "union", "missing", "similarity")}
FOLDER = Path(rag.calibration.__file__).parent
# Share of the questions whose paragraph is not there that must be refused, on the fitting sets
ABSTAIN = 0.9


class Fitted(TypedDict):
    """One group of a logistic model."""

    intercept: float
    coefficients: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A question with its reranked hits, with its paragraph in the collection and without."""

    question: Question
    query: Query
    hits: Sequence[Hit]
    without: Sequence[Hit]
    gold: str


class Bench:
    """One built collection, opened."""

    def __init__(self, corpus: Corpus, embedder: Embedder) -> None:
        self.corpus = corpus
        self.embedder = embedder
        self.store = Store.open(corpus.settings)
        self.index = DenseIndex(self.store, corpus.settings.index_dir, embedder)

    def look(self, questions: Iterable[Question]) -> Iterator[Looked]:
        """Search for each question."""
        settings = self.corpus.settings.retrieve
        for question in questions:
            at = self.store, self.embedder, self.index
            query, found = retrieve(question.text, *at, User(), settings, Timer())
            gold = self.corpus.source(question.paragraph)
            others = [hit for hit in found if hit.document.source != gold]
            yield Looked(
                question,
                query,
                rerank(query, found, self.store, self.index, self.embedder, settings.hits),
                rerank(query, others, self.store, self.index, self.embedder, settings.hits),
                gold,
            )


def fitted(rows: Sequence[dict[str, float]], labels: Sequence[bool], leave_out: Sequence[str] = ()) -> Fitted:
    """Coefficients of a logistic regression on standardised signals, in the signals' own units."""
    names = [name for name in rows[0] if name not in leave_out]
    values = np.array([[row[name] for name in names] for row in rows])
    scaler = StandardScaler().fit(values)
    model = LogisticRegression(C=0.3, max_iter=5000).fit(scaler.transform(values), labels)
    scale = np.where(scaler.scale_ > 0, scaler.scale_, 1.0)
    coefficients = model.coef_[0] / scale
    intercept = float(model.intercept_[0] - (coefficients * scaler.mean_).sum())
    return {
        "intercept": round(intercept, 4),
        "coefficients": {n: round(float(c), 4) for n, c in zip(names, coefficients, strict=True)},
    }


def write(
    name: str,
    groups: dict[str, Fitted],
    threshold: float,
    trained_on: dict[str, str],
    command: str = "python tests/bench/fit.py DATA",
    **more: object,
) -> None:
    """Write one model's data file and make the running process read it."""
    content = {
        "name": name,
        "date": datetime.date.today().isoformat(),
        "command": command,
        "trained_on": trained_on,
        "threshold": round(threshold, 4),
        **more,
        "groups": groups,
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
    logistic.load.cache_clear()


def probability(values: Fitted, row: dict[str, float]) -> float:
    return logistic.Logistic("", {"": values["coefficients"]}, {"": values["intercept"]}, 0).probability(
        "", row
    )


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def fit_evidence(sets: dict[str, list[Looked]]) -> None:
    """P(the sentence holds the answer)."""
    groups, notes = {}, {}
    for group, looked in sets.items():
        rows, labels = [], []
        for item in looked:
            for hit in item.hits[:TOP]:
                texts = [
                    hit.chunk.text[a - hit.chunk.start : b - hit.chunk.start] for a, b in hit.chunk.sentences
                ]
                for text, signals in zip(texts, sentence_signals(item.query, hit), strict=True):
                    rows.append(signals)
                    labels.append(hit.document.source == item.gold and holds(text, item.question.answers))
        groups[group] = fitted(rows, labels, WORDS[group])
        notes[group] = f"{len(looked)} questions, {len(rows)} sentences, {sum(labels)} with the answer"
    write("evidence", groups, 0.5, notes)


def fit_answerable(sets: dict[str, list[Looked]], benches: dict[int, Bench]) -> None:
    """P(the evidence answers), from questions with their paragraph and the same questions without it."""
    groups, notes, thresholds = {}, {}, []
    for group, looked in sets.items():
        rows, labels, origin = [], [], []
        for item in looked:
            bench = benches[id(item)]
            for hits, label in ((item.hits, True), (item.without, False)):
                evidence = select_evidence(
                    item.query, hits, bench.corpus.settings.answer, bench.embedder.count_tokens
                )
                rows.append(answerable_signals(item.query, hits, evidence, bench.embedder))
                labels.append(label)
                origin.append(bench.corpus.name)
        groups[group] = fitted(rows, labels, WORDS[group])
        notes[group] = f"{len(looked)} questions with their paragraph and without"
        quantiles = []
        for name in sorted(set(origin)):
            without = [
                probability(groups[group], r)
                for r, y, o in zip(rows, labels, origin, strict=True)
                if not y and o == name
            ]
            quantiles.append(float(np.quantile(without, ABSTAIN)))
        thresholds.append(float(np.mean(quantiles)))
    # one threshold: the group across languages is moved so that it refuses as often as the other
    shift = _logit(thresholds[0]) - _logit(thresholds[1])
    groups["cross"]["intercept"] = round(groups["cross"]["intercept"] + shift, 4)
    write("answerable", groups, thresholds[0], notes)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("var/bench"))
    parser.add_argument("--questions", type=int, default=700)
    arguments = parser.parse_args()
    settings = load_settings()
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    names = ("cmrc2018_trial", "squad2_half_dev_a", "xquad.en")
    bench = {
        name: Bench(build(arguments.data / f"{name}.json", arguments.work, embedder), embedder)
        for name in names
    }
    questions = {
        f.stem: read_questions(f)[1]
        for f in sorted(arguments.data.glob("*.json"))
        if f.stem.startswith(("xquad", *names))
    }
    measured = {text[:60] for text in bench["xquad.en"].corpus.paragraphs}
    shared = {
        i for i, text in enumerate(bench["squad2_half_dev_a"].corpus.paragraphs) if text[:60] in measured
    }
    plan = [("same", "cmrc2018_trial", "cmrc2018_trial"), ("same", "squad2_half_dev_a", "squad2_half_dev_a")]
    plan += [("cross", "xquad.en", f"xquad.{language}") for language in ("de", "ru", "ar")]
    english = {q.id: q.answers for q in questions["xquad.en"]}
    sets: dict[str, list[Looked]] = {"same": [], "cross": []}
    owners: dict[int, Bench] = {}
    for group, collection, asked in plan:
        pool = [q for q in questions[asked] if collection != "squad2_half_dev_a" or q.paragraph not in shared]
        if group == "cross":
            pool = [Question(q.id, q.text, q.paragraph, english[q.id]) for q in pool]
        chosen = sample(pool, arguments.questions if group == "same" else arguments.questions // 2, SEED)
        looked = list(bench[collection].look(chosen))
        owners |= {id(item): bench[collection] for item in looked}
        sets[group] += looked
        print(f"{asked} against {collection}: {len(looked)} questions", flush=True)
    tenth = [item.without[-1].score for item in sets["same"] if len(item.without) == 10]
    print(f"score of the tenth hit when the paragraph is not there: median {np.median(tenth):.2f}")
    fit_evidence(sets)
    fit_answerable(sets, owners)


if __name__ == "__main__":
    main()
