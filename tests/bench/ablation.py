"""Which layers of the check earn their cost?

    python tests/bench/labels.py DATA SETS
    python tests/bench/ablation.py SETS --work DIR [--count 100] [--out FILE]

People's labels (BEGIN, WiCE) and sentences across languages, ``--count`` drawn of each set; a generator
must be running. Every layer is asked for every sentence. Then models are fitted without the set that they
are measured on (people's labels: on the other three sets; across languages: on the other direction): on
rules and alignment, and on those with contrast, with judge, and with both. Told are AUROC with 95%
intervals of bootstrap samples, the paired gain over rules and alignment, the same for rules alone, for the
share of words in the evidence and for length alone. What a layer costs tells `check.py`. A stopped run goes
on from DIR."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ingest_speed import machine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rag.calibration import log_odds
from rag.check import FURTHER
from rag.eval.calibrate import Row, rows_of
from rag.eval.detectors import area
from rag.eval.public_sets import read_set
from rag.eval.questions import LabelledSentence
from rag.eval.run import CheckedSentence, RunFolder, check_all
from rag.models.chat import Chat
from rag.models.embedder import Embedder
from rag.settings import Settings, load_settings

SEED = 5
DRAWS = 2000
PEOPLE = ("begin_cmu", "begin_topicalchat", "begin_wow", "wice")
ACROSS = ("across_en_zh", "across_zh_en")
ALL = ("agreement", "alignment", "contrast", "judge")
VARIANTS = {"+contrast": ("contrast",), "+judge": ("judge",), "+both": ("contrast", "judge")}


def drawn(file: Path, count: int) -> list[LabelledSentence]:
    """So many sentences of a file, half of each label as far as it has them."""
    rng = random.Random(SEED)
    labelled = [item for item in read_set(file) if isinstance(item, LabelledSentence)]
    halves = [[one for one in labelled if one.supported is kind] for kind in (True, False)]
    chosen = [one for half in halves for one in rng.sample(half, min(len(half), count // 2))]
    return sorted(chosen, key=lambda one: one.evidence)


async def signals(
    name: str, file: Path, count: int, settings: Settings, embedder: Embedder, work: Path
) -> list[CheckedSentence]:
    """The signals of all layers."""
    chat = Chat(settings)
    folder = RunFolder(work / name, {"model": settings.generator.model, "count": count})
    try:
        return await check_all(
            drawn(file, count), embedder, settings.check, folder, progress(name), chat, always=True
        )
    finally:
        await chat.close()


def progress(name: str) -> Callable[[str, int, int], None]:
    """A line for every 20 sentences."""

    def show(stage: str, done: int, total: int) -> None:
        if done % 20 == 0:
            print(f"{name}: {done} of {total}", flush=True)

    return show


def fitted(rows: Sequence[Row], names: Sequence[str]) -> Callable[[Sequence[Row]], np.ndarray]:
    """A logistic model of the named signals, as a function from rows to probabilities."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=1000))
    values = [[row.signals.get(name, 0.0) for name in names] for row in rows]
    model.fit(np.array(values), [row.supported for row in rows])
    return lambda given: model.predict_proba(
        np.array([[row.signals.get(name, 0.0) for name in names] for row in given])
    )[:, 1]


def with_layers(
    others: Sequence[Row], own: Sequence[Row], before: tuple[np.ndarray, np.ndarray], layers: Sequence[str]
) -> np.ndarray:
    """Probabilities of ``own`` when the layers' signals are put on top of the probabilities before."""
    names = ("before", *(name for layer in layers for name in FURTHER[layer]))
    placed = [
        [
            Row(r.group, r.domain, r.supported, r.refused, {**r.signals, "before": log_odds(p)})
            for r, p in zip(rows, scores, strict=True)
        ]
        for rows, scores in zip((others, own), before, strict=True)
    ]
    return fitted(placed[0], names)(placed[1])


def interval(labels: np.ndarray, scores: np.ndarray, than: np.ndarray | None = None) -> list[float]:
    """95% of the areas, or of their differences to those of other scores of the same sentences."""
    rng = np.random.default_rng(SEED)
    told = []
    for _ in range(DRAWS):
        i = rng.integers(0, len(labels), len(labels))
        if 0 < labels[i].sum() < len(i):
            told.append(area(labels[i], scores[i]) - (area(labels[i], than[i]) if than is not None else 0.0))
    return [round(float(x), 3) for x in np.quantile(told, [0.025, 0.975])]


def judged(own: Sequence[Row], others: Sequence[Row]) -> dict[str, Any]:
    """The table's row of one set, with models fitted on ``others``."""
    labels = np.array([float(row.supported) for row in own])
    further = {name for names in FURTHER.values() for name in names}
    names = [name for name in own[0].signals if name not in further]
    rules = np.array([-row.signals["objection"] for row in own])
    model = fitted(others, names)
    aligned, elsewhere = model(own), model(others)
    scores = {"words alone": np.array([row.signals["cover"] for row in own]), "rules": rules}
    scores["rules and alignment"] = aligned
    for variant, layers in VARIANTS.items():
        scores[variant] = with_layers(others, own, (elsewhere, aligned), layers)
    report: dict[str, Any] = {"sentences": len(own)}
    for name, values in scores.items():
        report[name] = {"auroc": round(area(labels, values), 3), "interval": interval(labels, values)}
        if name.startswith("+"):
            report[name]["gain"] = interval(labels, values, aligned)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    base = load_settings()
    settings = base.model_copy(update={"check": base.check.model_copy(update={"layers": ALL})})
    embedder = Embedder.load(base.embedder, base.models_dir)
    report: dict[str, Any] = {"machine": machine(), "generator": base.generator.model}
    for kind, names in (("fit", PEOPLE), ("measure", ACROSS)):
        told = {}
        for name in names:
            file = arguments.sets / kind / f"{name}.jsonl"
            told[name] = asyncio.run(signals(name, file, arguments.count, settings, embedder, arguments.work))
        rows = {name: rows_of(checked, name) for name, checked in told.items()}
        for name in names:
            others = [row for other in names if other != name for row in rows[other]]
            labels = np.array([float(one.labelled.supported) for one in told[name]])
            lengths = np.array([float(len(one.labelled.sentence)) for one in told[name]])
            report[name] = judged(rows[name], others)
            report[name]["length alone"] = round(max(a := area(labels, lengths), 1 - a), 3)
            print(json.dumps({name: report[name]}), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
