"""The HTTP API: ``create_app(settings)``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from rag.assistant import Assistant
from rag.settings import Settings
from server.answering import AnswersFirst
from server.background import in_thread
from server.conversing import Conversing
from server.ingestion import Ingestion
from server.middleware import LoopbackOnly, RequestLog, require_loopback
from server.pages import Pages
from server.problems import add_problem_handlers
from server.readiness import Readiness
from server.routes import (
    ask,
    check,
    conversations,
    documents,
    feedback,
    health,
    jobs,
    library,
    messages,
    metrics,
    search,
    sources,
    viewer,
)
from server.web import serve_page

__all__ = ["create_app"]

PARTS = (
    ask,
    search,
    check,
    conversations,
    messages,
    feedback,
    documents,
    library,
    viewer,
    sources,
    jobs,
    health,
    metrics,
)


def create_app(settings: Settings, assistant: Assistant | None = None) -> FastAPI:
    """The application. It opens the assistant in the background, so that it lives (and says that it is
    not ready) while models load; it closes the assistant at its end.

    ``app.state.readiness`` tells how that goes. Raises SettingsError when the settings would open it to
    other machines.
    """
    require_loopback(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state: Readiness = app.state.readiness
        opening = asyncio.create_task(state.open())
        try:
            yield
        finally:
            opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await opening
            await app.state.conversing.close()
            await state.close()
            await in_thread(app.state.pages.close)
            await in_thread(app.state.ingestion.close)

    app = FastAPI(
        title="Citewell",
        summary="Answers from your own documents, every sentence checked and cited.",
        version="1",
        lifespan=lifespan,
        # the pages that FastAPI offers load their scripts from elsewhere; /openapi.json is there for any
        # viewer
        docs_url=None,
        redoc_url=None,
    )
    app.state.readiness = Readiness(settings, assistant)
    app.state.ingestion = Ingestion(settings)
    app.state.pages = Pages(settings)
    app.state.conversing = Conversing(app.state.ingestion, settings)
    for part in PARTS:
        app.include_router(part.router)
    serve_page(app)
    add_problem_handlers(app)
    app.add_middleware(AnswersFirst, home=settings.home)
    app.add_middleware(LoopbackOnly)
    app.add_middleware(RequestLog)  # added last: the outermost
    return app
