"""How long each step of an answer took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rag.types import Answer

__all__ = ["Step", "Timer", "Watch", "unwatched"]


@dataclass(frozen=True, slots=True)
class Step:
    """One time that a step was taken, in nanoseconds since the epoch."""

    name: str
    begun_ns: int
    ended_ns: int


# Told of each finished answer and of the steps that led to it, in the order of their ends, "total" last
Watch = Callable[[Answer, Sequence[Step]], None]


def unwatched(answer: Answer, steps: Sequence[Step]) -> None:
    """Watches nothing."""


class Timer:
    """Milliseconds by step; a step that is taken several times is added up. ``steps`` keeps them apart."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._ms: dict[str, float] = {}
        self._start = time.perf_counter()
        self._epoch_ns = time.time_ns()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what runs meanwhile."""
        start = time.perf_counter()
        try:
            yield
        finally:
            end = time.perf_counter()
            self._ms[name] = self._ms.get(name, 0.0) + 1000 * (end - start)
            self.steps.append(Step(name, self._since_epoch(start), self._since_epoch(end)))

    @contextmanager
    def without(self, name: str, inner: str) -> Iterator[None]:
        """Count what runs meanwhile, less what was counted for ``inner``."""
        before = self._ms.get(inner, 0.0)
        try:
            with self.step(name):
                yield
        finally:
            self._ms[name] -= self._ms.get(inner, 0.0) - before

    def first(self, name: str) -> None:
        """Note how long it took from the start until this was reached for the first time."""
        self._ms.setdefault(name, 1000 * (time.perf_counter() - self._start))

    def total(self) -> dict[str, float]:
        """All steps and the time since the start."""
        end = time.perf_counter()
        total = 1000 * (end - self._start)
        self.steps.append(Step("total", self._epoch_ns, self._since_epoch(end)))
        return {name: round(ms, 1) for name, ms in {**self._ms, "total": total}.items()}

    def _since_epoch(self, moment: float) -> int:
        # steps are measured by the clock that never steps back, and placed by where this timer began
        return self._epoch_ns + round(1e9 * (moment - self._start))
