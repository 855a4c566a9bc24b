"""Public question sets as collections of documents: one text file per paragraph, ingested like any other
folder.

The sets are in SQuAD's form (SQuAD 2, XQuAD, CMRC 2018); where they come from and their licences is told
beside them, not here."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.pipeline import ingest
from ingest.refine import refine
from rag.eval.matching import holds
from rag.models.embedder import Embedder
from rag.settings import Settings, load_settings
from rag.store import Store

__all__ = ["Corpus", "Question", "build", "build_folder", "build_from", "holds", "read_questions", "sample"]


@dataclass(frozen=True, slots=True)
class Question:
    """``paragraph`` numbers the paragraph that holds the answer; ``answers`` are accepted strings, empty when
    there is none.
    """

    id: str
    text: str
    paragraph: int
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """A built collection. The source of paragraph i is ``folder / f"{i:04d}.txt"``."""

    name: str
    settings: Settings
    folder: Path
    paragraphs: tuple[str, ...]

    def source(self, paragraph: int) -> str:
        """The source uri of a paragraph."""
        return (self.folder / f"{paragraph:04d}.txt").as_posix()


def read_questions(file: Path) -> tuple[tuple[str, ...], list[Question]]:
    """All paragraphs and all questions of a file."""
    paragraphs: list[str] = []
    questions: list[Question] = []
    for article in json.loads(file.read_text("utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            paragraphs.append(paragraph["context"])
            for asked in paragraph["qas"]:
                answers = tuple(dict.fromkeys(a["text"] for a in asked["answers"]))
                if asked.get("is_impossible"):
                    answers = ()
                questions.append(Question(str(asked["id"]), asked["question"], len(paragraphs) - 1, answers))
    return tuple(paragraphs), questions


def build(file: Path, work: Path, embedder: Embedder, beside: Sequence[Path] = ()) -> Corpus:
    """Write the paragraphs of ``file`` as documents below ``work`` and ingest them, and what lies in the
    folders ``beside``; what is there is reused.
    """
    return build_from(file.stem, read_questions(file)[0], work, embedder, beside)


def build_from(
    name: str, paragraphs: tuple[str, ...], work: Path, embedder: Embedder, beside: Sequence[Path] = ()
) -> Corpus:
    """The same from texts, one document each."""
    folder = (work / name / "documents").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for i, paragraph in enumerate(paragraphs):
        path = folder / f"{i:04d}.txt"
        if not path.exists():
            path.write_text(paragraph, "utf-8")
    return Corpus(name, build_folder(folder, work / name, embedder, beside), folder, paragraphs)


def build_folder(folder: Path, work: Path, embedder: Embedder, beside: Sequence[Path] = ()) -> Settings:
    """Settings of a home below ``work`` that holds the documents of the folder, and of those beside it."""
    base = load_settings()
    settings = base.model_copy(update={"home": work.resolve() / "home"})
    if not settings.models_dir.exists():
        settings.home.mkdir(parents=True, exist_ok=True)
        os.symlink(base.models_dir.resolve(), settings.models_dir)
    store = Store.open(settings)
    ingest([folder, *beside], settings=settings, store=store, embedder=embedder)
    refine(settings=settings, store=store, load=lambda _: embedder)
    store.close()
    return settings


def sample(questions: Sequence[Question], count: int, seed: int) -> list[Question]:
    """``count`` answerable questions, drawn with the seed."""
    answerable = [q for q in questions if q.answers]
    return random.Random(seed).sample(answerable, min(count, len(answerable)))
