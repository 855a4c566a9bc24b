"""Whether a request comes from Slack. (https://docs.slack.dev/authentication/verifying-requests-from-slack)"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Mapping

__all__ = ["WINDOW_S", "Signatures"]

WINDOW_S = 300.0


class Signatures:
    """Checks them in constant time. One that was seen before is a replay, unless it is an event that Slack
    says it sends again, maybe within the same second: events count once in any case (inbox.py).

    slack_bolt checks them too, but logs the bodies of those that it refuses.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._seen: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def accepts(self, headers: Mapping[str, str], body: bytes, now: float) -> bool:
        """``now`` in seconds since the epoch."""
        stamp = headers.get("x-slack-request-timestamp", "")
        given = headers.get("x-slack-signature", "").encode("utf-8", "replace")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 20):
            return False
        if abs(now - int(stamp)) > WINDOW_S:
            return False
        made = hmac.new(self._secret, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        wanted = f"v0={made}".encode()
        if not hmac.compare_digest(wanted, given):
            return False
        event = headers.get("content-type", "").startswith("application/json")
        return self._first(wanted, now) or (event and "x-slack-retry-num" in headers)

    def _first(self, signature: bytes, now: float) -> bool:
        with self._lock:
            if signature in self._seen:
                return False
            self._seen = {one: at for one, at in self._seen.items() if now - at <= 2 * WINDOW_S}
            self._seen[signature] = now
            return True
