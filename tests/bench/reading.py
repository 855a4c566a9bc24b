"""What it is worth that the served model reads the passage before it is answered from (rag/reading.py).

    python tests/bench/reading.py DATA [--count 120] [--out FILE]
    python tests/bench/reading.py DATA --fit [--count 120]

DATA is a folder with XQuAD, CMRC 2018 and half of SQuAD 2's dev set; a generator must be running (``citewell
model serve``). Questions are looked up with their paragraph in the collection and without; to those come
questions of SQuAD 2 that their own paragraph does not answer although it looks so ("near misses").

``--fit`` writes rag/calibration/reading.json: German, Russian and Arabic questions on English documents, CMRC
and every second article of SQuAD 2. Without it is told, of Chinese questions on English documents, English
ones on Chinese and the other articles of SQuAD 2: AUROC of the first score, the reading, both, and the
question's length alone; and which share is answered, by the first score and with the reading.
XQuAD's languages are parallel: these are the questions of the fit, in other languages."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from corpora import Question, build, read_questions, sample
from fit import ABSTAIN, SEED, Bench, Fitted, fitted, probability, write
from ingest_speed import machine
from sklearn.metrics import roc_auc_score

from rag.answerable import answerability, answerable_signals
from rag.calibration import load
from rag.evidence import group_of, select_evidence
from rag.models.chat import Chat
from rag.models.embedder import Embedder
from rag.reading import passage_of, reading_log_odds, reading_signals
from rag.settings import Settings, load_settings
from rag.types import Hit

AT_ONCE = 8
SQUAD = "squad2_half_dev_a"
FIT = (
    *(("cross", "xquad.en", f"xquad.{language}") for language in ("de", "ru", "ar")),
    ("same", "cmrc2018_trial", "cmrc2018_trial"),
    ("same", SQUAD, SQUAD),
)
MEASURE = (("cross", "xquad.en", "xquad.zh"), ("cross", "xquad.zh", "xquad.en"), ("same", SQUAD, SQUAD))
# Share of the changed decisions that the band leaves out, at either end
BEYOND = 0.02


@dataclass(frozen=True, slots=True)
class Row:
    """One question asked of the passages: ``kind`` is "there", "left out" or "near miss"."""

    kind: str
    group: str
    question: str
    passage: str
    first: float
    answers: bool
    reads: float = 0.0

    @property
    def signals(self) -> dict[str, float]:
        return reading_signals(self.first, self.reads)


def _row(bench: Bench, question: Question, query: object, hits: Sequence[Hit], kind: str) -> Row:
    evidence = select_evidence(query, hits, bench.corpus.settings.answer, bench.embedder.count_tokens)
    group = group_of(query, evidence[0])
    first, answers = answerability(group, answerable_signals(query, hits, evidence, bench.embedder))
    return Row(kind, group, question.text, passage_of(evidence[0], hits), first, answers)


def rows_of(bench: Bench, pool: Sequence[Question], count: int) -> list[Row]:
    """``count`` answerable questions with their paragraph and without, and at most as many near misses."""
    found = []
    for item in bench.look(sample(pool, count, SEED)):
        found += [
            _row(bench, item.question, item.query, hits, kind)
            for hits, kind in ((item.hits, "there"), (item.without, "left out"))
        ]
    near = [question for question in pool if not question.answers]
    for item in bench.look(random.Random(SEED).sample(near, min(count, len(near)))):
        found.append(_row(bench, item.question, item.query, item.hits, "near miss"))
    return found


async def _read(asked: Sequence[tuple[str, str]], chat: Chat) -> list[float]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(question: str, passage: str) -> float:
        async with gate:
            return await reading_log_odds(question, passage, chat)

    return list(await asyncio.gather(*(ask(*one) for one in asked)))


async def read_all(asked: Sequence[tuple[str, str]], settings: Settings) -> list[float]:
    """What the served model reads for each (question, passage)."""
    chat = Chat(settings)
    try:
        return await _read(asked, chat)
    finally:
        await chat.close()


def _pool(data: Path, asked: str, *, fit: bool) -> list[Question]:
    """The questions of a set that take part: of SQuAD 2 every second article is for fitting, and none of the
    paragraphs that XQuAD shares.
    """
    paragraphs, questions = read_questions(data / f"{asked}.json")
    if asked != SQUAD:
        return questions
    shared = {text[:60] for text in read_questions(data / "xquad.en.json")[0]}
    articles = json.loads((data / f"{asked}.json").read_text("utf-8"))["data"]
    number = [i for i, article in enumerate(articles) for _ in article["paragraphs"]]
    mine = [q for q in questions if (number[q.paragraph] % 2 == 0) == fit]
    return [q for q in mine if paragraphs[q.paragraph][:60] not in shared]


def fit_reading(rows: dict[tuple[str, str], list[Row]], model: str) -> None:
    """Write the calibrated model: of the questions whose paragraph is left out it refuses as large a share as
    the first score does.
    """
    groups: dict[str, dict[str, object]] = {}
    notes, bands = {}, []
    for group in ("same", "cross"):
        sets = [some for (kind, _), some in rows.items() if kind == group]
        mine = [row for some in sets for row in some if row.group == group]
        values: Fitted = fitted([row.signals for row in mine], [row.kind == "there" for row in mine])
        absent = [[probability(values, r.signals) for r in some if r.kind == "left out"] for some in sets]
        threshold = float(np.mean([np.quantile(some, ABSTAIN) for some in absent]))
        groups[group] = {**values, "threshold": round(threshold, 4)}
        changed = [r.first for r in mine if (probability(values, r.signals) >= threshold) != r.answers]
        bands.append(np.quantile(changed, [BEYOND, 1 - BEYOND]))
        kinds = ("there", "left out", "near miss")
        notes[group] = ", ".join(f"{sum(r.kind == kind for r in mine)} {kind}" for kind in kinds)
    low, high = min(low for low, _ in bands), max(high for _, high in bands)
    command = "python tests/bench/reading.py DATA --fit"
    band = [round(float(low), 4), round(float(high), 4)]
    write("reading", groups, 0.5, notes, command, band=band, read=model)


def _area(there: Sequence[float], other: Sequence[float]) -> float:
    labels = [True] * len(there) + [False] * len(other)
    return round(float(roc_auc_score(labels, [*there, *other])), 3)


def told(rows: Sequence[Row], group: str) -> dict[str, object]:
    """AUROC against each kind of question without an answer, and what the thresholds make of all."""
    model = load("reading")
    mine = [row for row in rows if row.group == group]
    scores = {
        "first": [row.first for row in mine],
        "reading": [row.reads for row in mine],
        "both": [model.probability(group, row.signals) for row in mine],
        "length": [-float(len(row.question)) for row in mine],
    }
    kinds = [row.kind for row in mine]
    low, high = model.band
    report: dict[str, object] = {"questions": len(mine), "in_band": 0.0, "auroc": {}, "answered": {}}
    report["in_band"] = round(float(np.mean([low <= row.first < high for row in mine])), 3)
    decided = [
        model.enough(group, both) if low <= row.first < high else row.answers
        for row, both in zip(mine, scores["both"], strict=True)
    ]
    for kind in dict.fromkeys(kinds):
        at = [i for i, k in enumerate(kinds) if k == kind]
        before = float(np.mean([mine[i].answers for i in at]))
        report["answered"][kind] = [round(before, 3), round(float(np.mean([decided[i] for i in at])), 3)]
        if kind != "there":
            there = [i for i, k in enumerate(kinds) if k == "there"]
            report["auroc"][kind] = {
                name: _area([all_[i] for i in there], [all_[i] for i in at]) for name, all_ in scores.items()
            }
    return report


async def run(arguments: argparse.Namespace) -> None:
    settings = load_settings()
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    chat = Chat(settings)
    rows: dict[tuple[str, str], list[Row]] = {}
    report: dict[str, object] = {"machine": machine()}
    try:
        for group, collection, asked in FIT if arguments.fit else MEASURE:
            bench = Bench(build(arguments.data / f"{collection}.json", arguments.work, embedder), embedder)
            pool = _pool(arguments.data, asked, fit=arguments.fit)
            found = rows_of(bench, pool, arguments.count)
            begun = time.perf_counter()
            reads = await _read([(row.question, row.passage) for row in found], chat)
            rows[group, asked] = [replace(r, reads=value) for r, value in zip(found, reads, strict=True)]
            seconds = round((time.perf_counter() - begun) / len(found), 2)
            name = f"{asked} on {collection}"
            report[name] = {"seconds_a_question": seconds}
            if not arguments.fit:
                report[name] |= told(rows[group, asked], group)
            print(json.dumps({name: report[name]}), flush=True)
        if arguments.fit:
            fit_reading(rows, (await chat.model_info()).name)
    finally:
        await chat.close()
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("var/bench"))
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--out", type=Path)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
