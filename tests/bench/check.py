"""How well the check of sentences tells supported from unsupported, layer by layer.

    python tests/bench/labels.py DATA SETS
    citewell eval calibrate SETS/fit/*.jsonl            (what the packaged model was fitted with)
    python tests/bench/check.py SETS [--with contrast judge] [--limit 200] [--out FILE]

Sets of SETS/measure are checked with the packaged models, at their frozen thresholds, unless the home holds
fits of its own; ``--with`` names layers beside the first two (contrast and judge ask a running generator).
People's labels (BEGIN, WiCE) are in SETS/fit: ``citewell eval calibrate`` tells how each comes out when the
model is fitted without it."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ingest_speed import machine

from rag.check import local_layers
from rag.eval.detectors import area
from rag.eval.public_sets import read_set
from rag.eval.questions import LabelledSentence
from rag.eval.run import CheckedSentence, RunFolder, check_all
from rag.models.chat import Chat
from rag.models.embedder import Embedder
from rag.settings import Settings, load_settings
from rag.types import ClaimVerdict

SEED = 3
DRAWS = 1000


def interval(labels: np.ndarray, scores: np.ndarray) -> list[float]:
    """95% of the areas of bootstrap samples."""
    rng = np.random.default_rng(SEED)
    drawn = [rng.integers(0, len(labels), len(labels)) for _ in range(DRAWS)]
    areas = [area(labels[i], scores[i]) for i in drawn if 0 < labels[i].sum() < len(i)]
    return [round(float(x), 3) for x in np.quantile(areas, [0.025, 0.975])]


def summary(checked: Sequence[CheckedSentence]) -> dict[str, object]:
    """Areas against each kind of unsupported sentence, and what the threshold makes of them."""
    shown = np.array([one.verdict is ClaimVerdict.SUPPORTED for one in checked])
    labels = np.array([float(one.labelled.supported) for one in checked])
    scores = np.array([one.score for one in checked])
    lengths = np.array([float(len(one.labelled.sentence)) for one in checked])
    kinds = np.array([one.labelled.kind for one in checked])
    caught, areas = {}, {}
    for kind in sorted(set(kinds[labels == 0])):
        of_kind = (labels == 1) | (kinds == kind)
        caught[kind] = round(float(1 - shown[kinds == kind].mean()), 3)
        areas[kind] = round(area(labels[of_kind], scores[of_kind]), 3)
    return {
        "sentences": len(checked),
        "auroc": round(area(labels, scores), 3),
        "interval": interval(labels, scores),
        "length_alone": round(max(a := area(labels, lengths), 1 - a), 3),
        "by_kind": areas,
        "caught": caught,
        "supported_shown": round(float(shown[labels == 1].mean()), 3),
        "wrong_among_shown": round(float((labels[shown] == 0).mean()), 4) if shown.any() else None,
        "not_checked": sum(one.verdict is ClaimVerdict.NOT_CHECKED for one in checked),
        "median_ms": round(statistics.median(one.ms for one in checked), 1),
    }


async def run(file: Path, settings: Settings, embedder: Embedder, limit: int) -> dict[str, object]:
    labelled = [item for item in read_set(file) if isinstance(item, LabelledSentence)]
    if limit and limit < len(labelled):
        labelled = random.Random(SEED).sample(labelled, limit)
    labelled.sort(key=lambda one: one.evidence)
    chat = Chat(settings)
    try:
        with tempfile.TemporaryDirectory() as work:
            folder = RunFolder(Path(work), {})
            checked = await check_all(
                labelled,
                embedder,
                settings.check,
                folder,
                silent,
                chat,
                local=local_layers(settings),
                calibration=settings.calibration_dir,
            )
            return summary(checked)
    finally:
        await chat.close()


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", type=Path)
    parser.add_argument("--with", nargs="*", default=[], dest="layers")
    parser.add_argument("--only", nargs="*", help="names of sets")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    base = load_settings()
    layers = ("agreement", "alignment", *arguments.layers)
    settings = base.model_copy(update={"check": base.check.model_copy(update={"layers": layers})})
    embedder = Embedder.load(base.embedder, base.models_dir)
    report: dict[str, object] = {"machine": machine(), "layers": layers}
    for file in sorted((arguments.sets / "measure").glob("*.jsonl")):
        if not arguments.only or file.stem in arguments.only:
            report[file.stem] = asyncio.run(run(file, settings, embedder, arguments.limit))
            print(json.dumps({file.stem: report[file.stem]}), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
