"""Fit rag/calibration/scope.json: are the documents about the question at all?

    python tests/bench/fit_scope.py DATA [--work DIR] [--questions 150]

In one language on SQuAD 2 (half of dev): in scope are its questions, with their paragraph in the
collection and without; out of scope the questions of XQuAD's articles that it does not share, and
CLINC150's validation requests. Across languages: XQuAD's German, Russian and Arabic questions on its
English paragraphs against such requests on Chinese paragraphs (CMRC 2018). Chinese, and CLINC150 as a
collection, are left for measuring (tests/bench/topics.py)."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from corpora import Question, build, read_questions, sample
from fit import Bench, Fitted, fitted, probability, write

from rag.models.embedder import Embedder
from rag.scope import scope_signals
from rag.settings import load_settings

SEED = 20261125
# Share of the questions in scope that may be called off topic. At 1% one in five of XQuAD's English questions
# whose paragraph was left out were, in a collection with fewer paragraphs to an article
OFF_TOPIC_ERROR = 0.002
# Words cannot match across languages, and from the centre of one a question in another lies in the direction
# of its language; in one language the standing adds nothing to the directions
LEFT_OUT = {"same": ("passage",), "cross": ("cover", "direction", "density")}
Rows = list[dict[str, float]]


def _inside(bench: Bench, questions: Sequence[Question]) -> Iterator[dict[str, float]]:
    for item in bench.look(questions):
        yield scope_signals(item.hits)
        yield scope_signals(item.without)


def _outside(bench: Bench, texts: Sequence[str]) -> Iterator[dict[str, float]]:
    for item in bench.look(Question("", text, 0, ()) for text in texts):
        yield scope_signals(item.hits)


def _foreign(data: Path, known: Sequence[str]) -> list[str]:
    """XQuAD's English questions of those articles that have no paragraph in ``known``."""
    shared = {text[:60] for text in known}
    texts = []
    for article in json.loads((data / "xquad.en.json").read_text("utf-8"))["data"]:
        if not any(paragraph["context"][:60] in shared for paragraph in article["paragraphs"]):
            texts += [asked["question"] for paragraph in article["paragraphs"] for asked in paragraph["qas"]]
    return texts


def fit_scope(sets: dict[str, tuple[Rows, Rows]]) -> None:
    """P(in scope); one threshold, below which OFF_TOPIC_ERROR of the questions in scope lie: the group across
    languages is moved to that of the other.
    """
    groups: dict[str, Fitted] = {}
    notes, lowest = {}, []
    for group, (inside, outside) in sets.items():
        groups[group] = fitted(
            [*inside, *outside], [True] * len(inside) + [False] * len(outside), LEFT_OUT[group]
        )
        notes[group] = f"{len(inside)} in scope, {len(outside)} out of scope"
        lowest.append(np.quantile([probability(groups[group], row) for row in inside], OFF_TOPIC_ERROR))
        caught = np.mean([probability(groups[group], row) < lowest[-1] for row in outside])
        print(f"{group}: {caught:.2f} of those out of scope are refused at {OFF_TOPIC_ERROR:.1%} error")
    logits = [float(np.log(p / (1 - p))) for p in lowest]
    groups["cross"]["intercept"] = round(groups["cross"]["intercept"] + logits[0] - logits[1], 4)
    write("scope", groups, float(lowest[0]), notes, "python tests/bench/fit_scope.py DATA")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("var/bench"))
    parser.add_argument("--questions", type=int, default=150)
    arguments = parser.parse_args()
    data, count = arguments.data, arguments.questions
    settings = load_settings()
    embedder = Embedder.load(settings.embedder, settings.models_dir)

    def bench(name: str) -> Bench:
        return Bench(build(data / f"{name}.json", arguments.work, embedder), embedder)

    rng = random.Random(SEED)
    clinc = json.loads((data / "clinc150_data_full.json").read_text("utf-8"))
    requests = [text for text, _ in (*clinc["oos_val"], *clinc["val"])]
    squad, english, chinese = bench("squad2_half_dev_a"), bench("xquad.en"), bench("cmrc2018_trial")
    asked = sample(read_questions(data / "squad2_half_dev_a.json")[1], count, SEED)
    foreign = _foreign(data, squad.corpus.paragraphs)
    strange = [*rng.sample(foreign, min(count, len(foreign))), *rng.sample(requests, count)]
    crossing = [
        question
        for language in ("de", "ru", "ar")
        for question in sample(read_questions(data / f"xquad.{language}.json")[1], count // 3, SEED)
    ]
    fit_scope(
        {
            "same": (list(_inside(squad, asked)), list(_outside(squad, strange))),
            "cross": (
                list(_inside(english, crossing)),
                list(_outside(chinese, rng.sample(requests, count))),
            ),
        }
    )


if __name__ == "__main__":
    main()
