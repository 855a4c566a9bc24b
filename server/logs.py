"""The one place that configures logging. Questions and document texts are never logged.

A line carries the id of the request that it belongs to, which the response carries too (``X-Request-ID``).
"""

from __future__ import annotations

import json
import logging
import sys
import time
from contextvars import ContextVar

from rag.settings import LogSettings

__all__ = ["configure_logging", "request_id"]

request_id: ContextVar[str] = ContextVar("request_id", default="")

# these log whole requests (and so questions) at DEBUG, and each call at INFO
_TALKATIVE = ("aiohttp", "httpcore", "httpcore2", "httpx", "httpx2", "openai", "slack_bolt", "slack_sdk")


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(request)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        current = request_id.get()
        record.request = f" [{current}]" if current else ""
        return super().format(record)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["request_id"] = request_id.get()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(settings: LogSettings, *, quiet: bool = False) -> None:
    """Send log lines to standard error. ``quiet`` (commands for people) drops INFO, but not what DEBUG
    asks for.
    """
    level = logging.getLevelNamesMapping()[settings.level]
    if quiet and level == logging.INFO:
        level = logging.WARNING
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if settings.format == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
