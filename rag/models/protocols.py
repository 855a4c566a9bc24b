"""What the steps ask of a model, without the libraries behind it. Tests implement the same."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from rag.types import ModelInfo, Span

__all__ = [
    "ChatProtocol",
    "EmbedderProtocol",
    "Floats",
    "HiddenStatesProtocol",
    "Ids",
    "Message",
    "Progress",
    "TextKind",
    "TokenChunk",
    "TokenVectors",
    "Usage",
]

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]
TextKind = Literal["query", "passage"]
Message = Mapping[str, str]


class Progress(Protocol):
    """Called while something long runs: ``done`` of ``total`` units (bytes, where not said otherwise) of a
    stage.

    ``total`` is 0 while it is not known.
    """

    def __call__(self, stage: str, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """One row for each token of a text, without prompt and special tokens.

    ``vectors`` is float32 [t, d] with rows of unit length; ``spans`` are the t tokens' characters in the
    text; ``whole`` is the text's own unit vector [d], as the embedder's other methods give it.
    """

    vectors: Floats
    spans: tuple[Span, ...]
    whole: Floats


class EmbedderProtocol(Protocol):
    """Text -> vectors. Safe to call from several threads."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """Tokens that one forward pass takes, prompt and special tokens included; longer texts are cut."""

    @property
    def fingerprint(self) -> str:
        """Names the vector space: vectors of different fingerprints must never be compared."""

    def embed_queries(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of questions, float32 [n, d]."""

    def embed_passages(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of passages, float32 [n, d]."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without prompt and special tokens, uncut."""

    def token_spans(self, text: str) -> list[Span]:
        """Characters of each token of ``text``, in order, uncut."""

    def token_vectors(self, texts: Sequence[str], kind: TextKind) -> list[TokenVectors]:
        """The tokens' last hidden states at unit length, for token-level comparison."""


class HiddenStatesProtocol(Protocol):
    """(evidence, sentence) pairs -> what a generator makes of them inside. Safe to call from several
    threads.
    """

    @property
    def model(self) -> str:
        """Name of the generator."""

    @property
    def model_sha256(self) -> str:
        """Hash of its weights, as its folder's record has it."""

    @property
    def template_sha256(self) -> str:
        """Hash of the template that the pairs are put into."""

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that are read, rising; 1 is the first."""

    def states(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """float32 [n, layers, 2, d]: at the sentence's last token, and the mean over its tokens."""


@dataclass(frozen=True, slots=True)
class TokenChunk:
    """What a stream brings: text and the natural-log probability of the ``tokens`` tokens that it stands for
    (their sum), None when the server tells none. Text may be empty while a character is still incomplete.
    """

    text: str
    logprob: float | None
    tokens: int = 1


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """Natural-log probability of a token that was given, and of the likeliest token in its place."""

    logprob: float
    best: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Last item of a stream. ``finish`` is the server's reason: "stop", "length", ..."""

    prompt_tokens: int
    completion_tokens: int
    finish: str = ""


class ChatProtocol(Protocol):
    """A served language model. Every failure is a GeneratorUnavailableError."""

    def within(self, scope: str) -> ChatProtocol:
        """The same for askers of one access scope, whose prompts share no cache with others'."""

    async def ready(self) -> bool:
        """Whether a generator answers now. Never raises."""

    async def model_info(self) -> ModelInfo:
        """Which model is served."""

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        temperature: float = 0.0,
    ) -> AsyncGenerator[TokenChunk | Usage, None]:
        """Token chunks, then exactly one Usage. Closing the iterator (``aclose``) stops the generation."""

    async def label_probabilities(
        self, messages: Sequence[Message], labels: Sequence[str]
    ) -> dict[str, float]:
        """How the next token's probability is shared between the labels; 0 for labels not seen."""

    async def token_logprobs(self, messages: Sequence[Message], answer: str) -> list[ScoredToken]:
        """Each token of ``answer``, as the reply to ``messages``."""
