"""Two runs of the same questions: is the second one better, worse, or is it undecided?"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag.errors import QuestionSetError
from rag.eval.figures import Better, Measure, interval
from rag.eval.metrics import measures
from rag.eval.report import page, table_of
from rag.eval.run import Asked, Result, read_results

__all__ = ["Difference", "Judgement", "compare", "write_comparison"]

Judgement = Literal["better", "worse", "undecided"]


@dataclass(frozen=True, slots=True)
class Difference:
    """``b - a`` of one measure over the ``n`` questions that both runs share in ``language``, its 95% paired
    bootstrap interval, and what that says of b.
    """

    section: str
    name: str
    language: str
    n: int
    a: float
    b: float
    difference: float
    low: float
    high: float
    better: Better
    verdict: Judgement


def compare(a: Path, b: Path) -> list[Difference]:
    """Every measure that tells better from worse, over the questions that both folders hold.

    Each interval stands for itself: of twenty measures on which nothing changed, one is expected to seem
    better or worse. Raises QuestionSetError when the folders share no question.
    """
    first, second = _answered(a), _answered(b)
    shared = [key for key in first if key in second]
    if not shared:
        raise QuestionSetError(
            f"{a} and {b} share no question.", "Compare two runs of the same question set, uncorrected since."
        )
    before = {(m.section, m.name): m for m in measures([first[key] for key in shared])}
    found = []
    for after in measures([second[key] for key in shared]):
        if after.better and (after.section, after.name) in before:
            found += _differences(before[after.section, after.name], after)
    return found


def _answered(folder: Path) -> dict[str, Result]:
    results = read_results(folder)
    return {k: r for k, r in results.items() if not isinstance(r, Asked) or r.answer is not None}


def _differences(before: Measure, after: Measure) -> list[Difference]:
    # both were asked the same questions in the same order, and which of them a measure takes depends on the
    # question alone
    assert before.keys == after.keys
    found = []
    for language, rows in after.groups():

        def change(drawn: NDArray[np.intp], rows: NDArray[np.intp] = rows) -> float:
            return after.value(rows[drawn]) - before.value(rows[drawn])

        a, b = before.value(rows), after.value(rows)
        if np.isnan(a) or np.isnan(b):
            continue
        low, high = interval(change, len(rows))
        found.append(
            Difference(
                after.section, after.name, language, len(rows),
                round(a, 4), round(b, 4), round(b - a, 4), round(low, 4), round(high, 4),
                after.better, _judgement(after.better, low, high),
            )
        )  # fmt: skip
    return found


def _judgement(better: Better, low: float, high: float) -> Judgement:
    if low <= 0 <= high or np.isnan(low):
        return "undecided"
    return "better" if (low > 0) == (better == "higher") else "worse"


def write_comparison(out: Path, a: Path, b: Path, found: Sequence[Difference]) -> None:
    """Write the comparison as JSON or HTML, by the ending of ``out``."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".html":
        out.write_text(_html(a, b, found), "utf-8")
        return
    told = {"a": str(a), "b": str(b), "differences": [dataclasses.asdict(one) for one in found]}
    out.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", "utf-8")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.3f}"


def _html(a: Path, b: Path, found: Sequence[Difference]) -> str:
    parts = [
        f"<dl><dt>A</dt><dd>{escape(str(a))}</dd><dt>B</dt><dd>{escape(str(b))}</dd></dl>"
        "<p>What B is, beside A, on the same questions: better or worse where the 95% interval of the "
        "difference (paired bootstrap) leaves zero out. Each interval stands for itself: of twenty measures "
        "on which nothing changed, one is expected to do so.</p>"
    ]
    for section in dict.fromkeys(one.section for one in found):
        rows = [
            [
                f"<td>{escape(one.name)}</td><td>{escape(one.language)}</td>",
                *(f'<td class="number">{_number(value)}</td>' for value in (one.a, one.b)),
                f'<td class="number">{one.difference:+.3f} '
                f"<small>[{one.low:+.3f}, {one.high:+.3f}] n={one.n}</small></td>",
                f'<td class="{one.verdict}">{one.verdict}</td>',
            ]
            for one in found
            if one.section == section
        ]
        head = ["", "language", "A", "B", "B - A", "B is"]
        parts.append(f"<h2>{escape(section)}</h2>{table_of(head, rows)}")
    return page("Comparison", "".join(parts))
