"""The bot: what it is made of, what it listens to, and its two ways in (Events API over HTTP, Socket Mode).

An event is acknowledged when it is kept, and worked on afterwards; see inbox.py and work.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.adapter.starlette.async_handler import to_async_bolt_request, to_starlette_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient
from starlette.requests import Request
from starlette.responses import Response

from rag.errors import CitewellError, NotFoundError, SignInError
from rag.settings import Settings
from server.audit import Audit
from server.auth.limits import Limits
from server.auth.people import People
from server.background import in_thread
from server.changes import Changes
from server.ingestion import Ingestion
from server.readiness import Readiness
from server.slack.answering import Answering
from server.slack.asking import Asking, Tools
from server.slack.channels import Channels
from server.slack.client import FAILURES, SlackClient, error_of
from server.slack.command import Commands
from server.slack.digest import Digest
from server.slack.feedback import Opinions
from server.slack.handover import Handover
from server.slack.inbox import Inbox
from server.slack.listening import Listening
from server.slack.people import Directory
from server.slack.reactions import Reactions
from server.slack.sending import Writer
from server.slack.signature import Signatures
from server.slack.threads import Threads
from server.slack.work import Worker

__all__ = ["SlackBot"]

logger = logging.getLogger(__name__)


class SlackBot:
    """One server's part of the bot. ``start`` it on the event loop that serves; ``close`` it there."""

    def __init__(
        self,
        settings: Settings,
        ingestion: Ingestion,
        readiness: Readiness,
        changes: Changes,
        audit: Audit,
        limits: Limits,
    ) -> None:
        self._settings = settings
        self._ingestion = ingestion
        self._readiness = readiness
        self._parts = (changes, audit, limits)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._socket: AsyncSocketModeHandler | None = None
        # keeping an event must not wait for the threads that answer
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="slack-inbox")
        self._signatures = Signatures(settings.slack.signing_secret)
        self._app: AsyncApp | None = None

    async def start(self) -> None:
        """Listen from now on, and go on with what was left undone."""
        slack = self._settings.slack
        try:
            tools = await in_thread(self._tools)
        except CitewellError as error:
            logger.error("Slack is not answered: %s", error.message)
            return
        tools.client.open()
        self._client = tools.client
        asking = Asking(tools)
        digest = Digest(tools)
        reactions = Reactions(tools, Opinions(tools.answering.store))
        self._worker = Worker(
            tools.inbox,
            {
                "question": asking.answer,
                "command": Commands(tools, asking).answer,
                "reaction": reactions.see_to,
                "person": Handover(tools).see_to,
                "digest": digest.send,
            },
            asking.give_up,
            at_once=slack.answers_at_once,
            attempts=slack.attempts,
            lease_s=slack.lease_s,
        )
        self._app = self._listen(tools)
        self.background(self._work())
        self.background(digest.schedule(self._worker.wake))
        if slack.app_token:
            self._socket = AsyncSocketModeHandler(self._app, slack.app_token, web_client=self._client)
            self.background(self._socket.connect_async())

    def _tools(self) -> Tools:
        settings, slack, store = self._settings, self._settings.slack, self._ingestion.open().store
        client = SlackClient(slack)
        holder = f"{socket.gethostname()[:24]}/{os.getpid()}/{secrets.token_hex(4)}"
        people = People(store)
        changes, audit, limits = self._parts
        return Tools(
            settings,
            client,
            Directory(client, people, slack),
            Inbox(store, holder, slack.lease_s, slack.event_days),
            Threads(store),
            Channels(store),
            Answering(settings, store, self._readiness, changes, audit, limits),
            Writer(client, streams=slack.streaming),
        )

    def _listen(self, tools: Tools) -> AsyncApp:
        async def authorize(**_: Any) -> AuthorizeResult:  # noqa: ANN401 - what bolt tells
            own = await tools.directory.workspace()
            return AuthorizeResult(
                enterprise_id=own.enterprise or None,
                team_id=own.team,
                bot_user_id=own.bot_user,
                bot_id=own.bot,
                bot_token=self._settings.slack.bot_token,
            )

        async def reachable(next: Callable[[], Awaitable[None]]) -> BoltResponse | None:
            # without Slack's word on who the bot is nothing can be kept: Slack sends it again
            try:
                await tools.directory.workspace()
            except FAILURES as failure:
                logger.warning("Slack cannot be asked: %s", error_of(failure) or type(failure).__name__)
                return BoltResponse(status=503)
            await next()
            return None

        app = AsyncApp(
            name="citewell",
            client=AsyncWebClient(base_url=self._settings.slack.api_url),  # its token comes from authorize
            signing_secret=self._settings.slack.signing_secret or secrets.token_hex(16),
            authorize=authorize,
            before_authorize=reachable,
            # what is acknowledged has been kept
            process_before_response=True,
        )
        Listening(tools, self._kept, self.background).add_to(app)
        return app

    async def received(self, request: Request) -> Response:
        """What Slack sends over HTTP. Raises NotFoundError where there is no such way in, and SignInError for
        what Slack has not signed within the last five minutes, or what was here before.
        """
        if self._app is None or not self._settings.slack.signing_secret:
            raise NotFoundError("Slack is not connected over HTTP.", "Set slack.signing_secret.")
        body = await request.body()
        if not self._signatures.accepts(request.headers, body, time.time()):
            raise SignInError("The request is not signed by Slack.", "Compare slack.signing_secret.")
        return to_starlette_response(await self._app.async_dispatch(to_async_bolt_request(request, body)))

    async def _kept(self, work: Callable[[], bool]) -> bool:
        """Put something into the inbox, and wake the worker when it is new. Raises StoreError."""
        new = await asyncio.get_running_loop().run_in_executor(self._keeper, work)
        if new:
            self._worker.wake()
        return new

    def background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something beside; what goes wrong is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, (CitewellError, *FAILURES)):
            logger.warning("Not done in Slack: %s", error_of(error) or type(error).__name__)
        else:
            logger.error("Not done in Slack", exc_info=error)

    async def _work(self) -> None:
        await self._readiness.wait()
        await self._worker.run()

    async def close(self) -> None:
        """Stop; what is not done is done by the next server."""
        if self._socket is not None:
            with contextlib.suppress(Exception):  # the connection may be broken already
                await self._socket.close_async()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._app is not None:
            await self._client.close()
        self._keeper.shutdown(wait=True)
