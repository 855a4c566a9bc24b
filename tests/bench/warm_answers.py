"""What an answer costs when its passages have been read before: the Python around the models.

    CITEWELL_GENERATOR__ENABLED=false python tests/bench/warm_answers.py

In process, over the documents of this installation's home (those of `citewell up`: the sample papers). The
sample questions are asked once, so that the embedder's passes are known, then three times more, one after the
other; then 64 of them at once. Compare two states of the code in one sitting.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from statistics import median, quantiles

from ingest_speed import machine

from rag.assistant import Assistant
from rag.settings import load_settings
from rag.types import User

QUESTIONS = Path(__file__).resolve().parents[2] / "deploy" / "sample" / "questions.jsonl"
ROUNDS, ASKERS = 3, 64


async def main() -> None:
    assistant = await asyncio.to_thread(Assistant.open, load_settings())
    questions = [json.loads(line)["question"] for line in QUESTIONS.read_text("utf-8").splitlines()]

    async def asked(question: str) -> float:
        """Seconds that it took."""
        begun = time.perf_counter()
        await assistant.ask(question, user=User())
        return time.perf_counter() - begun

    for question in questions:
        await asked(question)
    computed = time.process_time()
    alone = [await asked(question) for _ in range(ROUNDS) for question in questions]
    computed = time.process_time() - computed
    begun = time.perf_counter()
    together = await asyncio.gather(*map(asked, (questions * 2)[:ASKERS]))
    rate = ASKERS / (time.perf_counter() - begun)
    report = {
        "machine": machine(),
        "median_ms": round(1000 * median(alone), 1),
        "cpu_ms": round(1000 * computed / len(alone), 1),
        f"{ASKERS}_at_once_per_s": round(rate, 1),
        f"{ASKERS}_at_once_p95_s": round(quantiles(together, n=20)[18], 2),
    }
    print(json.dumps(report, indent=1))
    await assistant.close()


if __name__ == "__main__":
    asyncio.run(main())
