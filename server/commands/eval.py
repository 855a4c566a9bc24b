"""`citewell eval`: measure this installation on a question set, compare two measurements, draft a set."""

from __future__ import annotations

import asyncio
import functools
import os
import platform
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

import rag.eval.questions
from rag.calibration import own_models
from rag.check import local_layers
from rag.errors import QuestionSetError
from rag.eval.compare import compare, write_comparison
from rag.eval.figures import Figure
from rag.eval.make import draft_questions
from rag.eval.public_sets import read_set
from rag.eval.questions import Item, LabelledSentence, Question, write_questions
from rag.eval.report import write_report
from rag.eval.run import Result, RunFolder, ask_all, check_all, key_of
from rag.models.chat import Chat
from rag.models.folder import require_model
from rag.models.lazy import LazyEmbedder
from rag.settings import Settings, load_settings
from rag.store import Store
from server.background import in_thread
from server.commands.ask import opened
from server.commands.eval_calibrate import calibrate_command, conditions, generator
from server.evaluations import conditions_of
from server.generator import Generator
from server.generator_state import generator_answers
from server.logs import configure_logging
from server.progress import Steps
from server.show import console
from server.show_eval import show_differences, show_figures

__all__ = ["app"]

SEED = 7
app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Measure, compare, draft.", rich_markup_mode=None
)
# the form of a set is told in one place; \b keeps its line breaks
_FORM = "\n\n".join(
    f"\b\n{part}" for part in (rag.eval.questions.__doc__ or "").partition("\n\n")[2].split("\n\n")
)


@app.callback()
def _eval() -> None:
    """Measure answers on a question set, compare two measurements, draft a question set."""


def _about(settings: Settings, questions: Path, model: str) -> dict[str, object]:
    store = Store.open(settings)
    try:
        return conditions_of(settings, store, questions.name, model)
    finally:
        store.close()


def _with_generator(settings: Settings, **changed: object) -> Settings:
    return settings.model_copy(update={"generator": settings.generator.model_copy(update=changed)})


async def _served_model(settings: Settings) -> str:
    """Name of the model that answers now; "" when none does."""
    if not settings.generator.enabled or not await generator_answers(settings):
        return ""
    chat = Chat(settings)
    try:
        return (await chat.model_info()).name
    finally:
        await chat.close()


@asynccontextmanager
async def _served(settings: Settings, steps: Steps) -> AsyncIterator[None]:
    """Citewell's own vLLM with the model of these settings, meanwhile."""
    generator = Generator(settings)
    try:
        with steps.step(f"Starting vLLM with {settings.generator.model}") as progress:
            await generator.start(progress)
            await generator.wait_ready()
        yield
    finally:
        await generator.stop()


async def _ask(
    settings: Settings,
    questions: Sequence[Question],
    set_: Path,
    out: Path,
    model: str,
    steps: Steps,
    *,
    serve: bool = False,
) -> list[Figure]:
    """Ask what is not in the folder yet. ``serve``: have the model served meanwhile."""
    about = _about(settings, set_, model)
    folder = RunFolder(out, about)
    there = folder.results()
    async with AsyncExitStack() as stack:
        # a model that has answered everything before need not be started for its report
        if serve and not all(key_of(question) in there for question in questions):
            await stack.enter_async_context(_served(settings, steps))
        assistant = await stack.enter_async_context(opened(settings))
        with steps.step(f"Asking {len(questions)} questions of {model or 'the quotes'}") as progress:
            results = await ask_all(questions, assistant, folder, progress, drafts=bool(model))
    return await _report(folder, results, about, steps)


async def _check(
    settings: Settings, labelled: Sequence[LabelledSentence], set_: Path, out: Path, steps: Steps
) -> list[Figure]:
    embedder = LazyEmbedder(settings, settings.embedder.model)
    own = own_models(settings.calibration_dir)
    async with generator(settings) as chat:
        about = {"questions": set_.name, **await conditions(settings, chat)}
        about |= {"calibration": own} if own else {}
        folder = RunFolder(out, about)
        with steps.step(f"Checking {len(labelled)} sentences") as progress:
            results = await check_all(
                labelled,
                embedder,
                settings.check,
                folder,
                progress,
                chat,
                local=local_layers(settings),
                calibration=settings.calibration_dir,
            )
    return await _report(folder, results, about, steps)


async def _report(
    folder: RunFolder, results: Sequence[Result], about: dict[str, object], steps: Steps
) -> list[Figure]:
    with steps.step("Counting, with intervals"):
        # times mean nothing without it
        machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        told = {**about, "machine": machine}
        figures = await in_thread(lambda: write_report(folder.path, results, told))
    show_figures(console(), figures)
    console().print(f"Report: {folder.path / 'report.html'}")
    return figures


async def _run(
    settings: Settings, items: Sequence[Item], set_: Path, out: Path, models: Sequence[str], quotes_only: bool
) -> None:
    steps = Steps(console(stderr=True))
    labelled = [item for item in items if isinstance(item, LabelledSentence)]
    questions = [item for item in items if isinstance(item, Question)]
    if labelled:
        await _check(settings, labelled, set_, out, steps)
        return
    if not models:
        model = "" if quotes_only else await _served_model(settings)
        if not model and not quotes_only:
            steps.say(
                "No generator answers, so quotes are measured. `citewell model serve` starts one.", "yellow"
            )
        chosen = _with_generator(settings, enabled=bool(model))
        await _ask(chosen, questions, set_, out, model, steps)
        return
    for model in models:
        # answers of this very model: not of a server that the settings name
        chosen = _with_generator(settings, model=model, url="", enabled=True)
        await _ask(chosen, questions, set_, out / model, model, steps, serve=True)
    for model in models[1:]:
        compared = functools.partial(_compared, out / models[0], out / model, out / f"{model}.html")
        await in_thread(compared)


def _compared(a: Path, b: Path, out: Path) -> None:
    write_comparison(out, a, b, compare(a, b))
    console().print(f"Comparison of {a.name} with {b.name}: {out}")


def _drawn(items: Sequence[Item], count: int | None) -> list[Item]:
    if count is None or count >= len(items):
        return list(items)
    chosen = sorted(random.Random(SEED).sample(range(len(items)), count))
    return [items[i] for i in chosen]


@app.command(
    "run",
    help="Ask every question of a set and report how good the answers are: report.html, report.json and "
    "results.jsonl in the folder --out. The same command with the same --out goes on where it was stopped."
    f"\n\n{_FORM}\n\nJSON files are read in SQuAD's form, response.jsonl beside source_info.jsonl in "
    "RAGTruth's.",
)
def run(
    questions: Annotated[Path, typer.Option(help="The question set: .jsonl, .csv or .json.")],
    models: Annotated[
        str, typer.Option(help="Generators, by comma; each is served by Citewell's own vLLM in turn.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Folder of the results; default: a new one.")] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="Ask only so many, drawn with a fixed seed.")
    ] = None,
    quotes_only: Annotated[bool, typer.Option("--quotes-only", help="Ask without a generator.")] = False,
) -> None:
    settings = load_settings()
    configure_logging(settings.log, quiet=True)
    names = [name.strip() for name in models.split(",") if name.strip()]
    if names and quotes_only:
        raise QuestionSetError("--models and --quotes-only exclude each other.", "Leave one of them out.")
    for name in names:
        require_model(name, settings.models_dir)
    items = _drawn(read_set(questions), count)
    if names and isinstance(items[0], LabelledSentence):
        raise QuestionSetError("Labelled sentences are checked, no model is asked.", "Leave --models out.")
    folder = out or settings.home / "eval" / f"{questions.stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    console(stderr=True).print(f"Results go to {folder}; with --out {folder} this goes on if it is stopped.")
    asyncio.run(_run(settings, items, questions, folder, names, quotes_only))


@app.command("compare")
def compare_runs(
    a: Annotated[Path, typer.Argument(help="Folder of a run.", metavar="A")],
    b: Annotated[Path, typer.Argument(help="Folder of another run of the same questions.", metavar="B")],
    out: Annotated[Path | None, typer.Option(help="Also write it to this file: .html or .json.")] = None,
) -> None:
    """Say whether run B is better than run A, worse, or undecided: each measure, overall and by language.

    Pairs the answers to the same questions; better and worse are said where the 95% interval of the
    difference (paired bootstrap) leaves zero out.
    """
    found = compare(a, b)
    show_differences(console(), found)
    if out is not None:
        write_comparison(out, a, b, found)
        console().print(f"Written: {out}")


@app.command("make")
def make(
    out: Annotated[Path, typer.Option(help="File to write: .csv for a spreadsheet, or .jsonl.")] = Path(
        "questions.csv"
    ),
    count: Annotated[int, typer.Option(min=1, help="Questions to draft.")] = 50,
) -> None:
    """Draft a question set from the documents, for a person to correct.

    The generator writes the questions; where none answers, sentences with a gap do. Correct the file: reword
    questions as people would ask them, add other accepted answers, delete what makes no sense, and add
    questions that the documents do not answer (their answers stay empty). Then `citewell eval run
    --questions FILE`.
    """
    settings = load_settings()
    configure_logging(settings.log, quiet=True)
    if out.exists():
        raise QuestionSetError(
            f"{out} is there already.", "Name another file: yours may be corrected already."
        )
    drafted = asyncio.run(_draft(settings, count))
    if not drafted:
        raise QuestionSetError(
            "No document states a fact to ask for.", "`citewell ingest PATH` brings some in."
        )
    write_questions(out, drafted)
    console().print(
        f"{len(drafted)} drafts: {out}. Correct them, then `citewell eval run --questions {out}`."
    )


async def _draft(settings: Settings, count: int) -> list[Question]:
    steps = Steps(console(stderr=True))
    store = Store.open(settings)
    chat = Chat(settings) if await _served_model(settings) else None
    if chat is None:
        steps.say("No generator answers, so the drafts are sentences with a gap.", "yellow")
    try:
        with steps.step("Drafting") as progress:
            return await draft_questions(store, chat, count, SEED, progress)
    finally:
        if chat is not None:
            await chat.close()
        store.close()


app.command("calibrate")(calibrate_command)
