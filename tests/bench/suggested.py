"""Are the questions that Citewell suggests after an answer answered, too?

    python tests/bench/suggested.py [--without-sections]

Over the documents of this installation's home (those of `citewell up`: the sample papers) and the sample
questions: how many questions are suggested, and which of them are refused; ``--without-sections`` as if
rag/section.py were not there. Without a generator.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

import rag.found
from rag.assistant import Assistant
from rag.settings import load_settings
from rag.suggest import suggestions
from rag.types import AnswerVerdict, User

QUESTIONS = Path(__file__).resolve().parents[2] / "deploy" / "sample" / "questions.jsonl"
REFUSED = (AnswerVerdict.INSUFFICIENT_CONTEXT, AnswerVerdict.OFF_TOPIC)


async def main() -> None:
    if "--without-sections" in sys.argv:
        rag.found.named_section = lambda *_: []
    settings = load_settings()
    quiet = settings.model_copy(
        update={"generator": settings.generator.model_copy(update={"enabled": False})}
    )
    assistant = await asyncio.to_thread(Assistant.open, quiet)
    told: Counter[str] = Counter()
    asked = [json.loads(line)["question"] for line in QUESTIONS.read_text("utf-8").splitlines()]
    seen: set[str] = set()
    for question in asked:
        answer = await assistant.ask(question, user=User())
        for one in suggestions(answer, assistant.store, User()):
            if one not in seen:
                seen.add(one)
                verdict = (await assistant.ask(one, user=User())).verdict
                told[answer.language] += 1
                if verdict in REFUSED:
                    told["refused"] += 1
                    print(f"{verdict}: {one}")
    refused = told.pop("refused", 0)
    spoken = ", ".join(f"{n} in {name}" for name, n in told.items())
    print(f"{len(seen)} suggested ({spoken}), {refused} refused")
    await assistant.close()


if __name__ == "__main__":
    asyncio.run(main())
