"""The whole answer path on public questions: containment, abstention, citations, latency.

    python tests/bench/answers.py DATA [--count 150] [--quotes-only] [--out FILE]

DATA is a folder with xquad.en.json and xquad.zh.json. Each paragraph is a document; ``--count`` questions are
drawn with a seed and asked twice, policy strict, at most three sentences: once of all documents, once of the
same documents without the paragraph that holds the answer (left out by access groups, as it would be for a
reader who may not see it). A generator must be running for the full path (``citewell model serve``);
``--quotes-only`` measures without one."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from corpora import Corpus, Question, build, holds, read_questions, sample
from sqlalchemy import create_engine, select, update

from rag.assistant import Assistant
from rag.models.chat import Chat
from rag.models.embedder import Embedder
from rag.settings import Settings, load_settings
from rag.store import Store
from rag.tables import EVERYONE, place, reader
from rag.types import Answer, AnswerVerdict, ClaimVerdict, User

SEED = 7


def _verbatim(answer: Answer, store: Store) -> tuple[int, int]:
    """How many citations hold word for word, of how many."""
    texts = {c.document_id: store.document(c.document_id, User()).text for c in answer.citations}
    right = sum(texts[c.document_id][c.start : c.end] == c.quote for c in answer.citations)
    return right, len(answer.citations)


@contextmanager
def _hidden(corpus: Corpus, source: str) -> Iterator[None]:
    """Meanwhile only one group may read the document."""
    engine = create_engine(corpus.settings.database_url)
    with engine.begin() as connection:
        key = connection.execute(select(place.c.document_id).where(place.c.uri == source)).scalar_one()
        mine = update(reader).where(reader.c.document_id == key)
        connection.execute(mine.values(name="nobody"))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(mine.values(name=EVERYONE))
        engine.dispose()


async def _ask(corpus: Corpus, questions: list[Question], *, hide: bool) -> tuple[list[Answer], int, int]:
    assistant = Assistant.open(corpus.settings)
    answers, right, cited = [], 0, 0
    try:
        await assistant.search(questions[0].text, k=1, user=User())  # the first call warms the embedder up
        for question in questions:
            if hide:
                with _hidden(corpus, corpus.source(question.paragraph)):
                    answer = await assistant.ask(question.text, user=User("reader", ()))
            else:
                answer = await assistant.ask(question.text, user=User())
            answers.append(answer)
            good, all_ = _verbatim(answer, assistant.store)
            right += good
            cited += all_
    finally:
        await assistant.close()
    return answers, right, cited


def _median(values: list[float]) -> float | None:
    return round(statistics.median(values), 1) if values else None


def _draft(answer: Answer) -> str:
    """What the generator contributed to the answer."""
    return " ".join(claim.text for claim in answer.claims if claim.verdict is not ClaimVerdict.QUOTED)


def _abstention(without: list[Answer]) -> dict[str, float]:
    """How answers end when the paragraph is not there."""
    kinds = {v: sum(a.verdict is v for a in without) / len(without) for v in AnswerVerdict}
    return {
        "insufficient_when_left_out": round(kinds[AnswerVerdict.INSUFFICIENT_CONTEXT], 3),
        "off_topic_when_left_out": round(kinds[AnswerVerdict.OFF_TOPIC], 3),
    }


def _measure(corpus: Corpus, questions: list[Question], *, there_only: bool) -> dict[str, object]:
    begin = time.monotonic()
    answers, right, cited = asyncio.run(_ask(corpus, questions, hide=False))
    without = [] if there_only else asyncio.run(_ask(corpus, questions, hide=True))[0]
    held = [holds(a.answer, q.answers) for a, q in zip(answers, questions, strict=True)]
    full = [a for a in answers if a.verdict is not AnswerVerdict.INSUFFICIENT_CONTEXT]
    return {
        "questions": len(questions),
        "contained": round(sum(held) / len(held), 3),
        "refused_though_there": round(1 - len(full) / len(answers), 3),
        **(_abstention(without) if without else {}),
        "drafts_shown": round(sum(bool(_draft(a)) for a in full) / len(full), 3),
        "drafts_with_the_answer": round(
            sum(holds(_draft(a), q.answers) for a, q in zip(answers, questions, strict=True) if _draft(a))
            / len(full),
            3,
        ),
        "verdicts": {v.value: sum(a.verdict is v for a in answers) for v in AnswerVerdict},
        "most_sentences": max(len(a.claims) for a in answers),
        "citations_verbatim": f"{right} of {cited}",
        "median_ms": _median([a.timings_ms["total"] for a in full]),
        "median_first_sentence_ms": _median(
            [a.timings_ms.get("first_sentence", a.timings_ms["total"]) for a in full]
        ),
        "seconds": round(time.monotonic() - begin),
    }


async def _generator_answers(settings: Settings) -> bool:
    chat = Chat(settings)
    try:
        return await chat.ready()
    finally:
        await chat.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("var/bench"))
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--quotes-only", action="store_true")
    parser.add_argument(
        "--there-only", action="store_true", help="ask each question once, with its paragraph there"
    )
    parser.add_argument("--languages", nargs="+", default=["en", "zh"])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    base = load_settings()
    if not arguments.quotes_only and not asyncio.run(_generator_answers(base)):
        parser.exit(2, f"No generator answers at {base.generator_url}: start `citewell model serve`.\n")
    embedder = Embedder.load(base.embedder, base.models_dir)
    report: dict[str, object] = {
        "machine": f"{platform.processor() or platform.machine()}, Python {platform.python_version()}",
        "generator": "none" if arguments.quotes_only else base.generator.model,
        "seed": SEED,
    }
    for language in arguments.languages:
        file = arguments.data / f"xquad.{language}.json"
        corpus = build(file, arguments.work, embedder)
        generator = corpus.settings.generator.model_copy(update={"enabled": not arguments.quotes_only})
        corpus = Corpus(
            corpus.name,
            corpus.settings.model_copy(update={"generator": generator}),
            corpus.folder,
            corpus.paragraphs,
        )
        questions = sample(read_questions(file)[1], arguments.count, SEED)
        report[language] = _measure(corpus, questions, there_only=arguments.there_only)
        print(json.dumps({language: report[language]}, ensure_ascii=False, indent=2), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
