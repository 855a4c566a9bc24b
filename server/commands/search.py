"""`citewell search`: the passages themselves."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from rag.settings import Settings, load_settings
from rag.text.language import language
from rag.types import User
from server.background import in_thread
from server.commands.ask import opened
from server.logs import configure_logging
from server.schema import SearchOut, search_out
from server.show import console, show_hits

__all__ = ["search"]


async def _search(settings: Settings, query: str, k: int) -> SearchOut:
    generator = settings.generator.model_copy(update={"enabled": False})
    spoken = asyncio.create_task(in_thread(lambda: language(query)))  # it is told while the models load
    async with opened(settings.model_copy(update={"generator": generator})) as assistant:
        return search_out(query, await spoken, await assistant.search(query, k=k, user=User()))


def search(
    query: Annotated[str, typer.Argument(help="What to look for, in any language.")],
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="Passages at most.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print the passages as JSON.")] = False,
) -> None:
    """Find passages, best first, with the score of each search."""
    settings = load_settings()
    configure_logging(settings.log, quiet=True)
    found = asyncio.run(_search(settings, query, k))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        show_hits(console(), found.hits)
