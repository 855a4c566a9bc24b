"""The generator, over its OpenAI-compatible API. vLLM is meant; any server that speaks the same will do."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import openai
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from rag.errors import GeneratorUnavailableError
from rag.models.folder import read_record
from rag.models.protocols import Message, ScoredToken, TokenChunk, Usage
from rag.settings import Settings
from rag.types import ModelInfo

__all__ = ["Chat", "on_this_machine"]

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
READY_TIMEOUT_S = 2.0
VLLM = "vllm"  # whom its models are owned by
TOP_LOGPROBS = 20  # the most that vLLM gives without being told otherwise
AROUND_LABEL = " \t\n.,:;!?*\"'`()[]。，：；！？"


def on_this_machine(url: str) -> bool:
    """Whether the server is on this machine: no proxy that the environment names must stand before it."""
    return (urlsplit(url).hostname or "") in LOOPBACK


@dataclass(slots=True)
class _Served:
    """What the server has told of itself; ``salts``: it is vLLM, and takes a salt for its prefix cache."""

    info: ModelInfo | None = None
    salts: bool = False


class Chat:
    """One client for one served model. Every failure is a GeneratorUnavailableError; nothing else is raised.

    Use it within one event loop and ``await close()`` it at the end.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.generator_url
        self._wanted = settings.generator.model
        self._models_dir = settings.models_dir
        self._own = not settings.generator.url
        self._timeout_s = settings.generator.timeout_s
        self._served = _Served()
        self._scope = ""
        local = on_this_machine(self._url)
        self._client = AsyncOpenAI(
            base_url=self._url,
            api_key=settings.generator.api_key or "none",
            timeout=openai.Timeout(self._timeout_s, connect=READY_TIMEOUT_S),
            max_retries=1,
            http_client=DefaultAsyncHttpxClient(trust_env=False) if local else None,
        )

    async def close(self) -> None:
        """Give connections back."""
        await self._client.close()

    def within(self, scope: str) -> Chat:
        """The same client for askers of one access scope: in vLLM's prefix cache they meet no others, so that
        nobody can tell by an answer's time what documents others have read.
        """
        scoped = copy.copy(self)
        scoped._scope = scope
        return scoped

    async def ready(self) -> bool:
        """Whether a generator answers now, within two seconds. Never raises."""
        try:
            await self._client.with_options(timeout=READY_TIMEOUT_S, max_retries=0).models.list()
        except Exception:  # see _failures
            return False
        return True

    async def model_info(self) -> ModelInfo:
        """The served model: revision and licence are known for a model of the catalogue, else empty.

        Asked once, and again after a failure. Raises GeneratorUnavailableError.
        """
        if self._served.info is None:
            with self._failures():
                listed = [model async for model in self._client.models.list()]
            served = {model.id: model for model in listed}
            if not served:
                raise GeneratorUnavailableError(
                    f"The generator at {self._url} serves no model.", "Start it with a model."
                )
            name = self._wanted if self._wanted in served else next(iter(served))
            # vLLM tells which folder it serves: one of ours may hold the same model in another precision
            root = Path((served[name].model_extra or {}).get("root") or "")
            ours = self._models_dir in root.parents
            record = read_record(root if ours else self._models_dir / name)
            self._served.salts = any(model.owned_by == VLLM for model in listed)
            self._served.info = (
                ModelInfo(name, record.revision, record.licence) if record else ModelInfo(name, "", "")
            )
        return self._served.info

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        temperature: float = 0.0,
    ) -> AsyncGenerator[TokenChunk | Usage, None]:
        """Token chunks as they are generated, then exactly one Usage.

        Closing the iterator (``aclose``, or leaving ``contextlib.aclosing``) closes the connection, at which
        vLLM stops generating. Raises GeneratorUnavailableError, also in the middle of a stream and when
        ``generator.timeout_s`` seconds are over.
        """
        deadline = time.monotonic() + self._timeout_s
        model = (await self.model_info()).name
        prompt_tokens = completion_tokens = 0
        finish = ""
        with self._failures():
            source = await self._client.chat.completions.create(
                model=model,
                messages=cast(Any, list(messages)),
                max_tokens=max_tokens,
                temperature=temperature,
                stop=list(stop) or openai.omit,
                logprobs=True,
                stream=True,
                stream_options={"include_usage": True},
                extra_body=self._salt(),
            )
            try:
                async for event in source:
                    if event.usage:
                        prompt_tokens = event.usage.prompt_tokens
                        completion_tokens = event.usage.completion_tokens
                    for choice in event.choices:
                        finish = choice.finish_reason or finish
                        for chunk in _chunks(choice):
                            yield chunk
                    if time.monotonic() > deadline:
                        raise GeneratorUnavailableError(
                            f"The generator did not finish within {self._timeout_s:g} seconds.",
                            "Raise the setting generator.timeout_s or ask for a shorter answer.",
                        )
            finally:
                await source.close()
        yield Usage(prompt_tokens, completion_tokens, finish)

    async def label_probabilities(
        self, messages: Sequence[Message], labels: Sequence[str]
    ) -> dict[str, float]:
        """How the probability of the next token is shared between ``labels``.

        A token counts for a label that it begins, whatever its case; one that begins several is shared
        equally (so labels should differ in their beginnings).
        The shares sum to 1, or are all 0 when none of the 20 likeliest tokens begins a label.
        """
        model = (await self.model_info()).name
        with self._failures():
            completion = await self._client.chat.completions.create(
                model=model,
                messages=cast(Any, list(messages)),
                max_tokens=1,
                temperature=0.0,
                logprobs=True,
                top_logprobs=TOP_LOGPROBS,
                extra_body=self._salt(),
            )
        found = completion.choices[0].logprobs if completion.choices else None
        mass = dict.fromkeys(labels, 0.0)
        for entry in found.content[0].top_logprobs if found and found.content else ():
            begun = entry.token.strip(AROUND_LABEL).casefold()
            hits = [label for label in labels if begun and label.casefold().startswith(begun)]
            for label in hits:
                mass[label] += math.exp(entry.logprob) / len(hits)
        total = sum(mass.values())
        return {label: share / total if total else 0.0 for label, share in mass.items()}

    async def token_logprobs(self, messages: Sequence[Message], answer: str) -> list[ScoredToken]:
        """Each token of ``answer``, as the assistant's reply to ``messages``.

        Takes two calls: vLLM's /tokenize counts the tokens before the answer, and one forward pass over both
        scores them (``prompt_logprobs``; no prefix is reused, so keep the messages short).
        """
        model = (await self.model_info()).name
        with self._failures():
            before = await self._count(model, messages)
            completion = await self._client.chat.completions.create(
                model=model,
                messages=cast(Any, [*messages, {"role": "assistant", "content": answer}]),
                max_tokens=1,
                temperature=0.0,
                extra_body={
                    **self._salt(),
                    "prompt_logprobs": 1,
                    "add_generation_prompt": False,
                    "continue_final_message": True,
                },
            )
        scored = (completion.model_extra or {}).get("prompt_logprobs") or []
        # the token that stands there comes first, then the likeliest, unless it is the same
        tokens = [
            ScoredToken(known[0], max(known))
            for entry in scored[before:]
            if entry and (known := [float(one["logprob"]) for one in entry.values()])
        ]
        if not tokens:
            raise GeneratorUnavailableError(
                f"The generator at {self._url} tells no log-probabilities of a prompt.",
                "Take vLLM, or switch the layers translation and contrast off (setting check.layers).",
            )
        return tokens

    async def _count(self, model: str, messages: Sequence[Message]) -> int:
        """Tokens of the prompt that the messages make."""
        root = self._url.rstrip("/").removesuffix("/v1")
        reply = await self._client.post(
            f"{root}/tokenize",
            cast_to=httpx.Response,
            body={"model": model, "messages": list(messages), "add_generation_prompt": True},
        )
        return int(reply.json()["count"])

    def _salt(self) -> dict[str, str]:
        """What keeps askers of this scope apart. Other servers than vLLM refuse what they do not know."""
        return {"cache_salt": self._scope} if self._scope and self._served.salts else {}

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Whatever goes wrong with the server inside the block becomes a GeneratorUnavailableError.

        All exceptions, because those of the HTTP library below openai (another one from version to
        version) come through it unwrapped in the middle of a stream; the cause stays attached.
        """
        start = "Start it with `citewell model serve`" if self._own else "Look at that server"
        try:
            yield
        except openai.APIStatusError as error:
            self._served.info = None
            message = f"The generator at {self._url} refused ({error.status_code}): {error.message}"
            remedy = "Check generator.api_key and generator.model, or see the generator's log."
            raise GeneratorUnavailableError(message, remedy) from error
        except openai.APITimeoutError as error:
            self._served.info = None
            message = f"The generator at {self._url} did not answer within {self._timeout_s:g} seconds."
            raise GeneratorUnavailableError(message, f"{start}, or raise generator.timeout_s.") from error
        except GeneratorUnavailableError:
            raise
        except Exception as error:
            self._served.info = None
            message = f"No generator answers at {self._url}: {error or type(error).__name__}"
            raise GeneratorUnavailableError(message, f"{start}; until then answers are quotes.") from error


def _chunks(choice: Any) -> Iterator[TokenChunk]:  # noqa: ANN401 - openai's streamed Choice
    """The tokens of one event, each with its log-probability where their texts add up to the event's text.

    They do not while a character is spread over several tokens: the event then stays one chunk, with their
    sum.
    """
    text = choice.delta.content or ""
    tokens = (choice.logprobs.content if choice.logprobs else None) or []
    if len(tokens) > 1 and "".join(token.token for token in tokens) == text:
        for token in tokens:
            yield TokenChunk(token.token, token.logprob)
    elif tokens:
        yield TokenChunk(text, sum(token.logprob for token in tokens), len(tokens))
    elif text:
        yield TokenChunk(text, None)
