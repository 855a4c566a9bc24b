"""How much one person may ask for, and how much is worked on at once. Counted in this process alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request

from rag.errors import BusyError, TooManyRequestsError
from rag.server_settings import LimitSettings
from server.auth.principal import OPERATOR, Principal

__all__ = ["Buckets", "Limits", "limits"]

MOST_KEPT = 10_000
BUSY_S = 5.0
MINUTE_S = 60.0


class Buckets:
    """Token buckets by name: each holds a minute's worth and is filled steadily."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._levels: dict[str, tuple[float, float]] = {}  # tokens, and when that was

    def take(self, name: str, per_minute: float) -> float:
        """Take a token: 0 when there was one, else the seconds until there will be (and none is taken)."""
        now = time.monotonic()
        with self._lock:
            if len(self._levels) > MOST_KEPT:
                # who was quiet for a minute has a full bucket, as a new one is
                fresh = {k: level for k, level in self._levels.items() if now - level[1] < MINUTE_S}
                self._levels = fresh
            tokens, at = self._levels.get(name, (per_minute, now))
            tokens = min(per_minute, tokens + (now - at) * per_minute / MINUTE_S)
            self._levels[name] = (tokens - 1 if tokens >= 1 else tokens, now)
            return 0.0 if tokens >= 1 else (1 - tokens) * MINUTE_S / per_minute

    def give_back(self, name: str) -> None:
        """Undo a take."""
        with self._lock:
            if name in self._levels:
                tokens, at = self._levels[name]
                self._levels[name] = (tokens + 1, at)


class Limits:
    """The limits of one server. ``settings`` may be exchanged while it runs."""

    def __init__(self, settings: LimitSettings) -> None:
        self.settings = settings
        self.answering = 0
        self.refused = 0
        self._buckets = Buckets()

    def count_request(self, principal: Principal) -> None:
        """Raises TooManyRequestsError when it is one too many."""
        self._count("request", principal, self.settings.requests_per_minute)

    def _count(self, kind: str, principal: Principal, per_minute: int) -> None:
        if not per_minute or principal.id == OPERATOR.id:
            return
        wait = self._buckets.take(f"{kind} {principal.id}", per_minute)
        if wait:
            raise _too_many(f"More than {per_minute} {kind}s in a minute.", wait)

    @contextmanager
    def answer(self, principal: Principal) -> Iterator[None]:
        """Around the making of one answer. Raises TooManyRequestsError, or BusyError when too many are being
        made. Entered and left on the event loop.
        """
        self._count("answer", principal, self.settings.answers_per_minute)
        if self.answering >= self.settings.answers_at_once:
            self.refused += 1
            busy = BusyError(
                f"{self.answering} answers are being worked on already.", "Ask again in a few seconds."
            )
            busy.retry_after_s = BUSY_S
            raise busy
        self.answering += 1
        try:
            yield
        finally:
            self.answering -= 1

    @contextmanager
    def signing_in(self, *names: str) -> Iterator[None]:
        """Around a sign-in by these names and addresses: those that fail (with an error) are counted.
        Raises TooManyRequestsError.
        """
        per_minute = self.settings.sign_ins_per_minute
        taken: list[str] = []
        for name in names:
            # taken before it is known to fail: many at once must not slip through
            wait = self._buckets.take(f"sign-in {name}", per_minute)
            if wait:
                for one in taken:
                    self._buckets.give_back(one)
                raise _too_many("Too many sign-ins failed.", wait)
            taken.append(f"sign-in {name}")
        yield
        for name in taken:
            self._buckets.give_back(name)


def _too_many(what: str, wait_s: float) -> TooManyRequestsError:
    error = TooManyRequestsError(what, f"Try again in {wait_s:.0f} s.")
    error.retry_after_s = wait_s
    return error


def limits(request: Request) -> Limits:
    """Dependency: the limits of this server."""
    found = request.app.state.limits
    assert isinstance(found, Limits)
    return found
