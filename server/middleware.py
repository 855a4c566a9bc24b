"""What every request passes through: its id, its log line, and the door that only this machine may enter."""

from __future__ import annotations

import ipaddress
import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.errors import SettingsError
from rag.settings import Settings
from server.logs import request_id
from server.problems import http_problem, problem_response

__all__ = ["LoopbackOnly", "RequestLog", "require_loopback"]

logger = logging.getLogger(__name__)

_GIVEN_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
_HOST = re.compile(r"(\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[\w.-]+))(:\d*)?", re.ASCII)
_READING = {"GET", "HEAD", "OPTIONS"}
_QUIET = {"/healthz", "/readyz", "/metrics"}  # asked every few seconds by whoever watches


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_loopback(settings: Settings) -> None:
    """Raise SettingsError when the server would listen beyond this machine."""
    if not _is_loopback(settings.server.host):
        raise SettingsError(
            f"server.host is {settings.server.host}, but Citewell has no sign-in yet: this machine only.",
            "Set server.host to 127.0.0.1; reach it from elsewhere through an SSH tunnel.",
        )


class LoopbackOnly:
    """Refuses what a web page of somebody else could make the reader's browser send.

    A page can point its own host name at 127.0.0.1 (DNS rebinding): the Host header then is not loopback.
    It can also post across origins: the Origin header then is not this host. Both are answered here and
    not by starlette's TrustedHostMiddleware because every error is a problem document.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        named = _HOST.fullmatch(host.lower())
        if named is None or not _is_loopback(named["v6"] or named["name"]):
            refused = http_problem(421, "This server answers only to this machine's own names.")
            await problem_response(refused)(scope, receive, send)
            return
        origin = headers.get("origin")
        if (
            scope.get("method") not in _READING
            and origin is not None
            and origin != f"{scope['scheme']}://{host}"
        ):
            refused = http_problem(403, "Requests from pages of another origin are refused.")
            await problem_response(refused)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class RequestLog:
    """Gives each request an id and one log line, and answers what nobody expected with a problem.

    The line never holds the query string or the body: they are questions.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        current = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex[:12]
        token = request_id.set(current)
        begun = time.perf_counter()
        status = 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = current
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, tell)
        except Exception:
            logger.exception("Unexpected error")
            if status:
                raise  # too late for another answer: the server closes the connection
            failed = http_problem(500, "The server met an unexpected error; its log has the request id.")
            await problem_response(failed)(scope, receive, tell)
        finally:
            self._line(scope, status, 1000 * (time.perf_counter() - begun))
            request_id.reset(token)

    def _line(self, scope: Scope, status: int, elapsed_ms: float) -> None:
        path = scope.get("raw_path", b"").decode("ascii", "replace")
        level = logging.DEBUG if path in _QUIET else logging.INFO
        logger.log(level, "%s %s %s %.0f ms", scope["method"], path, status or "cancelled", elapsed_ms)
