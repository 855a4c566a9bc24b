"""Serving the HTTP API inside this process: the port, the server, and the signals that end it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Coroutine, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI

from rag.errors import CitewellError, MachineError
from rag.settings import Settings

__all__ = ["HttpServer", "bind", "bind_generator", "run_until_signal", "url_of"]

GRACE_S = 5  # open answers may take so long to finish at the end
BACKLOG = 2048
TICK_S = 0.02
# An idle connection must not be closed under a proxy that is about to use it; proxies close theirs after 60 s
KEEP_ALIVE_S = 75


def url_of(settings: Settings) -> str:
    """Where the HTTP API is, as this machine reaches it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.server.host, settings.server.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.server.port}"


def _taken(host: str, port: int, section: str, error: OSError) -> CitewellError:
    who = {"server": "The server", "generator": "vLLM"}[section]
    return MachineError(
        f"{who} cannot listen on {host}:{port}: {error.strerror or error}.",
        f"Stop what uses it (perhaps another Citewell), or set {section}.port to a free port.",
    )


def _bind(host: str, port: int, section: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _taken(host, port, section, error) from error
    try:
        # as servers do: connections of a former process that are still closing do not count
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _taken(host, port, section, error) from error
    return listener


def bind(settings: Settings) -> socket.socket:
    """Reserve the server's address without answering yet. Raises MachineError when it is taken."""
    return _bind(settings.server.host, settings.server.port, "server")


def bind_generator(settings: Settings) -> socket.socket:
    """The same for the address of Citewell's own vLLM, to learn early that it is taken."""
    return _bind(settings.generator.host, settings.generator.port, "generator")


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are run_until_signal's: other things must end too, in their order."""
        yield


class HttpServer:
    """uvicorn as a task of this event loop: ``start``, ``wait``, ``stop``."""

    def __init__(self, app: FastAPI, listener: socket.socket, settings: Settings) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,  # server/logs.py configures logging
            access_log=False,  # it would log query strings, which are questions
            server_header=False,
            proxy_headers=False,  # server/auth/identity.py believes the proxies that the settings name
            ws="none",
            lifespan="on",
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._server = _Server(config)
        self._listener = listener
        self._settings = settings
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once requests are answered. Raises MachineError when somebody else began to listen
        meanwhile.
        """
        try:
            self._listener.listen(BACKLOG)
        except OSError as error:
            server = self._settings.server
            raise _taken(server.host, server.port, "server", error) from error
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while not self._server.started and not self._task.done():
            await asyncio.sleep(TICK_S)  # uvicorn has nothing to wait for

    async def wait(self) -> None:
        """Return when the server has ended by itself; raises what ended it."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Let open answers finish for a few seconds, then end; the application closes what it opened."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._listener.close()


async def run_until_signal(work: Coroutine[Any, Any, None]) -> signal.Signals | None:
    """Run ``work`` to its end, or until SIGINT or SIGTERM: it is then cancelled and may clean up.

    Returns the signal that ended it. A second one ends the program at once.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    got: list[signal.Signals] = []
    caught = (signal.SIGINT, signal.SIGTERM)

    def release() -> None:
        for number in caught:
            loop.remove_signal_handler(number)

    def stop(number: signal.Signals) -> None:
        got.append(number)
        release()
        task.cancel()

    for number in caught:
        loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not got:
            raise
    finally:
        release()
    return got[0] if got else None
