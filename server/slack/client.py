"""Slack's Web API, asked no faster than it allows.

Each method has a rate of its own (https://docs.slack.dev/apis/web-api/rate-limits); where Slack says "not
before", nobody calls that method before.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from rag.slack_settings import SlackSettings

__all__ = ["FAILURES", "Pace", "SlackClient", "error_of"]

logger = logging.getLogger(__name__)

# what a call may end with
FAILURES = (SlackClientError, aiohttp.ClientError, TimeoutError)
MINUTE_S = 60.0
# calls a minute: tier 2, 3 and 4
_TIER_2, _TIER_3, _TIER_4 = 20, 50, 100
_RATES = {
    "apps.connections.open": 1,
    "chat.startStream": _TIER_2,
    "chat.stopStream": _TIER_2,
    "chat.appendStream": _TIER_4,
    "chat.postEphemeral": _TIER_4,
    "conversations.members": _TIER_4,
    "users.info": _TIER_4,
    "views.open": _TIER_4,
    "chat.postMessage": 300,
    "assistant.threads.setStatus": 600,
    "assistant.threads.setSuggestedPrompts": 600,
    "assistant.threads.setTitle": 600,
}
_UNPACED = {"auth.test", "apps.connections.open", "views.open"}  # rare, or good for seconds only
_POST, _POST_EVERY_S = "chat.postMessage", 1.0  # in one channel
# calls that would be seen twice if they were made twice
_ONCE = {"chat.postMessage", "chat.postEphemeral", "chat.startStream", "chat.appendStream"}
_MOST_TRIES = 40
_MOST_BREAKS = 3
_TIMEOUT_S = 30


def error_of(failure: BaseException) -> str:
    """Slack's word for what went wrong ("channel_not_found"), "" where it said none."""
    if not isinstance(failure, SlackApiError):
        return ""
    try:
        return str(failure.response.get("error") or "")
    except (AttributeError, ValueError):
        return ""


class Pace:
    """When a method may be called. ``share`` of the published rates is used; 0 knows of no rates."""

    def __init__(self, share: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._share = share
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}
        self._posts: dict[str, float] = {}
        self._closed: dict[str, float] = {}

    def wait(self, method: str, channel: str = "") -> float:
        """Seconds until the method may be called (in that channel); 0: now."""
        now = self._clock()
        wait = self._closed.get(method, 0.0) - now
        if self._share and method not in _UNPACED:
            calls, most = self._seen(method, now), max(1, int(self._rate(method)))
            if len(calls) >= most:
                wait = max(wait, calls[-most] + MINUTE_S - now)
            if method == _POST and channel in self._posts:
                wait = max(wait, self._posts[channel] + _POST_EVERY_S / min(1.0, self._share) - now)
        return max(0.0, wait)

    def count(self, method: str, channel: str = "") -> None:
        """It is called now."""
        now = self._clock()
        self._seen(method, now).append(now)
        if method == _POST:
            if len(self._posts) > 1000:
                self._posts = {one: at for one, at in self._posts.items() if now - at < MINUTE_S}
            self._posts[channel] = now

    def close(self, method: str, seconds: float) -> None:
        """Slack wants no call of it for that long."""
        self._closed[method] = max(self._closed.get(method, 0.0), self._clock() + seconds)

    def _rate(self, method: str) -> float:
        return _RATES.get(method, _TIER_3) * self._share

    def _seen(self, method: str, now: float) -> deque[float]:
        calls = self._calls.setdefault(method, deque())
        while calls and calls[0] <= now - MINUTE_S:
            calls.popleft()
        return calls


class SlackClient(AsyncWebClient):
    """slack_sdk's client with a pace. ``open`` and ``close`` it on the event loop that uses it."""

    def __init__(self, settings: SlackSettings) -> None:
        super().__init__(
            token=settings.bot_token, base_url=settings.api_url, timeout=_TIMEOUT_S, retry_handlers=[]
        )
        self.pace = Pace(settings.pace)

    def open(self) -> None:
        """One session for all calls."""
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S))

    async def close(self) -> None:
        """Give the connections back."""
        if self.session is not None:
            await self.session.close()

    async def api_call(self, api_method: str, **given: Any) -> AsyncSlackResponse:  # noqa: ANN401
        """As slack_sdk's, when its turn has come. Raises one of FAILURES."""
        fields = given.get("json") or given.get("params") or given.get("data") or {}
        channel = str(fields.get("channel", ""))
        breaks = 0
        for _ in range(_MOST_TRIES):
            while (wait := self.pace.wait(api_method, channel)) > 0:
                await asyncio.sleep(wait)
            self.pace.count(api_method, channel)
            try:
                return await super().api_call(api_method, **given)
            except SlackApiError as failure:
                status, headers = _told(failure)
                if status == 429:
                    self.pace.close(api_method, _seconds(headers.get("Retry-After")))
                    continue
                if status < 500 or api_method in _ONCE:
                    raise
                last: Exception = failure
            except (aiohttp.ClientError, TimeoutError) as failure:
                # what was not connected was not done
                if api_method in _ONCE and not isinstance(failure, aiohttp.ClientConnectorError):
                    raise
                last = failure
            breaks += 1
            if breaks > _MOST_BREAKS:
                raise last
            await asyncio.sleep(0.5 * 2**breaks * random.uniform(0.5, 1))
        raise TimeoutError(f"Slack put {api_method} off {_MOST_TRIES} times.")

    async def attempt(self, api_method: str, **fields: Any) -> bool:  # noqa: ANN401 - what the method takes
        """Call a method that may be left out: not when it would have to wait. True when it was done."""
        if self.pace.wait(api_method, str(fields.get("channel", ""))) > 0:
            return False
        try:
            await self.api_call(api_method, json=fields)
        except FAILURES as failure:
            logger.info("%s was not done: %s", api_method, error_of(failure) or type(failure).__name__)
            return False
        return True


def _told(failure: SlackApiError) -> tuple[int, dict[str, str]]:
    response: Any = failure.response
    return int(getattr(response, "status_code", 0) or 0), dict(getattr(response, "headers", None) or {})


def _seconds(header: str | None) -> float:
    try:
        return max(0.0, float(header or 1))
    except ValueError:
        return 1.0
