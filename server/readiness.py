"""The assistant of a running server: opened once, in the background, and handed to the routes that need
it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request

from rag.assistant import Assistant
from rag.errors import CitewellError, MachineError
from rag.settings import Settings
from rag.timer import Step, Watch
from rag.types import Answer
from server.background import in_thread
from server.changes import Changes, changes_of

__all__ = ["Readiness", "open_assistant", "readiness"]

logger = logging.getLogger(__name__)


def _opened(settings: Settings) -> Assistant:
    """Ready for many askers: the embedder has loaded all that it needs, so that no first one waits for it."""
    assistant = Assistant.open(settings)
    assistant.models[0].embed_passages(["a first pass", "of two texts"])
    return assistant


class Readiness:
    """Holds the assistant once it is open, or the error that kept it from opening."""

    def __init__(self, settings: Settings, assistant: Assistant | None = None) -> None:
        self.settings = settings
        self.assistant = assistant
        self.error: CitewellError | None = None
        self.watches: Sequence[Watch] = ()
        self._opened = asyncio.Event()

    async def open(self) -> None:
        """Open the assistant unless one was given. An error is kept, not raised: see ``wait``."""
        if self.assistant is None:
            try:
                self.assistant = await in_thread(lambda: _opened(self.settings))
            except CitewellError as error:
                self.error = error
                logger.error("The assistant cannot be opened: %s", error.message)
            except Exception as error:
                self.error = MachineError(
                    f"The assistant cannot be opened: {type(error).__name__}: {error}.",
                    "`citewell doctor` looks for the cause.",
                )
                logger.exception("The assistant cannot be opened")
        if self.assistant is not None:
            self.assistant.watch = self._watch
        self._opened.set()

    def _watch(self, answer: Answer, steps: Sequence[Step]) -> None:
        """Tell those who watch. What goes wrong with them is not the reader's trouble."""
        for watch in self.watches:
            try:
                watch(answer, steps)
            except Exception:
                logger.exception("An answer was given that could not be told of")

    async def wait(self) -> Assistant:
        """The open assistant. Raises the error that kept it from opening."""
        await self._opened.wait()
        return self.require()

    def require(self) -> Assistant:
        """The open assistant. Raises MachineError while it is still being opened."""
        if self.error is not None:
            raise self.error
        if self.assistant is None:
            raise MachineError("The assistant is still being opened.", "Ask again in a few seconds.")
        return self.assistant

    async def close(self) -> None:
        """Close the assistant, if it was opened."""
        assistant, self.assistant = self.assistant, None
        if assistant is not None:
            await assistant.close()


def readiness(request: Request) -> Readiness:
    """Dependency: the state of this server."""
    state = request.app.state.readiness
    assert isinstance(state, Readiness)
    return state


def open_assistant(
    state: Annotated[Readiness, Depends(readiness)], changes: Annotated[Changes, Depends(changes_of)]
) -> Assistant:
    """Dependency: the assistant with the settings of now, or the problem that there is none."""
    assistant = state.require()
    changes.apply(assistant)
    return assistant
