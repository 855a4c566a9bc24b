"""`citewell model probe`: train a probe of hidden states on labelled sentences, and show one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rag.check.probe import Probe, probe_file
from rag.eval.public_sets import read_labelled
from rag.settings import load_settings
from server.progress import Steps
from server.show import console

__all__ = ["app"]

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The probe of hidden states.")

Model = Annotated[
    str | None, typer.Option("--model", help="Name of the generator; that of the settings when left out.")
]


@app.callback()
def _probe() -> None:
    """Train and show the probe of hidden states."""


@app.command("train")
def train_probe(
    labels: Annotated[
        list[Path],
        typer.Option(
            "--labels",
            help="Labelled sentences, as `citewell eval run` reads them; may be given several times. "
            "Sentences without a domain belong to one named after their file.",
        ),
    ],
    model: Model = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write; <home>/probes/<model>.json when left out.")
    ] = None,
) -> None:
    """Fit a probe on the generator's hidden states and say how it does on domains that it has not seen.

    Goes on from where an earlier run was stopped.
    """
    settings = load_settings()
    name = model or settings.generator.model
    examples = [example for file in labels for example in read_labelled(file)]
    # imported late: torch takes seconds
    from rag.eval.probe_fit import pairs, train
    from rag.models.hidden import HiddenStates
    from rag.models.hidden_cache import CachedStates

    steps = Steps(console(stderr=True))
    with steps.step(f"Loading {name}"):
        hidden = HiddenStates.load(name, settings.models_dir)
    with steps.step(f"Reading {len(examples)} sentences") as progress:
        cached = CachedStates(hidden, settings.home / "probes" / "states")
        states = cached.states(pairs(examples), progress)
    with steps.step("Fitting"):
        probe = train(hidden, states, examples)
    file = out or probe_file(settings.home, name)
    probe.save(file)
    _show(console(), probe, file)


@app.command("show")
def show_probe(
    model: Model = None,
    file: Annotated[Path | None, typer.Option("--file", help="A probe elsewhere.")] = None,
) -> None:
    """Show what a probe was trained on, how it does on held-out domains, and whether its model is here."""
    settings = load_settings()
    path = file or probe_file(settings.home, model or settings.generator.model)
    probe = Probe.read(path)
    out = console()
    _show(out, probe, path)
    from rag.models.folder import read_record
    from rag.models.hidden import template_sha256

    record = read_record(settings.models_dir / probe.model)
    here = record is not None and record.sha256 == probe.model_sha256
    if not here:
        out.print(Text("Its model is not on this machine: it is refused.", style="yellow"))
    elif probe.template_sha256 != template_sha256():
        out.print(Text("The template has changed since: it is refused.", style="yellow"))


def _show(out: Console, probe: Probe, file: Path) -> None:
    out.print(Text(str(file), style="bold"))
    counted = ", ".join(f"{name}: {pairs}" for name, pairs in probe.notes.get("trained_on", {}).items())
    out.print(Text(f"{probe.model} ({probe.model_sha256[:12]}), layer {probe.layer}"))
    out.print(Text(f"trained {probe.notes.get('date', '')} on {counted}"))
    table = Table("held out", "pairs", "supported", "layer", "probe", "length", "word cover")
    for row in probe.notes.get("held_out", []):
        counts = (str(row[name]) for name in ("pairs", "supported", "layer"))
        areas = (_area(row[name]) for name in ("probe", "length", "cover"))
        table.add_row(str(row["domain"]), *counts, *areas)
    out.print(table)
    out.print(
        "AUROC with its 95% interval; 0.5 is chance. Each line by a probe that did not see that domain."
    )


def _area(values: Mapping[str, Any]) -> str:
    return f"{values['value']:.3f} [{values['low']:.3f}, {values['high']:.3f}]"
