"""Whether a part of a question that an answer leaves out is named, and how often one is that it does
answer.

    python tests/bench/completeness.py DATA [--work DIR] [--count 100] [--languages en zh]

DATA is a folder with xquad.*.json. ``--count`` questions of two parts and as many of three are drawn with
a seed: questions of one paragraph whose answers stand in different sentences, joined with "and" (以及)
where the next begins with a question word, else put one after the other. Each is looked up and parted by
the answer path; the answer it is then given consists of the sentences that hold the reference answers of
all parts but one, each part being withheld in turn. Beside it, the baseline: a part is missing when fewer
than half of its words are said."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from corpora import Corpus, Question, build, holds, read_questions
from sklearn.metrics import roc_auc_score

from rag.addressed import Addressed
from rag.calibration import load
from rag.evidence import group_of, select_evidence
from rag.index.dense import DenseIndex
from rag.models.embedder import Embedder
from rag.parts import parts
from rag.rerank import rerank
from rag.retrieve import retrieve
from rag.settings import load_settings
from rag.store import Store
from rag.text import sentences
from rag.timer import Timer
from rag.types import Evidence, Query, User

SEED = 11


@dataclass(frozen=True, slots=True)
class Composite:
    """A question of several parts with the sentence of the documents that answers each."""

    text: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SoughtPart:
    """One part as the answer path found it; ``best`` is None when no quote was found."""

    query: Query
    best: Evidence | None


def _answered(
    paragraphs: Sequence[str], questions: Sequence[Question]
) -> dict[int, list[tuple[Question, str]]]:
    """By paragraph: its questions with the first sentence that holds the answer."""
    found: dict[int, list[tuple[Question, str]]] = {}
    for question in questions:
        text = paragraphs[question.paragraph]
        held = [text[a:b] for a, b in sentences(text) if holds(text[a:b], question.answers)]
        if question.answers and held:
            found.setdefault(question.paragraph, []).append((question, held[0]))
    return found


def _joined(first: str, second: str, rng: random.Random) -> str:
    """Both in one sentence where that parts again, else two sentences."""
    chinese = any("\u4e00" <= c <= "\u9fff" for c in first)
    bare = first.rstrip(" ?？。.")
    if chinese and rng.random() < 0.5:
        return f"{bare}，以及{second}"
    if not chinese and rng.random() < 0.5:
        one = f"{bare}, and {second[:1].lower()}{second[1:]}"
        if len(parts(one)) > len(parts(first)):
            return one
    return f"{bare}？{second}" if chinese else f"{bare}? {second}"


def composites(
    paragraphs: Sequence[str],
    questions: Sequence[Question],
    count: int,
    seed: int,
    asked: Callable[[Question], str] = lambda question: question.text,
) -> list[Composite]:
    """``count`` questions of two parts, then of three; ``asked`` may put them in another language."""
    pool = sorted(_answered(paragraphs, questions).items())
    rng = random.Random(seed)
    made: list[Composite] = []
    for size in (2, 3):
        tries = 0
        while len(made) < count * (size - 1) and tries < 200 * count:
            tries += 1
            _, items = rng.choice(pool)
            if len(items) < size:
                continue
            chosen = rng.sample(items, size)
            held = [sentence for _, sentence in chosen]
            mixed = any(
                holds(other, q.answers)
                for i, (q, _) in enumerate(chosen)
                for other in held[:i] + held[i + 1 :]
            )
            if mixed:
                continue
            text = asked(chosen[0][0]).strip()
            for question, _ in chosen[1:]:
                text = _joined(text, asked(question).strip(), rng)
            made.append(Composite(text, tuple(held)))
    return made


class Looker:
    """Looks parts up in one collection."""

    def __init__(self, corpus: Corpus, embedder: Embedder) -> None:
        self.embedder = embedder
        self.settings = corpus.settings
        self.store = Store.open(corpus.settings)
        self.index = DenseIndex(self.store, corpus.settings.index_dir, embedder)

    def look(self, question: str) -> list[SoughtPart]:
        """Each part with its best quote."""
        found = []
        for part in parts(question):
            at = self.store, self.embedder, self.index
            query, hits = retrieve(part.asked, *at, User(), self.settings.retrieve, Timer())
            hits = rerank(query, hits, self.store, self.index, self.embedder, self.settings.retrieve.hits)
            quotes = select_evidence(query, hits, self.settings.answer, self.embedder.count_tokens)
            found.append(SoughtPart(query, quotes[0] if quotes else None))
        return found


def rows(
    looker: Looker, made: Sequence[Composite]
) -> Iterator[tuple[int, str, list[list[dict[str, float]]]]]:
    """For each question that parts as it was made: its number, its group, and for each part the signals of
    each sentence; sentence i answers part i.
    """
    for number, composite in enumerate(made):
        sought = looker.look(composite.text)
        best = [part.best for part in sought]
        if len(sought) != len(composite.sentences) or None in best:
            continue
        addressed = Addressed(looker.embedder, composite.sentences)
        group = group_of(sought[0].query, best[0])
        yield number, group, [addressed.signals(part.query, part.best.quote) for part in sought]


def _measure(looker: Looker, made: Sequence[Composite]) -> dict[str, object]:
    model = load("addressed")
    answered, withheld, words_answered, words_withheld = [], [], [], []
    parted = 0
    for _, group, table in rows(looker, made):
        parted += 1
        score = np.array([[model.probability(group, cell) for cell in line] for line in table])
        words = np.array([[cell["covered"] for cell in line] for line in table])
        for left_out in range(len(table)):
            kept = [j for j in range(len(table)) if j != left_out]
            for i in range(len(table)):
                (withheld if i == left_out else answered).append(score[i, kept].max())
                (words_withheld if i == left_out else words_answered).append(words[i, kept].max())
    lost = sum(len(c.sentences) for c in made) - len(withheld)  # not parted: nothing can be named
    named = float((np.array(withheld) < model.threshold).sum()) / (len(withheld) + lost)
    labels = [1] * len(answered) + [0] * len(withheld)
    return {
        "questions": len(made),
        "parted_right": round(parted / len(made), 3),
        "missing_part_named": round(named, 3),
        "answered_part_named": round(float((np.array(answered) < model.threshold).mean()), 3),
        "auroc": round(roc_auc_score(labels, answered + withheld), 3),
        "by_words": {
            "missing_part_named": round(
                float((np.array(words_withheld) < 0.5).sum()) / (len(withheld) + lost), 3
            ),
            "answered_part_named": round(float((np.array(words_answered) < 0.5).mean()), 3),
            "auroc": round(roc_auc_score(labels, words_answered + words_withheld), 3),
        },
    }


def _single(data: Path, languages: Sequence[str]) -> dict[str, float]:
    """How often a question of one part is taken for several."""
    shares = {}
    for language in languages:
        questions = read_questions(data / f"xquad.{language}.json")[1]
        shares[language] = round(sum(len(parts(q.text)) > 1 for q in questions) / len(questions), 4)
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("var/bench"))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--languages", nargs="+", default=["en", "zh"])
    arguments = parser.parse_args()
    settings = load_settings()
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    print(json.dumps({"single_questions_parted": _single(arguments.data, arguments.languages)}))
    for language in arguments.languages:
        file = arguments.data / f"xquad.{language}.json"
        looker = Looker(build(file, arguments.work, embedder), embedder)
        made = composites(*read_questions(file), arguments.count, SEED)
        print(json.dumps({language: _measure(looker, made)}, indent=2), flush=True)


if __name__ == "__main__":
    main()
