"""`citewell eval calibrate`: fit the check of sentences to an organisation's own labels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from rag.calibration import load
from rag.check import FURTHER, SERVED, local_layers
from rag.errors import GeneratorUnavailableError, QuestionSetError
from rag.eval.calibrate import Calibration, calibrate, calibrate_layer, rows_of, write
from rag.eval.public_sets import read_set
from rag.eval.questions import LabelledSentence
from rag.eval.run import RunFolder, check_all
from rag.models.chat import Chat
from rag.models.lazy import LazyEmbedder
from rag.settings import Settings, load_settings
from server.logs import configure_logging
from server.progress import Steps
from server.show import console

__all__ = ["calibrate_command", "generator", "version"]


def version() -> str:
    """That of this installation, "" where it is none."""
    try:
        return metadata.version("citewell")
    except metadata.PackageNotFoundError:
        return ""


@asynccontextmanager
async def generator(settings: Settings) -> AsyncIterator[Chat | None]:
    """The generator, where a layer of the check asks it."""
    if not set(SERVED) & set(settings.check.layers):
        yield None
        return
    chat = Chat(settings)
    try:
        yield chat
    finally:
        await chat.close()


def calibrate_command(
    labels: Annotated[
        list[Path], typer.Argument(help="Files of labelled sentences (see `eval run --help`).")
    ],
    layer: Annotated[
        list[str] | None,
        typer.Option(
            help="Fit a further layer on the installed model instead: entailment, contrast, probe or judge."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the models; by default where this installation takes them.")
    ] = None,
    risk: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Share of unsupported sentences that may pass.")
    ] = 0.03,
    work: Annotated[
        Path | None, typer.Option(help="Folder of the signals; a stopped run goes on from there.")
    ] = None,
) -> None:
    """Fit the check of sentences to your own labelled sentences, with a threshold for a stated risk."""
    settings = load_settings()
    configure_logging(settings.log)
    for name in layer or ():
        if name not in FURTHER:
            raise typer.BadParameter(f"{name} is none of {', '.join(FURTHER)}.", param_hint="--layer")
    folder = work or settings.home / "eval" / "calibrate"
    asyncio.run(_calibrate(settings, labels, layer or [], out or settings.calibration_dir, risk, folder))


async def _calibrate(
    settings: Settings, files: Sequence[Path], layers: Sequence[str], out: Path, risk: float, work: Path
) -> None:
    steps = Steps(console(stderr=True))
    check = settings.check.model_copy(update={"layers": ("agreement", "alignment", *layers)})
    asking = settings.model_copy(update={"check": check})
    embedder = LazyEmbedder(settings, settings.embedder.model)
    local = local_layers(asking)
    rows = []
    async with generator(asking) as chat:
        if set(SERVED) & set(layers) and (chat is None or not await chat.ready()):
            raise GeneratorUnavailableError(
                f"No generator answers at {settings.generator_url}.", "Start `citewell model serve`."
            )
        for file in files:
            labelled = [item for item in read_set(file) if isinstance(item, LabelledSentence)]
            if not labelled:
                raise QuestionSetError(
                    f"{file} has no labelled sentences.", "`citewell eval run --help` shows their form."
                )
            about = {"labels": file.name, "citewell": version(), "layers": list(check.layers)}
            folder = RunFolder(work / file.stem, about, "--work")
            with steps.step(f"Checking {len(labelled)} sentences of {file.name}") as progress:
                checked = await check_all(
                    labelled, embedder, check, folder, progress, chat, always=True, local=local
                )
            rows += rows_of(checked, file.stem)
    command = " ".join(
        ["citewell eval calibrate", *(f"--layer {name}" for name in layers), *(f.name for f in files)]
    )
    if not layers:
        _keep(calibrate(rows, risk, command), out)
        return
    model = load("support", settings.calibration_dir)
    scores = [model.probability(row.group, row.signals) for row in rows]
    for name in (name for name in FURTHER if name in layers):
        found, scores = calibrate_layer(rows, name, scores, risk, command)
        _keep(found, out)


def _keep(found: Calibration, out: Path) -> None:
    target = out / f"{found.data['name']}.json"
    write(found, target)
    for group, fitted in found.data["groups"].items():
        console().print(
            f"{group}: threshold {fitted['threshold']}; shown: {fitted['kept']:.1%} of supported sentences, "
            f"{fitted['passed']:.1%} of unsupported ones"
        )
        for domain, value in found.held_out[group].items():
            words = found.words_alone[group].get(domain)
            beside = f"; words alone {words:.3f}" if words is not None else ""
            console().print(f"  {domain}: AUROC {value:.3f}, fitted without it{beside}")
    console().print(f"Written: {target}")
