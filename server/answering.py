"""Lets ingestion step back while a request for an answer is served (see ingest/give_way.py)."""

from __future__ import annotations

from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from ingest.give_way import answering

__all__ = ["AnswersFirst"]

_PATHS = {"/v1/ask", "/v1/search", "/v1/chat/completions", "/mcp"}


class AnswersFirst:
    """From the first byte of such a request to the last of its response, also when that is streamed."""

    def __init__(self, app: ASGIApp, home: Path) -> None:
        self._app = app
        self._home = home

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in _PATHS:
            await self._app(scope, receive, send)
            return
        with answering(self._home):
            await self._app(scope, receive, send)
