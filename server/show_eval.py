"""Figures and comparisons of evaluations for a reader at a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from rag.eval.compare import Difference
from rag.eval.figures import EVERY, Figure

__all__ = ["show_differences", "show_figures"]

COLOURS = {"better": "green", "worse": "red", "undecided": "default"}
ICONS = {"better": "▲", "worse": "▼", "undecided": "·"}


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.3f}"


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f"{_number(figure.value)} [{_number(figure.low)}, {_number(figure.high)}]"


def show_figures(out: Console, figures: Sequence[Figure]) -> None:
    """A table for each section: value and 95% interval, by language.

    n: questions of the measure with most of them; the report has that of each.
    """
    for section in dict.fromkeys(figure.section for figure in figures):
        own = [figure for figure in figures if figure.section == section]
        languages = sorted({figure.language for figure in own}, key=lambda one: (one != EVERY, one))
        known = {(figure.name, figure.language): figure for figure in own}
        most = {one: max(figure.n for figure in own if figure.language == one) for one in languages}
        table = Table(Column(section, no_wrap=True), *(f"{one}, n={n}" for one, n in most.items()))
        for name in dict.fromkeys(figure.name for figure in own):
            table.add_row(Text(name), *(Text(_cell(known.get((name, one)))) for one in languages))
        out.print(table)


def show_differences(out: Console, differences: Sequence[Difference]) -> None:
    """Each measure of both runs with its judgement, then a summary for each language."""
    table = Table("", "language", "A", "B", "B - A, 95% interval", "n", "B is")
    for one in differences:
        change = f"{one.difference:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
        judged = Text(f"{ICONS[one.verdict]} {one.verdict}", style=COLOURS[one.verdict])
        cells = (
            f"{one.section}: {one.name}",
            one.language,
            _number(one.a),
            _number(one.b),
            change,
            str(one.n),
        )
        table.add_row(*map(Text, cells), judged)
    out.print(table)
    for language in dict.fromkeys(one.language for one in differences):
        own = [one for one in differences if one.language == language]
        told = ", ".join(f"{verdict} in {sum(o.verdict == verdict for o in own)}" for verdict in COLOURS)
        out.print(f"{language}: B is {told} of {len(own)} measures")
