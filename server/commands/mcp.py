"""`citewell mcp`: the tools for a program that starts this command and speaks with it over its pipes."""

from __future__ import annotations

import asyncio
import functools

from rag.settings import Settings, load_settings
from rag.types import User
from server.commands.ask import opened
from server.logs import configure_logging
from server.mcp import Caller, tools_of

__all__ = ["mcp"]


async def _serve(settings: Settings) -> None:
    async with opened(settings) as assistant:
        operator = User()
        caller = Caller(assistant, operator, settings, functools.partial(assistant.ask, user=operator))
        await tools_of(lambda _: caller).run_stdio_async()


def mcp() -> None:
    """Serve search, ask, check and read_document over stdio (Model Context Protocol), as the operator.

    For programs on this machine that start it, such as desktop assistants and editors. Over the network:
    the server's address /mcp, with an API key.
    """
    settings = load_settings()
    configure_logging(settings.log, quiet=True)
    asyncio.run(_serve(settings))
