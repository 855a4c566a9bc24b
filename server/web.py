"""The web page: the files that ``make web`` builds into ``server/page``, served at ``/``.

The index is made anew for every answer, with a fresh nonce in it and in its Content-Security-Policy. Files
under ``assets`` carry a hash of their content in their names, so browsers keep them for good.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Receive, Scope, Send

__all__ = ["FOLDER", "Page", "serve_page"]

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).with_name("page")
NONCE = "__CSP_NONCE__"  # what the build leaves in the index for it
HOW = "Run `make web` and start the server again."
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
# what Python's own table does not know, or knows differently from machine to machine
_TYPES: Mapping[str, str] = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
_ENCODINGS = {"br": ".br", "gzip": ".gz"}  # the better first
# wasm: pdf.js decodes some pictures with it. Styles need the nonce where a library makes them while running.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# pdf.js's worker is a file with rights of its own: it fetches character maps and decoders
_FILE_POLICY = "default-src 'none'; connect-src 'self'; script-src 'self' 'wasm-unsafe-eval'"
_MISSING = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Citewell</title>'
    "<h1>The web page has not been built</h1>"
    "<p>{how} The HTTP API under <code>/v1</code> answers meanwhile.</p>"
)


@dataclass(frozen=True, slots=True)
class File:
    """A built file, with its precompressed forms by content encoding."""

    path: Path
    media_type: str
    cache: str
    encoded: Mapping[str, Path]


class Page:
    """What was built. ``index`` is None when nothing was."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Files are looked up in a list made here: no request can name one that is not of the page."""
        index = folder / "index.html"
        self.index = index.read_text("utf-8") if index.is_file() else None
        self.files = _files(folder) if self.index is not None else {}

    def answer(self, request: Request, path: str) -> Response:
        """The file of that path; for the paths of the page's own places, the index."""
        found = self.files.get(path)
        if found is not None:
            return _file(found, request.headers.get("accept-encoding", ""))
        wanted = request.headers.get("accept", "")
        if path and ("." in path or "text/html" not in wanted):
            raise HTTPException(404, "There is no such file of the page.")
        return self._index()

    def _index(self) -> Response:
        nonce = secrets.token_urlsafe(16)
        headers = {
            "Content-Security-Policy": _POLICY.format(nonce=nonce),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }
        if self.index is None:
            return HTMLResponse(_MISSING.format(how=HOW), 503, headers)
        return HTMLResponse(self.index.replace(NONCE, nonce), headers=headers)


def _files(folder: Path) -> dict[str, File]:
    every = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    found = {}
    for name, path in every.items():
        if name == "index.html" or name.startswith(".") or path.suffix in _ENCODINGS.values():
            continue
        found[name] = File(
            path,
            _TYPES.get(path.suffix, "application/octet-stream"),
            _FOR_GOOD if name.startswith("assets/") else _ASK_AGAIN,
            {how: every[name + ending] for how, ending in _ENCODINGS.items() if name + ending in every},
        )
    return found


def _accepted(header: str) -> set[str]:
    """The content encodings of an Accept-Encoding header, without those of quality 0."""
    named = (part.strip().lower().partition(";") for part in header.split(","))
    return {name.strip() for name, _, given in named if given.replace(" ", "") not in ("q=0", "q=0.0")}


def _file(file: File, accept: str) -> Response:
    headers = {"Cache-Control": file.cache, "Content-Security-Policy": _FILE_POLICY}
    path = file.path
    if file.encoded:
        headers["Vary"] = "Accept-Encoding"
        accepted = _accepted(accept)
        encoding = next((one for one in file.encoded if one in accepted), None)
        if encoding is not None:
            path = file.encoded[encoding]
            headers["Content-Encoding"] = encoding
    return FileResponse(path, headers=headers, media_type=file.media_type)


def serve_page(app: FastAPI, page: Page | None = None) -> None:
    """Answer from the page what no route of ``app`` answers. Not a route with a wildcard: a wrong method
    would then be told to be a wrong path.
    """
    shown = page or Page()
    if shown.index is None:
        logger.warning("The web page has not been built, only the HTTP API answers. %s", HOW)
    otherwise = app.router.default

    async def default(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix("/")
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or path.startswith("v1/"):
            await otherwise(scope, receive, send)
            return
        await shown.answer(Request(scope), path)(scope, receive, send)

    app.router.default = default
