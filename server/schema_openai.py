"""What OpenAI's clients send and expect, as far as Citewell can stand in for a model.

Written after the published API reference (https://platform.openai.com/docs/api-reference). Sampling
parameters are taken and not used: an answer is what the documents say, not a draw.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from server.schema import AnswerOut, SentenceOut

__all__ = [
    "ChatCompletionIn",
    "ChatCompletionOut",
    "ChatMessageIn",
    "ChunkOut",
    "EmbeddingsIn",
    "EmbeddingsOut",
    "ModelCardOut",
    "ModelsOut",
]

_ASKED: dict[str, Any] = {
    "model": "citewell",
    "messages": [{"role": "user", "content": "How long is the warranty of the HS-410?"}],
    "stream": False,
}


class TextPartIn(BaseModel):
    """A part of a message; only text can be read."""

    type: Literal["text"]
    text: str


class ChatMessageIn(BaseModel):
    """One message. The last one of the user is the question; system messages do not change how Citewell
    answers.
    """

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPartIn] | None = None

    @property
    def text(self) -> str:
        """The content as one string."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptionsIn(BaseModel):
    """What a stream carries besides."""

    include_usage: bool = False


class ChatCompletionIn(BaseModel):
    """A conversation to go on. What Citewell has no use for is ignored, as OpenAI-compatible servers do."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [_ASKED]})

    model: str = Field(description="citewell, or citewell-sources to have the sources in the text.")
    messages: Annotated[list[ChatMessageIn], Field(min_length=1, max_length=400)]
    stream: bool = False
    stream_options: StreamOptionsIn | None = None
    n: Literal[1] | None = None


class UsageOut(BaseModel):
    """Tokens of the served model; 0 where an answer is made of quotes alone."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ReplyOut(BaseModel):
    """The answer as a message."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: str | None = None


class ChoiceOut(BaseModel):
    """The one choice."""

    index: Literal[0] = 0
    message: ReplyOut
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None


class ChatCompletionOut(BaseModel):
    """A checked answer. ``citewell`` is the same answer as ``POST /v1/ask`` gives it: verdicts, citations."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChoiceOut]
    usage: UsageOut
    citewell: AnswerOut


class DeltaOut(BaseModel):
    """What is added to the message: one checked sentence at a time."""

    role: Literal["assistant"] | None = None
    content: str | None = None

    @model_serializer(mode="wrap")
    def _without_nulls(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # clients append what is there, some of them null as well
        return {name: value for name, value in handler(self).items() if value is not None}


class ChunkChoiceOut(BaseModel):
    """The one choice of a chunk."""

    index: Literal[0] = 0
    delta: DeltaOut
    finish_reason: Literal["stop"] | None = None
    logprobs: None = None


class ChunkOut(BaseModel):
    """One event of a stream. ``citewell``: the sentence with verdict and citations, in the last chunk the
    whole answer.
    """

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoiceOut]
    usage: UsageOut | None = None
    citewell: SentenceOut | AnswerOut | None = None


class ModelCardOut(BaseModel):
    """A model that can be named."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "citewell"


class ModelsOut(BaseModel):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[ModelCardOut]


class EmbeddingsIn(BaseModel):
    """Texts to turn into vectors. ``input_type`` is an extension: the embedder knows questions from
    passages.
    """

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"examples": [{"model": "multilingual-e5-small", "input": ["Hello"]}]},
    )

    model: str
    input: (
        Annotated[str, Field(min_length=1)]
        | Annotated[
            list[Annotated[str, Field(min_length=1, max_length=100_000)]], Field(min_length=1, max_length=256)
        ]
    )
    encoding_format: Literal["float", "base64"] = "float"
    input_type: Literal["query", "passage"] = "passage"

    @property
    def texts(self) -> list[str]:
        """The input as a list."""
        return [self.input] if isinstance(self.input, str) else self.input


class EmbeddingOut(BaseModel):
    """A unit vector: numbers, or little-endian float32 in base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsageOut(BaseModel):
    """Tokens that were embedded."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsOut(BaseModel):
    """The vectors in the order of the texts."""

    object: Literal["list"] = "list"
    data: list[EmbeddingOut]
    model: str
    usage: EmbeddingUsageOut
