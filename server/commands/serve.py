"""`citewell serve`: the HTTP API, without starting anything else."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

from rag.settings import Settings, load_settings
from server.app import create_app
from server.auth.operator import welcome
from server.background import in_thread
from server.listen import HttpServer, bind, run_until_signal, url_of
from server.logs import configure_logging
from server.readiness import Readiness
from server.show import console

__all__ = ["serve"]


async def _serve(settings: Settings, app: FastAPI) -> None:
    server = HttpServer(app, bind(settings), settings)
    out = console(stderr=True)
    try:
        greeting = await in_thread(lambda: welcome(settings, url_of(settings)))
        await server.start()
        state: Readiness = app.state.readiness
        await state.wait()
        out.print(f"Citewell answers at {url_of(settings)} (Ctrl-C ends it).")
        if greeting.link:
            out.print(f"Sign in, once within a day, with {greeting.link}")
        await server.wait()
    finally:
        await server.stop()


def serve() -> None:
    """Serve the HTTP API on this machine until Ctrl-C.

    Starts no vLLM: `citewell up` and `citewell model serve` do. Without one, answers are verified quotes.
    """
    settings = load_settings()
    configure_logging(settings.log)
    app = create_app(settings)
    asyncio.run(run_until_signal(_serve(settings, app)))
