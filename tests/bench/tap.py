"""Between the path and vLLM: what was asked, and vLLM alone with the same."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

__all__ = ["Tap", "free_port"]


def free_port() -> int:
    """One of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Tap:
    """Stands between the path and vLLM, and keeps what was asked and how many tokens came."""

    def __init__(self, url: str) -> None:
        self.client = httpx.AsyncClient(base_url=url, timeout=300, trust_env=False)
        self.port = free_port()
        self.kept: list[dict[str, Any]] = []
        self.salt = ""  # set anew for each part, so that none finds another's prompts in the cache
        routes = [Route("/{path:path}", self.pass_on, methods=["GET", "POST"])]
        config = uvicorn.Config(Starlette(routes=routes), port=self.port, log_level="error", lifespan="off")
        self.server = uvicorn.Server(config)

    async def pass_on(self, request: Request) -> Response:
        body = json.loads(await request.body() or b"null")
        if body and "cache_salt" in body:
            body["cache_salt"] += self.salt
        asked = self.client.build_request(request.method, request.url.path, json=body)
        reply = await self.client.send(asked, stream=True)
        kept = {"path": request.url.path, "body": body, "tokens": 0}
        if kept["body"]:
            self.kept.append(kept)

        async def pieces() -> AsyncIterator[bytes]:
            try:
                async for piece in reply.aiter_raw():
                    kept["tokens"] += piece.count(b'"logprob":') and piece.count(b'"token":')
                    yield piece
            finally:
                await reply.aclose()

        return StreamingResponse(pieces(), reply.status_code, {"Content-Type": reply.headers["Content-Type"]})

    async def replayed(self, askers: int, salt: str) -> tuple[float, int]:
        """Seconds that vLLM alone takes for what was kept, so many at once; tokens."""
        waiting = list(reversed(self.kept))
        tokens = 0

        async def asker() -> None:
            nonlocal tokens
            while waiting:
                one = waiting.pop()
                body = one["body"]
                if body.get("stream"):
                    # as many tokens as the path took; it may have closed the stream after its sentences
                    tokens += one["tokens"]
                    body = body | {"max_tokens": max(1, one["tokens"]), "ignore_eos": True, "stop": None}
                if "cache_salt" in body:
                    body = body | {"cache_salt": salt}  # nothing of the first run is still in the cache
                (await self.client.post(one["path"], json=body)).raise_for_status()

        begin = time.monotonic()
        await asyncio.gather(*(asker() for _ in range(askers)))
        return time.monotonic() - begin, tokens
