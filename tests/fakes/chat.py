"""A generator that says what it is told to, in the chunks that it is told to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

from rag.errors import GeneratorUnavailableError
from rag.models.protocols import Message, ScoredToken, TokenChunk, Usage
from rag.types import ModelInfo

__all__ = ["MODEL", "FakeChat"]

MODEL = ModelInfo("tiny", "r1", "Apache-2.0")


class FakeChat:
    """Each stream plays ``chunks`` and ends with ``finish``; it fails after ``breaks_after`` chunks.

    ``scored`` tells the log-probabilities of an answer's tokens, ``shares`` those of labels.
    ``meanwhile`` is what happens in the world before the chunk of that position comes. ``given`` counts
    the chunks that were taken, ``closed`` the streams that ended, however they did.
    """

    def __init__(
        self,
        *chunks: str,
        finish: str = "stop",
        breaks_after: int | None = None,
        ready: bool = True,
        meanwhile: Mapping[int, Callable[[], object]] | None = None,
        scored: Callable[[Sequence[Message], str], list[ScoredToken]] | None = None,
        shares: Mapping[str, float] | None = None,
        model: ModelInfo = MODEL,
    ) -> None:
        self.chunks = chunks
        self.model = model
        self.meanwhile = meanwhile or {}
        self.scored = scored
        self.shares = shares
        self.finish = finish
        self.breaks_after = breaks_after
        self.is_ready = ready
        self.asked: list[list[Message]] = []
        self.scopes: list[str] = []
        self.max_tokens: list[int] = []
        self.given = 0
        self.closed = 0

    def within(self, scope: str) -> FakeChat:
        self.scopes.append(scope)
        return self

    async def ready(self) -> bool:
        return self.is_ready

    async def model_info(self) -> ModelInfo:
        return self.model

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        temperature: float = 0.0,
    ) -> AsyncGenerator[TokenChunk | Usage, None]:
        self.asked.append(list(messages))
        self.max_tokens.append(max_tokens)
        try:
            for position, chunk in enumerate(self.chunks):
                if position == self.breaks_after:
                    raise GeneratorUnavailableError("the connection broke")
                self.meanwhile.get(position, lambda: None)()
                self.given += 1
                yield TokenChunk(chunk, -0.1)
            yield Usage(11, len(self.chunks), self.finish)
        finally:
            self.closed += 1

    async def label_probabilities(
        self, messages: Sequence[Message], labels: Sequence[str]
    ) -> dict[str, float]:
        self.asked.append(list(messages))
        return {label: (self.shares or {}).get(label, 0.0) for label in labels}

    async def token_logprobs(self, messages: Sequence[Message], answer: str) -> list[ScoredToken]:
        self.asked.append(list(messages))
        if self.scored is None:
            raise GeneratorUnavailableError("tells no log-probabilities")
        return self.scored(messages, answer)
