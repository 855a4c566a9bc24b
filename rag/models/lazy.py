"""An embedder that is loaded when it is needed."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence

from rag.models.embedder import Embedder
from rag.models.folder import require_model
from rag.models.protocols import EmbedderProtocol, Floats, TextKind, TokenVectors
from rag.settings import Settings
from rag.store import Store
from rag.types import Span

__all__ = ["LazyEmbedder"]


class LazyEmbedder:
    """An embedder of the models folder, loaded when first used: an ingestion that finds nothing new must not
    wait seconds for torch.
    """

    def __init__(self, settings: Settings, model: str) -> None:
        """Raises ModelMissingError."""
        self._all = settings
        self._settings = settings.embedder.model_copy(update={"model": model})
        _, record = require_model(model, settings.models_dir)
        self.fingerprint = f"{record.name}@{record.revision}"
        self._lock = threading.Lock()

    @classmethod
    def of(cls, store: Store, settings: Settings) -> LazyEmbedder:
        """The embedder that the stored documents were embedded with; that of the settings when there are
        none.
        """
        space = store.space()
        return cls(settings, space.model if space is not None else settings.embedder.model)

    def named(self, model: str) -> LazyEmbedder:
        """The embedder of this name: this one if it is called so, else another."""
        return self if model == self._settings.model else LazyEmbedder(self._all, model)

    @property
    def _loaded(self) -> EmbedderProtocol:
        with self._lock:  # threads that read ahead ask for it at the same time
            return self._once

    @functools.cached_property
    def _once(self) -> EmbedderProtocol:
        loaded = Embedder.load(self._settings, self._all.models_dir)
        if not self._settings.url:
            return loaded
        from rag.models.endpoint import EmbeddingEndpoint  # its library takes half a second to import

        return EmbeddingEndpoint(loaded, self._settings)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._loaded.dimension

    @property
    def max_tokens(self) -> int:
        """Tokens that one forward pass takes."""
        return self._loaded.max_tokens

    def embed_queries(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of questions, float32 [n, d]."""
        return self._loaded.embed_queries(texts)

    def embed_passages(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of passages, float32 [n, d]."""
        return self._loaded.embed_passages(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without prompt and special tokens."""
        return self._loaded.count_tokens(texts)

    def token_spans(self, text: str) -> list[Span]:
        """Characters of each token."""
        return self._loaded.token_spans(text)

    def token_vectors(self, texts: Sequence[str], kind: TextKind) -> list[TokenVectors]:
        """The tokens' last hidden states at unit length."""
        return self._loaded.token_vectors(texts, kind)
