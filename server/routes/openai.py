"""POST /v1/chat/completions, GET /v1/models, POST /v1/embeddings: a model for OpenAI's clients."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.sse import ServerSentEvent
from starlette.responses import Response

from rag.assistant import Assistant
from rag.errors import NotFoundError, QuestionError
from rag.models.protocols import EmbedderProtocol
from rag.text import language
from rag.types import Answer, Event, EvidenceFound, SentenceChecked, Turn
from server.audit import Audit, auditing
from server.auth import Principal, reader
from server.giving import CLIENT_CLOSED_REQUEST, answering, unless_closed
from server.in_text import SentenceText, sources_text
from server.problems import problem_responses
from server.readiness import open_assistant
from server.schema import AnswerOut, SentenceOut, answer_out, sentence_out
from server.schema_openai import (
    ChatCompletionIn,
    ChatCompletionOut,
    ChatMessageIn,
    ChoiceOut,
    ChunkChoiceOut,
    ChunkOut,
    DeltaOut,
    EmbeddingOut,
    EmbeddingsIn,
    EmbeddingsOut,
    EmbeddingUsageOut,
    ModelCardOut,
    ModelsOut,
    ReplyOut,
    UsageOut,
)
from server.sse import EventStream, problem_of_failure

__all__ = ["MODELS", "router"]

router = APIRouter(prefix="/v1", tags=["openai"])

CHANNEL = "openai"
PLAIN, WITH_SOURCES = MODELS = ("citewell", "citewell-sources")
_STREAM = {
    "description": "The checked answer. With `stream`, Server-Sent Events: a chunk for each checked "
    "sentence, then one with the whole answer in `citewell`, then `[DONE]`.",
    "content": {
        "text/event-stream": {"schema": {"type": "string"}, "example": "data: {...}\n\ndata: [DONE]\n\n"}
    },
}


def _checked_name(name: str) -> str:
    if name not in MODELS:
        raise NotFoundError(
            f"There is no model {name!r} here.", f"Ask for {' or '.join(MODELS)}; the documents are the same."
        )
    return name


def _question(messages: Sequence[ChatMessageIn]) -> tuple[str, list[Turn]]:
    """The last message of the user, and what was said before it."""
    last = max((i for i, one in enumerate(messages) if one.role == "user"), default=None)
    if last is None or not messages[last].text.strip():
        raise QuestionError("No message of the user asks anything.", "Send a message with role user.")
    turns = [
        Turn("user" if one.role == "user" else "assistant", one.text)
        for one in messages[:last]
        if one.role in ("user", "assistant") and one.text
    ]
    return messages[last].text, turns


def _usage(answer: Answer) -> UsageOut:
    asked, written = (answer.usage.get(f"{kind}_tokens", 0) for kind in ("prompt", "completion"))
    return UsageOut(prompt_tokens=asked, completion_tokens=written, total_tokens=asked + written)


def _text(answer: Answer, out: AnswerOut, model: str) -> str:
    told = SentenceText()
    said = "".join(told.piece(claim, answer.language) for claim in answer.claims) or answer.answer
    return said + (sources_text(out) if model == WITH_SOURCES else "")


class _Stream:
    """An answer's events as the chunks of one completion."""

    def __init__(self, asked: ChatCompletionIn, question: str) -> None:
        self._asked = asked
        self._language = language(question)
        self._id, self._created = f"chatcmpl-{uuid.uuid4().hex}", int(time.time())
        self._told, self._said = SentenceText(), ""

    async def events(self, source: AsyncGenerator[Event, None]) -> AsyncGenerator[ServerSentEvent, None]:
        """Ends with [DONE], or with an error in the form that OpenAI's clients raise."""
        try:
            async with aclosing(source):
                async for event in source:
                    for chunk in self._chunks(event):
                        yield ServerSentEvent(raw_data=chunk.model_dump_json())
        except Exception as error:
            problem = problem_of_failure(error).model_dump()
            failed = {
                "error": {"message": problem["detail"], "type": problem["type"], "code": problem["status"]}
            }
            yield ServerSentEvent(raw_data=json.dumps(failed, ensure_ascii=False))
            return
        yield ServerSentEvent(raw_data="[DONE]")

    def _chunks(self, event: Event) -> Iterator[ChunkOut]:
        if isinstance(event, EvidenceFound):
            yield self._chunk(DeltaOut(role="assistant", content=""))
        elif isinstance(event, SentenceChecked):
            piece = self._told.piece(event.claim, self._language)
            self._said += piece
            yield self._chunk(DeltaOut(content=piece), extra=sentence_out(event))
        else:
            yield from self._last(event.answer)

    def _last(self, answer: Answer) -> Iterator[ChunkOut]:
        out = answer_out(answer)
        whole = _text(answer, out, self._asked.model)
        # what was taken back meanwhile cannot be unsaid here; the extension tells what stands
        if rest := whole.removeprefix(self._said) if whole.startswith(self._said) else "":
            yield self._chunk(DeltaOut(content=rest))
        yield self._chunk(DeltaOut(), finish="stop", extra=out)
        if self._asked.stream_options and self._asked.stream_options.include_usage:
            yield self._chunk(None, usage=_usage(answer))

    def _chunk(
        self,
        delta: DeltaOut | None,
        finish: Literal["stop"] | None = None,
        extra: SentenceOut | AnswerOut | None = None,
        usage: UsageOut | None = None,
    ) -> ChunkOut:
        choices = [] if delta is None else [ChunkChoiceOut(delta=delta, finish_reason=finish)]
        return ChunkOut(
            id=self._id,
            created=self._created,
            model=self._asked.model,
            choices=choices,
            usage=usage,
            citewell=extra,
        )


@router.post(
    "/chat/completions",
    response_model=ChatCompletionOut,
    dependencies=[Depends(answering)],
    responses={200: _STREAM, **problem_responses(404, 421, 422, 500, 503)},
    summary="Answer as an OpenAI-compatible model",
)
async def chat_completions(
    asked: ChatCompletionIn,
    request: Request,
    assistant: Annotated[Assistant, Depends(open_assistant)],
    principal: Annotated[Principal, Depends(reader)],
    record: Annotated[Audit, Depends(auditing)],
) -> ChatCompletionOut | Response:
    """Takes the last message of the user as the question and what was said before as its history.

    Citations and verdicts are in the extension field `citewell`; the model `citewell-sources` writes them
    into the text, too. Sampling parameters, tools and system messages change nothing.
    """
    model = _checked_name(asked.model)
    question, history = _question(asked.messages)
    if asked.stream:
        source = assistant.stream(question, user=principal.user, history=history)
        return EventStream(_Stream(asked, question).events(record.recorded(source, principal, CHANNEL)))
    answer = await unless_closed(request, assistant.ask(question, user=principal.user, history=history))
    if answer is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    await record.record_answer(principal, answer, CHANNEL)
    out = answer_out(answer)
    return ChatCompletionOut(
        id=f"chatcmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=model,
        choices=[ChoiceOut(message=ReplyOut(content=_text(answer, out, model)))],
        usage=_usage(answer),
        citewell=out,
    )


def _embedder_name(embedder: EmbedderProtocol) -> str:
    return embedder.fingerprint.partition("@")[0]


@router.get("/models", responses=problem_responses(421, 500, 503), summary="Models that can be named")
async def models(
    assistant: Annotated[Assistant, Depends(open_assistant)],
    principal: Annotated[Principal, Depends(reader)],
) -> ModelsOut:
    """Those that answer, and the embedder."""
    names = (*MODELS, _embedder_name(assistant.models[0]))
    return ModelsOut(data=[ModelCardOut(id=name, created=0) for name in names])


@router.get("/models/{name}", responses=problem_responses(404, 421, 500, 503), summary="One model")
async def model(
    name: str,
    assistant: Annotated[Assistant, Depends(open_assistant)],
    principal: Annotated[Principal, Depends(reader)],
) -> ModelCardOut:
    """Whether there is a model of that name."""
    if name != _embedder_name(assistant.models[0]):
        _checked_name(name)
    return ModelCardOut(id=name, created=0)


@router.post(
    "/embeddings",
    responses=problem_responses(404, 413, 421, 422, 500, 503),
    summary="Embed texts with the model that the documents are embedded with",
)
async def embeddings(
    asked: EmbeddingsIn,
    assistant: Annotated[Assistant, Depends(open_assistant)],
    principal: Annotated[Principal, Depends(reader)],
) -> EmbeddingsOut:
    """Unit vectors. Texts that are too long for the model are cut."""
    embedder = assistant.models[0]
    name = _embedder_name(embedder)
    if asked.model != name:
        raise NotFoundError(f"There is no embedder {asked.model!r} here.", f"Ask for {name}.")
    embed = embedder.embed_queries if asked.input_type == "query" else embedder.embed_passages
    vectors = await asyncio.to_thread(embed, asked.texts)
    tokens = sum(await asyncio.to_thread(embedder.count_tokens, asked.texts))
    coded = [
        base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
        if asked.encoding_format == "base64"
        else [float(x) for x in vector]
        for vector in vectors
    ]
    return EmbeddingsOut(
        data=[EmbeddingOut(index=i, embedding=value) for i, value in enumerate(coded)],
        model=name,
        usage=EmbeddingUsageOut(prompt_tokens=tokens, total_tokens=tokens),
    )
