"""How long each step of an answer took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Timer"]


class Timer:
    """Milliseconds by step; a step that is taken several times is added up."""

    def __init__(self) -> None:
        self._ms: dict[str, float] = {}
        self._start = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what runs meanwhile."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._ms[name] = self._ms.get(name, 0.0) + 1000 * (time.perf_counter() - start)

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
        total = 1000 * (time.perf_counter() - self._start)
        return {name: round(ms, 1) for name, ms in {**self._ms, "total": total}.items()}
