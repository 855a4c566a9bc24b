"""`citewell eval calibrate`: fit the check of sentences to an organisation's own labels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from rag.calibration import load
from rag.check import FURTHER, SERVED, local_layers, local_models
from rag.check.probe import Probe, probe_file
from rag.errors import GeneratorUnavailableError, QuestionSetError
from rag.eval.calibrate import Calibration, Row, calibrate, calibrate_layer, rows_of, write
from rag.eval.public_sets import read_labelled
from rag.eval.questions import LabelledSentence
from rag.eval.run import RunFolder, check_all
from rag.models.chat import Chat
from rag.models.lazy import LazyEmbedder
from rag.settings import Settings, load_settings
from server.evaluations import version
from server.logs import configure_logging
from server.progress import Steps
from server.show import console

__all__ = ["calibrate_command", "conditions", "generator"]


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


async def conditions(settings: Settings, chat: Chat | None) -> dict[str, object]:
    """What the checks of labelled sentences depend on: results from other ones do not belong with them."""
    about: dict[str, object] = {
        "citewell": version(),
        "embedder": settings.embedder.model,
        "layers": list(settings.check.layers),
        **local_models(settings),
    }
    if chat is not None:
        about["generator"] = (await chat.model_info()).name if await chat.ready() else ""
    return about


def calibrate_command(
    labels: Annotated[
        list[Path], typer.Argument(help="Files of labelled sentences (see `eval run --help`).")
    ],
    layer: Annotated[
        list[str] | None,
        typer.Option(help=f"Fit a further layer on the installed model instead: {', '.join(FURTHER)}."),
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
    # signals of other layers are kept apart: one fit often follows the other
    folder = work or settings.home / "eval" / "-".join(["calibrate", *sorted(layer or ())])
    asyncio.run(_calibrate(settings, labels, layer or [], out or settings.calibration_dir, risk, folder))


async def _calibrate(
    settings: Settings, files: Sequence[Path], layers: Sequence[str], out: Path, risk: float, work: Path
) -> None:
    check = settings.check.model_copy(update={"layers": ("agreement", "alignment", *layers)})
    asking = settings.model_copy(update={"check": check})
    sets = {file: read_labelled(file) for file in files}
    if "probe" in layers:
        _unseen_by_the_probe(settings, sets)
    rows, served = await _rows(asking, sets, layers, work)
    command = " ".join(
        ["citewell eval calibrate", *(f"--layer {name}" for name in layers), *(f.name for f in files)]
    )
    if not layers:
        _keep(calibrate(rows, risk, command), out)
        return
    model = load("support", settings.calibration_dir)
    told = [model.tells(row.group, model.probability(row.group, row.signals)) for row in rows]
    for name in (name for name in FURTHER if name in layers):
        found, told = calibrate_layer(rows, name, told, risk, command)
        found.data["read"] = served if name in SERVED else local_models(asking)[name]
        _keep(found, out)


def _unseen_by_the_probe(settings: Settings, sets: Mapping[Path, Sequence[LabelledSentence]]) -> None:
    """A probe is surest of what it was trained on: a threshold fitted there would not keep its risk.

    Raises QuestionSetError, and ProbeError when there is no probe.
    """
    probe = Probe.read(probe_file(settings.home, settings.generator.model))
    known = set(probe.notes.get("trained_on", {}))
    for file, labelled in sets.items():
        if seen := sorted(known & {one.domain for one in labelled}):
            raise QuestionSetError(
                f"{file} has sentences of the domain {seen[0]}, which the probe was trained on.",
                "Calibrate with labels of other domains, or train the probe on others.",
            )


async def _rows(
    settings: Settings,
    sets: Mapping[Path, Sequence[LabelledSentence]],
    layers: Sequence[str],
    work: Path,
) -> tuple[list[Row], str]:
    """The signals of the labelled sentences, and the generator that answered; every layer is asked for every
    sentence.
    """
    steps = Steps(console(stderr=True))
    embedder = LazyEmbedder(settings, settings.embedder.model)
    local = {
        name: layer for name, layer in local_layers(settings, calibrating=True).items() if name in layers
    }
    for name, layer in local.items():
        with steps.step(f"Opening the layer {name}"):
            layer.open()  # what is missing is told now, not as sentences that were not checked
    rows = []
    async with generator(settings) as chat:
        if chat is not None and not await chat.ready():
            raise GeneratorUnavailableError(
                f"No generator answers at {settings.generator_url}.", "Start `citewell model serve`."
            )
        about = await conditions(settings, chat)
        served = (await chat.model_info()).name if chat is not None else ""
        for file, labelled in sets.items():
            folder = RunFolder(work / file.stem, {"labels": file.name, **about}, "--work")
            with steps.step(f"Checking {len(labelled)} sentences of {file.name}") as progress:
                checked = await check_all(
                    labelled, embedder, settings.check, folder, progress, chat, always=True, local=local
                )
            rows += rows_of(checked)
    return rows, served


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
