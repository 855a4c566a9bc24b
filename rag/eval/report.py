"""What a run found: report.json for programs, and report.html, one page that needs nothing else."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_curve

from rag.eval.detectors import BINS, area, confidence, risk_coverage
from rag.eval.figures import EVERY, Figure, figures
from rag.eval.metrics import measures, right
from rag.eval.plot import Curve, Point, draw
from rag.eval.run import Asked, CheckedSentence, Result

__all__ = ["page", "table_of", "write_report"]

WORST = 50  # wrong answers that are listed
INTERVALS = (
    "In brackets: 95% intervals, by drawing the questions again 1,000 times (Wilson's where all are right or "
    "all are wrong). n: questions measured. "
    "Baselines tell what the length or the language of a text alone would reach on the same questions."
)


def write_report(folder: Path, results: Sequence[Result], about: Mapping[str, Any]) -> list[Figure]:
    """Write report.json and report.html into the folder of a run; returns the figures."""
    found = figures(measures(results))
    curves = _curves(results)
    asked = [result for result in results if isinstance(result, Asked)]
    told = {
        "about": dict(about),
        "results": len(results),
        "not_asked": [
            {"id": result.question.id, "error": result.error} for result in asked if result.answer is None
        ],
        "verdicts": _verdicts(results),
        "figures": [dataclasses.asdict(figure) for figure in found],
        "curves": [dataclasses.asdict(curve) for curve in curves],
    }
    text = json.dumps(told, ensure_ascii=False, indent=2)
    (folder / "report.json").write_text(text + "\n", "utf-8")
    (folder / "report.html").write_text(_html(told, found, curves, asked), "utf-8")
    return found


def _verdicts(results: Iterable[Result]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for result in results:
        judged = result if isinstance(result, CheckedSentence) else result.answer
        if judged is not None:
            counted[str(judged.verdict)] += 1
    return dict(counted.most_common())


# ---------------------------------------------------------------- curves


def _by_language(results: Sequence[Asked]) -> dict[str, list[Asked]]:
    groups: dict[str, list[Asked]] = {EVERY: list(results)}
    for result in results:
        groups.setdefault(result.question.language, []).append(result)
    return groups if len(groups) > 2 else {EVERY: groups[EVERY]}


def _roc(labels: Sequence[bool], scores: Sequence[float]) -> list[Point]:
    false, true, _ = roc_curve(labels, scores)
    return list(zip(false.tolist(), true.tolist(), strict=True))


def _detector(
    title: str, labels: Sequence[bool], scores: Sequence[float], lengths: Sequence[float]
) -> list[Curve]:
    if len(set(labels)) < 2:
        return []
    told = area(np.array(labels, float), np.array(lengths, float)) >= 0.5
    directed = [length if told else -length for length in lengths]  # in the direction that tells more
    series = {"score": _roc(labels, scores), "length alone": _roc(labels, directed)}
    return [Curve(title, "false positives", "true positives", series, diagonal=True)]


def _curves(results: Sequence[Result]) -> list[Curve]:
    asked = [r for r in results if isinstance(r, Asked) and r.answer is not None]
    checked = [r for r in results if isinstance(r, CheckedSentence)]
    judged = [r for r in asked if r.question.answers is not None]
    topics = [r for r in asked if r.question.topic]
    return [
        *_risk(judged),
        *_detector(
            "Is it there? ROC",
            [bool(r.question.answers) for r in judged],
            [confidence(r) for r in judged],
            [len(r.question.question) for r in judged],
        ),
        *_detector(
            "Is it about that? ROC",
            [r.question.topic == "in" for r in topics],
            [r.answer.scores.get("scope", 0.0) for r in topics if r.answer],
            [len(r.question.question) for r in topics],
        ),
        *_detector(
            "Is the sentence supported? ROC",
            [r.labelled.supported for r in checked],
            [r.score for r in checked],
            [len(r.labelled.sentence) for r in checked],
        ),
        *_reliability(checked),
        *_latency(asked),
    ]


def _risk(judged: Sequence[Asked]) -> list[Curve]:
    if not judged:
        return []
    series = {}
    for language, group in _by_language(judged).items():
        coverage, risk = risk_coverage(
            np.array([confidence(r) for r in group]), np.array([float(right(r)) for r in group])
        )
        series[language] = list(zip(coverage.tolist(), risk.tolist(), strict=True))
    return [Curve("Risk and coverage", "share of questions answered, surest first", "share wrong", series)]


def _reliability(checked: Sequence[CheckedSentence]) -> list[Curve]:
    if len({r.labelled.supported for r in checked}) < 2:
        return []
    true, told = calibration_curve(
        [r.labelled.supported for r in checked], [r.score for r in checked], n_bins=BINS
    )
    series = {"score": list(zip(told.tolist(), true.tolist(), strict=True))}
    return [Curve("Reliability of the score", "score", "share supported", series, diagonal=True)]


def _latency(asked: Sequence[Asked]) -> list[Curve]:
    series = {}
    for name, timing in (("answer", "total"), ("first drafted sentence", "first_sentence")):
        times = sorted(
            r.answer.timings_ms[timing] for r in asked if r.answer and timing in r.answer.timings_ms
        )
        if times:
            series[name] = [(ms, (i + 1) / len(times)) for i, ms in enumerate(times)]
    return [Curve("Time of an answer", "ms", "share of answers", series)] if series else []


# ---------------------------------------------------------------- the page


def page(title: str, body: str) -> str:
    """A whole page with the style of all reports."""
    template = Template(resources.files("rag.eval").joinpath("report.html").read_text("utf-8"))
    return template.substitute(title=escape(title), body=body)


def table_of(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are HTML already."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    lines = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{top}</tr>{lines}</table></div>'


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "<td></td>"
    number = "{:,.0f}" if figure.value >= 10 else "{:.3f}"
    value, low, high = (number.format(part) for part in (figure.value, figure.low, figure.high))
    return f'<td class="number">{value} <small>[{low}, {high}] n={figure.n}</small></td>'


def _figures(found: Sequence[Figure]) -> str:
    parts = []
    for section in dict.fromkeys(figure.section for figure in found):
        own = [figure for figure in found if figure.section == section]
        languages = sorted({figure.language for figure in own}, key=lambda one: (one != EVERY, one))
        known = {(figure.name, figure.language): figure for figure in own}
        rows = []
        for name, meaning, better in dict.fromkeys((f.name, f.meaning, f.better) for f in own):
            hint = f"{meaning}; {better} is better" if better else meaning
            cells = [_cell(known.get((name, language))) for language in languages]
            rows.append([f"<td>{escape(name)}<br><small>{escape(hint)}</small></td>", *cells])
        parts.append(f"<h2>{escape(section)}</h2>{table_of(['', *map(escape, languages)], rows)}")
    return "".join(parts)


def _about(told: Mapping[str, Any]) -> str:
    lines = {**told["about"], "results": told["results"], "verdicts": told["verdicts"]}
    if told["not_asked"]:
        lines["not asked"] = [f"{entry['id']}: {entry['error']}" for entry in told["not_asked"]]
    shown = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in lines.items()
    }
    return "<dl>" + "".join(f"<dt>{escape(n)}</dt><dd>{escape(v)}</dd>" for n, v in shown.items()) + "</dl>"


def _wrong(asked: Sequence[Asked]) -> str:
    missed = [r for r in asked if r.answer and r.question.answers is not None and not right(r)]
    if not missed:
        return ""
    rows = [
        [
            f"<td>{escape(r.question.question)}</td>",
            f"<td>{escape(' / '.join(r.question.answers or ('(not there)',)))}</td>",
            f"<td>{escape(r.answer.answer)}<br><small>{escape(str(r.answer.verdict))}</small></td>",
        ]
        for r in missed[:WORST]
        if r.answer
    ]
    return (
        f"<h2>What went wrong</h2><details><summary>{len(rows)} of {len(missed)} answers that miss what was "
        f"expected</summary>{table_of(['question', 'expected', 'answered'], rows)}</details>"
    )


def _html(
    told: Mapping[str, Any], found: Sequence[Figure], curves: Sequence[Curve], asked: Sequence[Asked]
) -> str:
    plots = "".join(map(draw, curves))
    body = [
        _about(told),
        f"<p>{INTERVALS}</p>",
        f'<div class="plots">{plots}</div>' if plots else "",
        _figures(found),
        _wrong(asked),
    ]
    name = told["about"].get("questions", "")
    return page(f"Evaluation: {name}" if name else "Evaluation", "".join(body))
