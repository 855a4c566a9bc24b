"""Fit rag/calibration/addressed.json: does a sentence answer a question, or a part of one?

    python tests/bench/fit_addressed.py DATA [--work DIR] [--count 100]

From questions of two and three parts made like those of tests/bench/completeness.py, of CMRC 2018 (trial)
and SQuAD 2 (half of dev, without the paragraphs of XQuAD); for questions in another language than the
documents from XQuAD (German, Russian and Arabic questions, English documents)."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from completeness import Looker, composites, rows
from corpora import Question, build, read_questions
from fit import Fitted, fitted, write

from rag.calibration.logistic import Logistic
from rag.models.embedder import Embedder
from rag.settings import load_settings

SEED = 20261125
# Share of the withheld parts that must be named, on the fitting sets
NAMED = 0.9
WORDS = {"same": (), "cross": ("cover", "covered")}
Table = list[list[dict[str, float]]]


def _best_of_withheld(values: Fitted, table: Table) -> list[float]:
    """For each part the best probability among the sentences of the other parts."""
    model = Logistic("", {"": values["coefficients"]}, {"": values["intercept"]}, 0)
    scores = [[model.probability("", cell) for cell in line] for line in table]
    return [max(line[:i] + line[i + 1 :]) for i, line in enumerate(scores)]


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def fit_addressed(sets: dict[str, list[list[Table]]]) -> None:
    """One threshold for both groups: that of the second is moved to the first's."""
    groups: dict[str, Fitted] = {}
    notes, thresholds = {}, []
    for group, corpora in sets.items():
        cells = [
            (cell, i == j)
            for tables in corpora
            for table in tables
            for i, line in enumerate(table)
            for j, cell in enumerate(line)
        ]
        groups[group] = fitted([cell for cell, _ in cells], [label for _, label in cells], WORDS[group])
        notes[group] = f"{sum(map(len, corpora))} questions, {len(cells)} pairs of a part and a sentence"
        quantiles = [
            np.quantile([s for table in tables for s in _best_of_withheld(groups[group], table)], NAMED)
            for tables in corpora
        ]
        thresholds.append(float(np.mean(quantiles)))
    shift = _logit(thresholds[0]) - _logit(thresholds[1])
    groups["cross"]["intercept"] = round(groups["cross"]["intercept"] + shift, 4)
    write("addressed", groups, thresholds[0], notes, "python tests/bench/fit_addressed.py DATA")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("var/bench"))
    parser.add_argument("--count", type=int, default=100)
    arguments = parser.parse_args()
    settings = load_settings()
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    measured = {text[:60] for text in read_questions(arguments.data / "xquad.en.json")[0]}
    sets: dict[str, list[list[Table]]] = {"same": [], "cross": []}
    for name in ("cmrc2018_trial", "squad2_half_dev_a"):
        file = arguments.data / f"{name}.json"
        paragraphs, questions = read_questions(file)
        questions = [q for q in questions if paragraphs[q.paragraph][:60] not in measured]
        looker = Looker(build(file, arguments.work, embedder), embedder)
        made = composites(paragraphs, questions, arguments.count, SEED)
        sets["same"].append([table for _, _, table in rows(looker, made)])
        print(f"{name}: {len(sets['same'][-1])} questions", flush=True)
    file = arguments.data / "xquad.en.json"
    paragraphs, questions = read_questions(file)
    looker = Looker(build(file, arguments.work, embedder), embedder)
    for language in ("de", "ru", "ar"):
        foreign = {q.id: q.text for q in read_questions(arguments.data / f"xquad.{language}.json")[1]}

        def asked(question: Question, foreign: dict[str, str] = foreign) -> str:
            return foreign[question.id]

        made = composites(paragraphs, questions, arguments.count // 2, SEED, asked)
        sets["cross"].append([table for _, _, table in rows(looker, made)])
        print(f"{language} against en: {len(sets['cross'][-1])} questions", flush=True)
    fit_addressed(sets)


if __name__ == "__main__":
    main()
