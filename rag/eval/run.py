"""Asks a question set into a folder, one result a line, and goes on where it was stopped.

run.json        what was asked of whom: settings, models, collection
results.jsonl   one Asked or CheckedSentence a line, each with its question
report.json, report.html   see rag.eval.report
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import Discriminator, TypeAdapter, ValidationError

from rag.answer_settings import CheckSettings
from rag.check import Checker, Local, Owned
from rag.errors import GeneratorUnavailableError, QuestionError, QuestionSetError
from rag.eval.questions import Item, LabelledSentence, Question
from rag.generate import messages
from rag.models.protocols import ChatProtocol, EmbedderProtocol, Message, Progress
from rag.text import language, sentences
from rag.types import Answer, ClaimVerdict, DocumentRef, Evidence, Hit, Query, Turn, User

__all__ = ["Asked", "CheckedSentence", "Found", "Result", "RunFolder", "ask_all", "check_all", "key_of"]

K = 10  # passages that are looked at for retrieval
ASKER = User()


class AssistantProtocol(Protocol):
    """What is asked."""

    async def ask(self, question: str, *, user: User, history: Sequence[Turn] = ()) -> Answer:
        """The whole, checked answer."""

    async def search(self, question: str, *, k: int, user: User) -> list[Hit]:
        """The best passages."""

    async def generator_ready(self) -> bool:
        """Whether drafts can be had."""


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that the search returned."""

    document_id: str
    title: str
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what came back: an answer with the passages found, best first, or an ``error``."""

    question: Question
    answer: Answer | None
    found: tuple[Found, ...] = ()
    error: str = ""
    kind: Literal["asked"] = "asked"


@dataclass(frozen=True, slots=True)
class CheckedSentence:
    """A labelled sentence and what the checker says of it. ``ms``: how long it took."""

    labelled: LabelledSentence
    verdict: ClaimVerdict
    score: float
    ms: float
    signals: Mapping[str, float | str | bool] = field(default_factory=dict)
    kind: Literal["sentence"] = "sentence"


Result = Asked | CheckedSentence
_RESULT: TypeAdapter[Result] = TypeAdapter(Annotated[Result, Discriminator("kind")])
_ITEM: TypeAdapter[Item] = TypeAdapter(Item)


def key_of(item: Item) -> str:
    """Names the question with all that is known of it: a corrected question is another one."""
    return hashlib.sha256(_ITEM.dump_json(item)).hexdigest()[:16]


def _item(result: Result) -> Item:
    return result.question if isinstance(result, Asked) else result.labelled


class RunFolder:
    """The folder of one run. Results are appended as they come; what is there is not asked again."""

    def __init__(self, path: Path, about: Mapping[str, Any], option: str = "--out") -> None:
        """``about`` says under what conditions is asked, ``option`` how the folder was named. Raises
        QuestionSetError when it holds results from other ones.
        """
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        described = path / "run.json"
        if described.exists():
            before = json.loads(described.read_text("utf-8"))
            differing = sorted(name for name in {*before, *about} if before.get(name) != about.get(name))
            if differing:
                raise QuestionSetError(
                    f"{path} holds the results of another run (what differs: {', '.join(differing)}).",
                    f"Name another folder as {option}.",
                )
        else:
            described.write_text(json.dumps(about, ensure_ascii=False, indent=2) + "\n", "utf-8")

    @property
    def _file(self) -> Path:
        return self.path / "results.jsonl"

    def results(self) -> dict[str, Result]:
        """What is there, by key_of its question. A line that a crash cut short is left out."""
        return read_results(self.path) if self._file.exists() else {}

    def add(self, result: Result) -> None:
        """Keep one result."""
        torn = self._file.exists() and not self._file.read_bytes().endswith(b"\n")
        with self._file.open("ab") as file:
            file.write((b"\n" if torn else b"") + _RESULT.dump_json(result) + b"\n")


def read_results(path: Path) -> dict[str, Result]:
    """The results in a run's folder, by key_of their question. Raises QuestionSetError."""
    file = path / "results.jsonl"
    if not file.exists():
        inner = sorted(found.parent.name for found in path.glob("*/results.jsonl"))
        raise QuestionSetError(
            f"{path} is not the folder of a run: it has no results.jsonl.",
            f"Name one of the folders in it: {', '.join(inner)}."
            if inner
            else "`citewell eval run` makes one.",
        )
    found: dict[str, Result] = {}
    for line in file.read_bytes().splitlines():
        try:
            result = _RESULT.validate_json(line)
        except ValidationError:
            continue
        found[key_of(_item(result))] = result
    return found


async def ask_all(
    questions: Sequence[Question],
    assistant: AssistantProtocol,
    folder: RunFolder,
    progress: Progress,
    *,
    drafts: bool,
) -> list[Asked]:
    """Ask what is not in the folder yet; returns all results in the order of the questions.

    ``drafts``: a generator must answer throughout, else GeneratorUnavailableError is raised: figures of a
    model must not be made of answers without it. A question that cannot be asked is a result with an error.
    """
    there = folder.results()
    missing = [question for question in questions if key_of(question) not in there]
    if missing:
        # the first search loads and warms up what the later ones find ready
        with contextlib.suppress(QuestionError):
            await assistant.search(missing[0].question, k=1, user=ASKER)
    for question in missing:
        progress("asking", len(there), len(questions))
        if drafts and not await assistant.generator_ready():
            raise GeneratorUnavailableError(
                "The generator stopped answering.", "Start it again, and the same command goes on from here."
            )
        result = await _ask(question, assistant)
        folder.add(result)
        there[key_of(question)] = result
    asked = (there[key_of(question)] for question in questions)
    return [result for result in asked if isinstance(result, Asked)]


async def _ask(question: Question, assistant: AssistantProtocol) -> Asked:
    try:
        answer = await assistant.ask(question.question, user=ASKER, history=question.history)
        hits = await assistant.search(answer.standalone_question or question.question, k=K, user=ASKER)
    except QuestionError as error:
        return Asked(question, None, error=error.message)
    found = (Found(hit.document.id, hit.document.title, hit.document.source, hit.chunk.text) for hit in hits)
    return Asked(question, answer, tuple(found))


async def check_all(
    labelled: Sequence[LabelledSentence],
    embedder: EmbedderProtocol,
    settings: CheckSettings,
    folder: RunFolder,
    progress: Progress,
    chat: ChatProtocol | None = None,
    *,
    always: bool = False,
    local: Mapping[str, Local] | None = None,
) -> list[CheckedSentence]:
    """Check what is not in the folder yet; returns all results in the order of the sentences. ``always`` and
    ``local`` as in Checker.
    """
    there = folder.results()
    check = _Checking(embedder, settings, chat, always, local)
    for sentence in labelled:
        if (key := key_of(sentence)) not in there:
            progress("checking", len(there), len(labelled))
            there[key] = await check(sentence)
            folder.add(there[key])
    checked = (there[key_of(sentence)] for sentence in labelled)
    return [result for result in checked if isinstance(result, CheckedSentence)]


class _Checking:
    """Checks labelled sentences as those of an answer: each sentence of the evidence is a quote, and all are
    cited. Consecutive ones of one evidence share its checker.
    """

    def __init__(
        self,
        embedder: EmbedderProtocol,
        settings: CheckSettings,
        chat: ChatProtocol | None,
        always: bool,
        local: Mapping[str, Local] | None,
    ) -> None:
        self._local = local
        self._embedder = embedder
        self._settings = settings
        self._chat = chat
        self._always = always
        self._given: tuple[str, ...] | None = None
        self._quotes: list[Evidence] = []
        self._checker = Checker(embedder, (), settings)

    async def __call__(self, labelled: LabelledSentence) -> CheckedSentence:
        if labelled.evidence != self._given:
            self._given = labelled.evidence
            self._quotes = _quotes(labelled.evidence)
            owned = Owned(self._chat, "", _told) if self._chat else None
            self._checker = Checker(
                self._embedder,
                self._quotes,
                self._settings,
                owned,
                always=self._always,
                local=self._local,
            )
        start = time.perf_counter()
        checked = await self._checker.check(labelled.sentence, range(1, len(self._quotes) + 1))
        ms = 1000 * (time.perf_counter() - start)
        return CheckedSentence(labelled, checked.verdict, checked.score, round(ms, 1), checked.signals)


def _told(quotes: Sequence[Evidence]) -> list[Message]:
    """The quotes as a generator sees them, with no question."""
    return messages(Query("", quotes[0].document.language, np.zeros(0, np.float32), {}), quotes)


def _quotes(evidence: Sequence[str]) -> list[Evidence]:
    quotes: list[Evidence] = []
    for number, text in enumerate(evidence):
        document = DocumentRef(f"e{number}", "", "", language(text))
        for start, end in sentences(text):
            quotes.append(Evidence(len(quotes) + 1, document, text[start:end], start, end, 1.0))
    return quotes
