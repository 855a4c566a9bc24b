"""Evaluation runs of a server: question sets that administrators have asked, one at a time.

Each has a folder under the home, as `citewell eval run` makes one, with its questions and its state beside
the results; so it survives the server, and goes on where it was stopped.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import platform
import secrets
import shutil
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from rag.assistant import Assistant
from rag.calibration import own_models
from rag.errors import CitewellError, EvaluationError, NotFoundError, QuestionSetError
from rag.eval.compare import Difference, compare
from rag.eval.public_sets import read_set
from rag.eval.questions import Question
from rag.eval.report import write_report
from rag.eval.run import RunFolder, ask_all
from rag.settings import Settings
from rag.store import Store
from server.background import in_thread

__all__ = ["Evaluation", "Evaluations", "SetForm", "conditions_of", "version"]

logger = logging.getLogger(__name__)

SetForm = Literal["jsonl", "csv"]
State = Literal["running", "done", "failed", "cancelled", "interrupted"]
_STATE, _REPORT = "state.json", "report.html"


def version() -> str:
    """That of this installation, "" where it is none."""
    try:
        return metadata.version("citewell")
    except metadata.PackageNotFoundError:
        return ""


def conditions_of(settings: Settings, store: Store, questions: str, model: str) -> dict[str, object]:
    """What a run depends on: results from other conditions do not belong into its folder."""
    own = own_models(settings.calibration_dir)
    return {
        **({"calibration": own} if own else {}),
        "questions": questions,
        "citewell": version(),
        "generator": model or "none: quotes only",
        "embedder": settings.embedder.model,
        "retrieve": settings.retrieve.model_dump(mode="json"),
        "answer": settings.answer.model_dump(mode="json"),
        "collection": f"{store.identity()}, state {store.generation()}",
    }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A run: ``done`` of ``total`` questions asked; ``error`` and ``remedy`` say why it failed."""

    id: str
    name: str
    by: str
    created: float
    state: State
    done: int
    total: int
    error: str = ""
    remedy: str = ""


class Evaluations:
    """The runs of one home. Use it within one event loop and ``await close()`` it at the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.home / "evaluations"
        self._task: asyncio.Task[None] | None = None
        self._running: Evaluation | None = None

    async def close(self) -> None:
        """Stop what runs; it can be gone on with."""
        await self._stop("interrupted")

    def all(self) -> list[Evaluation]:
        """The newest first."""
        folders = self._folder.glob(f"*/{_STATE}")
        return sorted((self.get(file.parent.name) for file in folders), key=lambda e: (-e.created, e.id))

    def get(self, key: str) -> Evaluation:
        """Raises NotFoundError."""
        if self._running is not None and self._running.id == key:
            return self._running
        try:
            known = json.loads((self._path(key) / _STATE).read_text("utf-8"))
        except OSError as error:
            raise _missing(key) from error
        # whoever ran it has ended without a word
        state = "interrupted" if known["state"] == "running" else known["state"]
        return Evaluation(**{**known, "state": state})

    def report(self, key: str) -> dict[str, Any]:
        """What report.json holds. Raises NotFoundError, also while there is none yet."""
        return dict(json.loads(self.page(key).with_suffix(".json").read_text("utf-8")))

    def page(self, key: str) -> Path:
        """The report as one page. Raises NotFoundError, also while there is none yet."""
        self.get(key)
        page = self._path(key) / _REPORT
        if not page.is_file():
            raise NotFoundError("This evaluation has no report yet.", "Wait for its end, or resume it.")
        return page

    def compare(self, a: str, b: str) -> list[Difference]:
        """Whether run b is better than run a. Raises NotFoundError, QuestionSetError."""
        return compare(*(self.page(key).parent for key in (a, b)))

    async def start(self, name: str, text: str, form: SetForm, by: str, assistant: Assistant) -> Evaluation:
        """Ask a new set. Raises QuestionSetError for one that cannot be read, EvaluationError while another
        one runs.
        """
        self._free()
        key = secrets.token_hex(6)
        folder = self._path(key)
        folder.mkdir(parents=True)
        try:
            (folder / f"questions.{form}").write_text(text, "utf-8")
            questions = await in_thread(lambda: _questions(folder))
            made = Evaluation(key, name, by, time.time(), "running", 0, len(questions))
            self._begin(made, questions, assistant)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return made

    async def resume(self, key: str, assistant: Assistant) -> Evaluation:
        """Go on with a run that was stopped or has failed. Raises NotFoundError, EvaluationError."""
        known = self.get(key)
        if known.state == "done":
            raise EvaluationError("This evaluation is done.", "Start a new one to ask again.")
        self._free()
        questions = await in_thread(lambda: _questions(self._path(key)))
        resumed = dataclasses.replace(known, state="running", error="", remedy="")
        self._begin(resumed, questions, assistant)
        return resumed

    async def cancel(self, key: str) -> Evaluation:
        """Stop a run; one that has ended stays as it is. Raises NotFoundError."""
        if self._running is not None and self._running.id == key:
            await self._stop("cancelled")
        return self.get(key)

    async def remove(self, key: str) -> None:
        """Stop and forget a run, with all that it holds. Raises NotFoundError."""
        await self.cancel(key)
        await in_thread(lambda: shutil.rmtree(self._path(key)))

    # ---------------------------------------------------------------- the run

    def _path(self, key: str) -> Path:
        if not key.isalnum() or not key.isascii():
            raise _missing(key)
        return self._folder / key

    def _free(self) -> None:
        if self._running is not None:
            raise EvaluationError(
                f"The evaluation “{self._running.name}” is running.", "Wait for its end, or cancel it."
            )

    def _begin(self, evaluation: Evaluation, questions: list[Question], assistant: Assistant) -> None:
        self._free()
        self._running = evaluation
        self._keep()
        self._task = asyncio.create_task(self._run(questions, assistant))

    async def _run(self, questions: list[Question], assistant: Assistant) -> None:
        try:
            await self._asked(questions, assistant)
            self._end("done")
        except CitewellError as error:
            self._end("failed", error=error.message, remedy=error.remedy)
        except Exception as error:
            logger.exception("An evaluation failed")
            self._end("failed", error=f"unexpected: {type(error).__name__}", remedy="The log says where.")

    async def _asked(self, questions: list[Question], assistant: Assistant) -> None:
        assert self._running is not None
        name, folder = self._running.name, self._path(self._running.id)
        model = ""
        if await assistant.generator_ready():
            chat = assistant.models[1]
            model = (await chat.model_info()).name if chat is not None else ""
        about = await in_thread(lambda: conditions_of(assistant.settings, assistant.store, name, model))
        results = await ask_all(
            questions, assistant, RunFolder(folder, about), self._progress, drafts=bool(model)
        )
        machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        self._progress("asking", len(questions), len(questions))
        await in_thread(lambda: write_report(folder, results, {**about, "machine": machine}))

    def _progress(self, stage: str, done: int, total: int) -> None:
        if self._running is not None:
            self._running = dataclasses.replace(self._running, done=done, total=total)

    async def _stop(self, state: State) -> None:
        task = self._task
        if task is None or task.done():
            return
        task.cancel()
        await asyncio.wait([task])
        if self._running is not None:
            self._end(state)

    def _end(self, state: State, error: str = "", remedy: str = "") -> None:
        assert self._running is not None
        self._running = dataclasses.replace(self._running, state=state, error=error, remedy=remedy)
        self._keep()
        self._running = None

    def _keep(self) -> None:
        assert self._running is not None
        file = self._path(self._running.id) / _STATE
        part = file.with_suffix(".part")
        part.write_text(json.dumps(dataclasses.asdict(self._running), ensure_ascii=False), "utf-8")
        part.replace(file)


def _missing(key: str) -> NotFoundError:
    return NotFoundError(f"There is no evaluation {key[:64]}.", "List them: GET /v1/evaluations.")


def _questions(folder: Path) -> list[Question]:
    (file,) = folder.glob("questions.*")
    try:
        items = read_set(file)
    except QuestionSetError as error:  # without the path of the server's folder
        raise QuestionSetError(error.message.replace(f"{file}", "the set"), error.remedy) from error
    questions = [item for item in items if isinstance(item, Question)]
    if len(questions) < len(items):
        raise QuestionSetError(
            "Labelled sentences are not asked here.", "`citewell eval run --questions FILE` measures them."
        )
    return questions
