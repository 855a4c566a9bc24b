"""`citewell mcp`: the tools for a program that starts this command and speaks with it over its pipes."""

from __future__ import annotations

import asyncio

from rag.settings import Settings, load_settings
from rag.types import User
from server.commands.ask import opened
from server.logs import configure_logging
from server.mcp import tools_of

__all__ = ["mcp"]


async def _serve(settings: Settings) -> None:
    async with opened(settings) as assistant:
        await tools_of(lambda _: (assistant, User())).run_stdio_async()


def mcp() -> None:
    """Serve search, ask and read_document over stdio (Model Context Protocol), with the operator's rights.

    For programs on this machine that start it, such as desktop assistants and editors. Over the network:
    the server's address /mcp, with an API key.
    """
    settings = load_settings()
    configure_logging(settings.log, quiet=True)
    asyncio.run(_serve(settings))
