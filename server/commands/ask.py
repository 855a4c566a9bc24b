"""`citewell ask`: one question, answered in the terminal."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

import typer

from rag.assistant import Assistant
from rag.settings import Settings, load_settings
from rag.types import Event, Finished, SentenceChecked, User
from server.background import in_thread
from server.logs import configure_logging
from server.schema import answer_out, sentence_out
from server.show import console, show_answer, show_claim, show_rest

__all__ = ["ask", "opened"]


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Assistant]:
    """The assistant of these settings, with a sign of life while its models load. Where nobody else writes
    the index, commands do, so that the next one opens it at once.
    """
    with console(stderr=True).status("Opening the documents") as status:
        assistant = await in_thread(lambda: Assistant.open(settings))
        await in_thread(
            lambda: assistant.settle(
                lambda done, total: status.update(f"Writing the index: {done:,} of {total:,} passages")
            )
        )
    try:
        yield assistant
    finally:
        await assistant.close()


async def _print(events: AsyncIterator[Event], verbose: bool) -> None:
    out = console()
    waiting = console(stderr=True).status("Looking for the answer")
    waiting.start()
    try:
        async for event in events:
            if isinstance(event, SentenceChecked):
                waiting.stop()
                show_claim(out, sentence_out(event).claim)
            elif isinstance(event, Finished):
                waiting.stop()
                out.print()
                show_rest(out, answer_out(event.answer), verbose=verbose)
    finally:
        waiting.stop()


async def _ask(settings: Settings, question: str, as_json: bool, stream: bool, verbose: bool) -> None:
    async with opened(settings) as assistant:
        if stream and not as_json:
            await _print(assistant.stream(question, user=User()), verbose)
            return
        answer = answer_out(await assistant.ask(question, user=User()))
    if as_json:
        typer.echo(answer.model_dump_json(indent=2))
    else:
        show_answer(console(), answer, verbose=verbose)


def ask(
    question: Annotated[str, typer.Argument(help="The question, in any language.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    stream: Annotated[bool, typer.Option(help="Print each sentence as soon as it is checked.")] = True,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also print times and tokens.")] = False,
) -> None:
    """Answer a question from the documents. Every sentence is checked against its source before it is
    shown.
    """
    settings = load_settings()
    configure_logging(settings.log, quiet=True)
    asyncio.run(_ask(settings, question, as_json, stream, verbose))
