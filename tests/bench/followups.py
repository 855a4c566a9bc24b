"""Follow-ups: is the document found that holds the answer, and is the generator asked only where needed?

    python tests/bench/followups.py [--generator] [--work DIR]

The sample documents, and deploy/sample/followups.jsonl: what was asked and answered before, a follow-up in
one of twelve languages, the same as a question that stands alone, and the document that answers it. Told is,
by language, how often that document is among the first three when the follow-up is looked up as it stands
(``bare``); as ``rag.condense`` makes it without a generator (``joined``) and, with ``--generator`` (one must
be running), as that rewrites it (``rewritten``); and as a person would ask it (``standalone``), which is the
bound. ``rule`` is how often the rule that a question stands alone agrees with the file."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import Any

from corpora import build_folder

from rag.assistant import Assistant
from rag.condense import condense, stands_alone
from rag.models.chat import Chat
from rag.models.embedder import Embedder
from rag.settings import Settings, load_settings
from rag.types import Turn, User

SAMPLE = Path(__file__).parents[2] / "deploy" / "sample"
BEST = 3


async def measure(settings: Settings, asked: list[dict[str, Any]], chat: Chat | None) -> dict[str, Any]:
    """Shares by language and over all."""
    assistant = Assistant.open(settings)
    told: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    try:
        for item in asked:
            question, before = item["question"], Turn("user", item["before"])
            history = [before, Turn("assistant", item["answer"])]
            forms = {"bare": question, "joined": await condense(question, history, None)}
            if chat is not None:
                forms["rewritten"] = await condense(question, history, chat)
            forms["standalone"] = item["standalone"]
            told[item["language"]]["rule"].append(stands_alone(question) is (question == forms["standalone"]))
            for name, form in forms.items():
                hits = await assistant.search(form, k=BEST, user=User())
                right = any(hit.document.source.endswith(item["source"]) for hit in hits)
                told[item["language"]][name].append(right)
                if name == "rewritten" and form != question:
                    print(f"{'+' if right else '-'} {question} -> {form}", flush=True)
    finally:
        await assistant.close()
    together = {key: [x for rows in told.values() for x in rows[key]] for key in told["en"]}
    return {
        language: {"questions": len(rows["rule"]), **{k: round(fmean(v), 2) for k, v in rows.items()}}
        for language, rows in {**told, "all": together}.items()
    }


async def run(settings: Settings, asked: list[dict[str, Any]], generator: bool) -> dict[str, Any]:
    chat = Chat(settings) if generator else None
    try:
        return await measure(settings, asked, chat)
    finally:
        if chat is not None:
            await chat.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--generator", action="store_true")
    parser.add_argument("--work", type=Path, default=Path("var/bench"))
    arguments = parser.parse_args()
    base = load_settings()
    embedder = Embedder.load(base.embedder, base.models_dir)
    settings = build_folder(SAMPLE / "documents", arguments.work / "sample", embedder)
    lines = (SAMPLE / "followups.jsonl").read_text("utf-8").splitlines()
    report = asyncio.run(run(settings, [json.loads(line) for line in lines], arguments.generator))
    print(json.dumps(report, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
