"""Slack's rate limits: so many calls of a method a minute, one message a second in a channel, and silence for
as long as Retry-After said. ``minute_s`` is how long a minute takes here.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter, deque

__all__ = ["Limits"]

TIER = {1: 1, 2: 20, 3: 50, 4: 100, "posting": 300, "status": 600}
METHODS: dict[str, int | str] = {
    "apps.connections.open": 1,
    "auth.test": "status",
    "chat.startStream": 2,
    "chat.stopStream": 2,
    "chat.appendStream": 4,
    "chat.postMessage": "posting",
    "chat.postEphemeral": 4,
    "chat.getPermalink": "status",
    "conversations.members": 4,
    "users.info": 4,
    "views.open": 4,
    "assistant.threads.setStatus": "status",
    "assistant.threads.setSuggestedPrompts": "status",
    "assistant.threads.setTitle": "status",
}  # all others: tier 3
# what was sent in time may come a little early after what was slow on its way
SLACK_S = 0.15
# what was under way when the refusal was sent knew nothing of it
UNDER_WAY_S = 0.2


class Limits:
    """``refusing`` is the share of calls that are refused without a reason. ``exceeded`` counts by method the
    calls that were too many, ``too_soon`` those that came while Retry-After forbade them.
    """

    def __init__(self, minute_s: float = 60.0, refusing: float = 0.0, seed: int = 5) -> None:
        self.minute_s = minute_s
        self.refusing = refusing
        self.exceeded: Counter[str] = Counter()
        self.too_soon: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._calls: dict[str, deque[float]] = {}
        self._posts: dict[str, float] = {}
        self._closed: dict[str, tuple[float, float]] = {}  # since when, until when

    def wait(self, method: str, channel: str) -> int:
        """Seconds to tell in Retry-After; 0: the call is taken."""
        now = time.monotonic()
        since, until = self._closed.get(method, (0.0, 0.0))
        if since + UNDER_WAY_S < now < until - SLACK_S:
            self.too_soon[method] += 1
            return max(1, math.ceil(until - now))
        if method != "apps.connections.open" and self._rng.random() < self.refusing:
            self.refused[method] += 1
            return self._close(method, now, 1)
        if (much := self._much(method, channel, now)) > 0:
            self.exceeded[method] += 1
            return self._close(method, now, max(1, math.ceil(much)))
        return 0

    def _close(self, method: str, now: float, seconds: int) -> int:
        self._closed[method] = now, now + seconds
        return seconds

    def _much(self, method: str, channel: str, now: float) -> float:
        """Seconds by which the call is too early; when it is not, it is counted."""
        calls = self._calls.setdefault(method, deque())
        while calls and calls[0] <= now - self.minute_s + SLACK_S:
            calls.popleft()
        if len(calls) >= TIER[METHODS.get(method, 3)]:
            return calls[0] + self.minute_s - now
        second = self.minute_s / 60
        early = self._posts.get(channel, -math.inf) + 0.8 * second - now
        if method == "chat.postMessage" and early > 0:
            return early
        calls.append(now)
        if method == "chat.postMessage":
            self._posts[channel] = now
        return 0.0
