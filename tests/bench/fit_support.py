"""Fit the checker's L1 (rag/calibration/support.json): is a sentence supported by the evidence that it cites?

    python tests/bench/fit_support.py DATA

DATA is a folder with the public sets. Human labels: BEGIN (dev, three sets) and WiCE (dev, with its gold
sentences). Chinese: sentences of CMRC 2018 with clauses left out (supported by their paragraph, not by a
neighbouring one). Across languages: German, Russian and Arabic sentences of XQuAD against the parallel
English paragraph, or a neighbouring one. Prints AUROC beside that of the length alone, by five-fold
cross-validation."""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from corpora import read_questions
from fit import SEED, fitted, write
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rag.check.alignment import Aligner
from rag.models.embedder import Embedder
from rag.settings import load_settings
from rag.text import sentences

# Of the unsupported sentences, how many may pass
PASS = 0.08
Pair = tuple[str, str, bool]


def begin(data: Path) -> Iterator[Pair]:
    """Generated replies, labelled by people; generic ones ("that is interesting") say nothing to check and
    are left out.
    """
    for file in sorted(data.glob("begin_dev_*.tsv")):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                if row["begin_label"] in ("Fully attributable", "Not fully attributable"):
                    yield row["knowledge"], row["response"], row["begin_label"] == "Fully attributable"


def wice(data: Path) -> Iterator[Pair]:
    """Claims of Wikipedia with the sentences that annotators chose."""
    for line in (data / "wice_claim_dev.jsonl").read_text("utf-8").splitlines():
        item = json.loads(line)
        gold = sorted({i for group in item["supporting_sentences"] for i in group}) or range(
            min(10, len(item["evidence"]))
        )
        yield " ".join(item["evidence"][i] for i in gold), item["claim"], item["label"] == "supported"


def shortened(data: Path, count: int) -> Iterator[Pair]:
    """Chinese sentences with clauses left out, against their own paragraph and against a neighbour."""
    rng = random.Random(SEED)
    paragraphs, _ = read_questions(data / "cmrc2018_trial.json")
    for _ in range(count):
        i = rng.randrange(len(paragraphs) - 1)
        text = paragraphs[i]
        start, end = rng.choice(sentences(text))
        clauses = [c for c in re.split(r"[，；]", text[start:end].rstrip("。")) if c]
        kept = [c for c in clauses if rng.random() < 0.6] or clauses[:1]
        sentence = "，".join(kept) + "。"
        yield text, sentence, True
        yield paragraphs[i + 1], sentence, False


def parallel(data: Path, count: int) -> Iterator[Pair]:
    """Sentences in one language against the English paragraph that says the same, and against the next
    one.
    """
    rng = random.Random(SEED)
    english, _ = read_questions(data / "xquad.en.json")
    for language in ("de", "ru", "ar"):
        other, _ = read_questions(data / f"xquad.{language}.json")
        for _ in range(count):
            i = rng.randrange(len(english) - 1)
            start, end = rng.choice(sentences(other[i]))
            yield english[i], other[i][start:end], True
            yield english[i + 1], other[i][start:end], False


def measure(name: str, pairs: list[Pair], embedder: Embedder) -> tuple[list[dict[str, float]], list[bool]]:
    """Signals of every pair; prints how well each separates, beside the sentence's length."""
    rows = [Aligner(embedder, [evidence]).signals(sentence, [0]) for evidence, sentence, _ in pairs]
    labels = [label for _, _, label in pairs]
    single = {key: round(float(roc_auc_score(labels, [row[key] for row in rows])), 3) for key in rows[0]}
    length = round(float(roc_auc_score(labels, [len(sentence) for _, sentence, _ in pairs])), 3)
    print(f"{name}: {len(pairs)} pairs, AUROC {single}, length alone {length}", flush=True)
    return rows, labels


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    arguments = parser.parse_args()
    settings = load_settings()
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    parts = {
        "same": {
            "BEGIN": list(begin(arguments.data)),
            "WiCE": list(wice(arguments.data)),
            "CMRC shortened": list(shortened(arguments.data, 200)),
        },
        "cross": {"XQuAD de/ru/ar against en": list(parallel(arguments.data, 120))},
    }
    groups, notes, thresholds = {}, {}, []
    for group, sets in parts.items():
        rows: list[dict[str, float]] = []
        labels: list[bool] = []
        for name, pairs in sets.items():
            found = measure(name, pairs, embedder)
            rows += found[0]
            labels += found[1]
        values = np.array([list(row.values()) for row in rows])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3))
        predicted = cross_val_predict(model, values, labels, cv=5, method="predict_proba")[:, 1]
        thresholds.append(float(np.quantile(predicted[~np.array(labels)], 1 - PASS)))
        kept = float((predicted[np.array(labels)] >= thresholds[-1]).mean())
        area = roc_auc_score(labels, predicted)
        print(f"{group}: AUROC {area:.3f}; {PASS:.0%} pass wrongly, {kept:.0%} rightly")
        groups[group] = fitted(rows, labels)
        notes[group] = ", ".join(f"{name}: {len(pairs)}" for name, pairs in sets.items())
    write("support", groups, max(thresholds), notes, "python tests/bench/fit_support.py DATA")


if __name__ == "__main__":
    main()
