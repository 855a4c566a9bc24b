"""What each layer of the check costs, for a sentence that was generated.

    python tests/bench/labels.py DATA SETS
    python tests/bench/layer_cost.py SETS [--count 30]

A generator must be running, and little else: times are medians over sentences of
SETS/measure/across_en_zh.jsonl, in milliseconds. Each sentence's log-probabilities with its evidence are
taken before the clock starts, as they come with generation; every layer is asked for every sentence."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections import defaultdict
from pathlib import Path
from statistics import median

from ingest_speed import machine

from rag.check import Checker, Owned
from rag.eval.public_sets import read_set
from rag.eval.questions import LabelledSentence
from rag.eval.run import prompt_of, quotes_of
from rag.models.chat import Chat
from rag.models.embedder import Embedder
from rag.settings import load_settings
from rag.timer import Timer

SEED = 5
ALL = ("agreement", "alignment", "translation", "contrast", "judge")
QUESTION = "What do the documents say about this?"


async def measure(file: Path, count: int) -> dict[str, object]:
    settings = load_settings()
    check = settings.check.model_copy(update={"layers": ALL})
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    labelled = [one for one in read_set(file) if isinstance(one, LabelledSentence)]
    times: dict[str, list[float]] = defaultdict(list)
    chat = Chat(settings)
    try:
        for one in random.Random(SEED).sample(labelled, count):
            quotes = quotes_of(one.evidence)[:3]
            given = [t.logprob for t in await chat.token_logprobs(prompt_of(quotes), one.sentence)]
            timer = Timer()
            checker = Checker(embedder, quotes, check, Owned(chat, QUESTION, prompt_of), timer, always=True)
            await checker.check(one.sentence, range(1, len(quotes) + 1), given)
            for name, ms in timer.total().items():
                times[name].append(ms)
    finally:
        await chat.close()
    return {
        "machine": machine(),
        "generator": settings.generator.model,
        "sentences": count,
        "median_ms": {name: round(median(values), 1) for name, values in times.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", type=Path)
    parser.add_argument("--count", type=int, default=30)
    arguments = parser.parse_args()
    file = arguments.sets / "measure" / "across_en_zh.jsonl"
    print(json.dumps(asyncio.run(measure(file, arguments.count)), indent=2))


if __name__ == "__main__":
    main()
