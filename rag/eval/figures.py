"""A measure over questions, and the figure that comes of it: value, interval, number of questions.

Everything that is reported is one statistic over columns with one entry a question, so that one bootstrap
serves all: questions are drawn again, with what belongs to them (Efron 1979), 95% percentile intervals.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from rag.eval.run import Asked, Result, key_of

__all__ = [
    "EVERY",
    "Better",
    "Figure",
    "Measure",
    "figures",
    "interval",
    "mean",
    "measure",
    "quantile",
    "share",
]

Column = NDArray[np.float64]
Better = Literal["higher", "lower", ""]
R = TypeVar("R", bound=Result)
EVERY = "all"
RESAMPLES = 1000
LEVEL = 95.0
SEED = 20261125


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """``statistic`` of ``columns``, [n] each; entry i is that of the question ``keys[i]`` in
    ``languages[i]``.

    ``better`` tells which way is an improvement, "" where neither is.
    """

    section: str
    name: str
    better: Better
    meaning: str
    keys: tuple[str, ...]
    languages: NDArray[np.str_]
    columns: tuple[Column, ...]
    statistic: Callable[..., float]

    def value(self, rows: NDArray[np.intp]) -> float:
        """The statistic of these rows; NaN where it is not defined."""
        return self.statistic(*(column[rows] for column in self.columns)) if len(rows) else float("nan")

    def groups(self) -> Iterator[tuple[str, NDArray[np.intp]]]:
        """All rows, then those of each language where there are several."""
        yield EVERY, np.arange(len(self.keys))
        spoken = sorted(set(self.languages.tolist()))
        if len(spoken) > 1:
            for language in spoken:
                yield language, np.flatnonzero(self.languages == language)


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value over ``n`` questions in ``language`` ("all": in any), with its 95% interval."""

    section: str
    name: str
    language: str
    n: int
    value: float
    low: float
    high: float
    better: Better
    meaning: str


def measure(
    section: str,
    name: str,
    better: Better,
    meaning: str,
    results: Sequence[R],
    columns: Callable[[R], tuple[float, ...]],
    statistic: Callable[..., float],
) -> Measure:
    """A measure of results; ``columns`` gives a result's entries."""
    items = [result.question if isinstance(result, Asked) else result.labelled for result in results]
    table = zip(*(columns(result) for result in results), strict=True)
    return Measure(
        section, name, better, meaning,
        tuple(key_of(item) for item in items),
        np.array([item.language for item in items], np.str_),
        tuple(np.array(column, np.float64) for column in table),
        statistic,
    )  # fmt: skip


def mean(values: Column) -> float:
    """Mean of what is there; NaN stands for what is not."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")


def share(part: Column, whole: Column) -> float:
    """Sum of the parts over the sum of the wholes."""
    total = float(whole.sum())
    return float(part.sum()) / total if total else float("nan")


def quantile(q: float) -> Callable[[Column], float]:
    """The statistic "q-quantile of what is there"."""

    def of(values: Column) -> float:
        there = values[~np.isnan(values)]
        return float(np.quantile(there, q)) if len(there) else float("nan")

    return of


def interval(statistic: Callable[[NDArray[np.intp]], float], n: int) -> tuple[float, float]:
    """95% percentile bootstrap interval of a statistic of row numbers; resamples in which it is not defined
    are left out.
    """
    drawn = np.random.default_rng(SEED).integers(0, n, (RESAMPLES, n))
    values = np.array([statistic(rows) for rows in drawn])
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.percentile(values, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return float(low), float(high)


def figures(measures: Iterable[Measure]) -> list[Figure]:
    """The figures of all measures that are defined, overall and by language."""
    found = []
    for one in measures:
        for language, rows in one.groups():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # sklearn's, of resamples in which all labels are alike
                value = one.value(rows)
                if np.isnan(value):
                    continue
                low, high = interval(functools.partial(_drawn, one, rows), len(rows))
            if low == high and one.statistic is mean:
                low, high = _proportion(one.columns[0][rows], (low, high))
            found.append(
                Figure(
                    one.section, one.name, language, len(rows),
                    round(value, 4), round(low, 4), round(high, 4), one.better, one.meaning,
                )
            )  # fmt: skip
    return found


def _proportion(values: Column, otherwise: tuple[float, float]) -> tuple[float, float]:
    """Wilson's interval where all answers are right, or all wrong: drawing them again tells nothing then."""
    if set(values.tolist()) not in ({0.0}, {1.0}):
        return otherwise
    found = binomtest(int(values.sum()), len(values)).proportion_ci(LEVEL / 100, method="wilson")
    return float(found.low), float(found.high)


def _drawn(one: Measure, rows: NDArray[np.intp], drawn: NDArray[np.intp]) -> float:
    return one.value(rows[drawn])
