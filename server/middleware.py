"""What every request passes through: its id, its log line, the hosts that it may be for, its length."""

from __future__ import annotations

import ipaddress
import logging
import re
import time
import uuid
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.settings import ServerSettings
from server.logs import request_id
from server.problems import Problem, http_problem, problem_response

__all__ = ["BodyLimit", "KnownHosts", "RequestLog", "is_loopback"]

logger = logging.getLogger(__name__)

_GIVEN_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
_HOST = re.compile(r"(\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[\w.-]+))(:\d*)?", re.ASCII)
_READING = {"GET", "HEAD", "OPTIONS"}
# what a route does not set otherwise: an answer of the API is no page, and is not to be framed or kept
_PROTECTING = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_QUIET = {"/healthz", "/readyz", "/metrics"}  # asked every few seconds by whoever watches


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own, whatever a name server says."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class KnownHosts:
    """Refuses what a web page of somebody else could make the reader's browser send.

    A page can point its own host name at 127.0.0.1 (DNS rebinding): the Host header then is none of ours.
    It can also post across origins: the Origin header then is not this host. Both are answered here and
    not by starlette's TrustedHostMiddleware because every error is a problem document.
    """

    def __init__(self, app: ASGIApp, server: ServerSettings) -> None:
        self._app = app
        self._public = server.public_url.lower()
        public = urlsplit(self._public).hostname
        self._names = {name.lower() for name in (*server.allowed_hosts, public, server.host) if name}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._knows(host.lower()):
            refused = http_problem(
                421, "This server does not answer to that host name (server.allowed_hosts)."
            )
            await problem_response(refused)(scope, receive, send)
            return
        origin = headers.get("origin")
        own = {f"{scope['scheme']}://{host}", self._public}
        if scope.get("method") not in _READING and origin is not None and origin not in own - {""}:
            refused = http_problem(403, "Requests from pages of another origin are refused.")
            await problem_response(refused)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _knows(self, host: str) -> bool:
        named = _HOST.fullmatch(host)
        if named is None:
            return False
        name = named["v6"] or named["name"]
        return is_loopback(name) or name in self._names


class BodyLimit:
    """Refuses bodies over the limit: before they are sent where their length is told, else as soon as they
    exceed it. Uploads have a limit of their own.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_upload(scope):
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._most:
            await problem_response(self._refusal())(scope, receive, send)
            return
        length = 0

        async def counted() -> Message:
            nonlocal length
            message = await receive()
            length += len(message.get("body", b""))
            if length > self._most:
                raise HTTPException(413, self._refusal().detail)
            return message

        await self._app(scope, counted, send)

    def _refusal(self) -> Problem:
        return http_problem(413, f"The request is over {self._most / 1e6:g} MB (limits.request_mb).")


def _is_upload(scope: Scope) -> bool:
    return bool(scope["path"] == "/v1/documents" and scope["method"] == "POST")


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
                for name, value in _PROTECTING.items():
                    headers.setdefault(name, value)
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
