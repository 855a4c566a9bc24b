"""The HTTP API: ``create_app(settings)``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI

from rag.assistant import Assistant
from rag.settings import Settings
from server.answering import AnswersFirst
from server.audit import Audit
from server.auth.door import require_sign_in
from server.auth.limits import Limits
from server.auth.oidc import Provider
from server.background import in_thread
from server.changes import Changes
from server.conversing import Conversing
from server.evaluations import Evaluations
from server.ingestion import Ingestion
from server.mcp import Bridge
from server.metrics import figures
from server.metrics_answers import AnswerFigures
from server.metrics_state import GeneratorFigures, ServerFigures
from server.middleware import BodyLimit, KnownHosts, RequestLog
from server.pages import Pages
from server.problems import add_problem_handlers, problem_responses
from server.readiness import Readiness
from server.routes import (
    ask,
    audit,
    check,
    conversations,
    documents,
    evaluations,
    feedback,
    health,
    jobs,
    keys,
    library,
    mcp,
    messages,
    metrics,
    oidc,
    openai,
    search,
    session,
    slack,
    sources,
    usage,
    users,
    viewer,
)
from server.routes import settings as settings_routes
from server.slack.bot import SlackBot
from server.traces import CallersTrace, open_traces
from server.web import serve_page

__all__ = ["create_app"]

THREADS = 24  # for what waits beside answers: writes to the database, files
GUARDED = (
    mcp,
    openai,
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
    metrics,
    users,
    keys,
    audit,
    evaluations,
    settings_routes,
    usage,
)


def create_app(settings: Settings, assistant: Assistant | None = None) -> FastAPI:
    """The application. It opens the assistant in the background, so that it lives (and says that it is
    not ready) while models load; it closes the assistant at its end.

    ``app.state.readiness`` tells how that goes. Raises SettingsError when the settings would open it to
    other machines without a sign-in.
    """
    require_sign_in(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "citewell"))
        state: Readiness = app.state.readiness
        opening = asyncio.create_task(state.open())
        try:
            if app.state.slack is not None:
                await app.state.slack.start()
            async with app.state.mcp.running():
                yield
        finally:
            if app.state.slack is not None:
                await app.state.slack.close()
            opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await opening
            await app.state.evaluations.close()
            await app.state.conversing.close()
            await state.close()
            await in_thread(app.state.pages.close)
            await in_thread(app.state.ingestion.close)
            if app.state.traces is not None:
                await in_thread(app.state.traces.close)

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
    _furnish(app, settings, assistant)
    for part in (health, session, oidc, slack):
        app.include_router(part.router)
    refusals = problem_responses(401, 403, 413, 429)
    for guarded in GUARDED:
        app.include_router(guarded.router, responses=refusals)
    serve_page(app)
    add_problem_handlers(app)
    if app.state.traces is not None:
        app.add_middleware(CallersTrace)
    app.add_middleware(AnswersFirst, home=settings.home)
    app.add_middleware(BodyLimit, most=int(settings.limits.request_mb * 1e6))
    app.add_middleware(KnownHosts, server=settings.server)
    app.add_middleware(RequestLog)  # added last: the outermost
    return app


def _furnish(app: FastAPI, settings: Settings, assistant: Assistant | None) -> None:
    """Put into ``app.state`` what routes and middleware share."""
    app.state.readiness = Readiness(settings, assistant)
    app.state.traces = traces = open_traces(settings)
    app.state.ingestion = ingestion = Ingestion(settings)
    app.state.mcp = Bridge()
    app.state.limits = Limits(settings.limits)
    app.state.provider = Provider(settings.auth.oidc)
    app.state.audit = Audit(settings, lambda: ingestion.open().store)
    app.state.changes = Changes(settings, ingestion, app.state.limits, app.state.audit)
    answers = AnswerFigures()
    app.state.readiness.watches = [answers, *([traces] if traces else [])]
    app.state.figures = figures(
        ingestion,
        answers,
        ServerFigures(app.state.readiness, app.state.limits),
        GeneratorFigures(settings),
    )
    app.state.evaluations = Evaluations(settings)
    parts = (ingestion, app.state.readiness, app.state.changes, app.state.audit, app.state.limits)
    app.state.slack = SlackBot(settings, *parts) if settings.slack.enabled else None
    app.state.pages = Pages(settings)
    app.state.conversing = Conversing(ingestion, settings, app.state.audit, app.state.limits)
