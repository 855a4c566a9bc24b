"""Passages embedded elsewhere: by a server of OpenAI's embeddings API, as vLLM is for pooling models.

One GPU can so serve the ingestions of several machines. Questions stay with the model on this machine: what
checks an answer needs its tokens' vectors, which that API does not give.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openai

from rag.errors import EmbedderUnavailableError, ModelError
from rag.models.chat import on_this_machine
from rag.models.embedder import Embedder
from rag.models.passes import Around
from rag.models.protocols import Floats
from rag.settings import EmbedderSettings

__all__ = ["EmbeddingEndpoint"]

# Of one request, and requests on their way: the server batches what comes together
TEXTS, AT_ONCE = 32, 8
TIMEOUT_S, TRIES = 120.0, 4
# Number formats move a cosine by less than this; another model, prompt or pooling by more
SAME = 0.995
KNOWN = ("The warranty of the pump is 24 months.", "差旅费应在返回后三十天内报销。")


class EmbeddingEndpoint(Around):
    """The same vectors as ``embedder`` makes, made by the server at ``settings.url``. Safe to call from
    several threads.
    """

    def __init__(self, embedder: Embedder, settings: EmbedderSettings) -> None:
        super().__init__(embedder)
        self._settings = settings
        self._prompt = embedder.prompts["passage"]
        self._served = ""
        self._asking = threading.Lock()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="citewell-embedding")
        self._client = openai.OpenAI(
            base_url=settings.url,
            api_key=settings.api_key or "none",
            max_retries=TRIES - 1,
            timeout=openai.Timeout(TIMEOUT_S, connect=5.0),
            http_client=openai.DefaultHttpxClient(trust_env=False) if on_this_machine(settings.url) else None,
        )

    def embed_passages(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of passages, float32 [n, d]. Raises EmbedderUnavailableError, and ModelError when the
        server's vectors are not those of this model.
        """
        with self._asking:
            if not self._served:
                self._served = self._same_model()
        pieces = [texts[begin : begin + TEXTS] for begin in range(0, len(texts), TEXTS)]
        rows = list(self._pool.map(self._ask, pieces))
        return np.concatenate(rows) if rows else np.zeros((0, self.dimension), np.float32)

    def _same_model(self) -> str:
        """Name of the served model, after its vectors were compared with this machine's."""
        wanted, url = self._settings.model, self._settings.url
        try:
            served = [model.id for model in self._client.models.list()]
        except openai.OpenAIError as error:
            raise self._unavailable(error) from error
        self._served = wanted if wanted in served or not served else served[0]
        there, here = self._ask(KNOWN), self._embedder.embed_passages(KNOWN)
        same = there.shape == here.shape and float((there * here).sum(1).min()) >= SAME
        if not same:
            name, self._served = self._served, ""
            raise ModelError(
                f"The vectors that {name} at {url} makes are not those of {wanted}.",
                f"Serve {wanted} there, with mean pooling and unit length, or leave embedder.url empty.",
            )
        return self._served

    def _ask(self, texts: Sequence[str]) -> Floats:
        given = [self._prompt + text for text in self._cut(texts)]
        try:
            reply = self._client.embeddings.create(model=self._served, input=given)
        except openai.OpenAIError as error:
            raise self._unavailable(error) from error
        rows = sorted(reply.data, key=lambda row: row.index)
        vectors = np.array([row.embedding for row in rows], np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)

    def _cut(self, texts: Sequence[str]) -> list[str]:
        """What is longer than a pass takes would be refused there; here it is cut."""
        most = self.max_tokens - sum(self.count_tokens([self._prompt])) - 2  # its two special tokens
        counts = self.count_tokens(texts)
        return [
            text if count <= most else text[: self.token_spans(text)[most - 1][1]]
            for text, count in zip(texts, counts, strict=True)
        ]

    def _unavailable(self, error: openai.OpenAIError) -> EmbedderUnavailableError:
        return EmbedderUnavailableError(
            f"The embedding server at {self._settings.url} does not answer: {error}.",
            "Start it, correct embedder.url and embedder.api_key, or leave embedder.url empty.",
        )
