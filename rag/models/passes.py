"""Fewer passes of the embedder: who waits at the same time shares one, and what was just read is known."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from rag.models.protocols import EmbedderProtocol, Floats, TextKind, TokenVectors
from rag.types import Span

__all__ = ["Around", "Memory", "Remembering", "SharedPasses"]

MEMORY = 96 * 2**20  # bytes: one to two thousand sentences


class Around:
    """An embedder that hands everything on to another one; for those that do a part of it differently."""

    def __init__(self, embedder: EmbedderProtocol) -> None:
        self._embedder = embedder

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        """Tokens that one forward pass takes."""
        return self._embedder.max_tokens

    @property
    def fingerprint(self) -> str:
        """Names the vector space."""
        return self._embedder.fingerprint

    def embed_queries(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of questions, float32 [n, d]."""
        return self._embedder.embed_queries(texts)

    def embed_passages(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of passages, float32 [n, d]."""
        return self._embedder.embed_passages(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without prompt and special tokens."""
        return self._embedder.count_tokens(texts)

    def token_spans(self, text: str) -> list[Span]:
        """Characters of each token."""
        return self._embedder.token_spans(text)

    def token_vectors(self, texts: Sequence[str], kind: TextKind) -> list[TokenVectors]:
        """The tokens' last hidden states at unit length."""
        return self._embedder.token_vectors(texts, kind)


class _Asked:
    """Texts of one thread, and what came of them."""

    def __init__(self, texts: Sequence[str], kind: TextKind) -> None:
        self.texts = list(texts)
        self.kind = kind
        self.found: list[TokenVectors] | None = None
        self.error: BaseException | None = None


class SharedPasses(Around):
    """Takes what several threads ask in one pass. Nobody waits for others to ask: whoever comes while no pass
    runs begins one, with all that has gathered until then.
    """

    def __init__(self, embedder: EmbedderProtocol) -> None:
        super().__init__(embedder)
        self._waiting: list[_Asked] = []
        self._gathering = threading.Lock()
        self._passing = threading.Lock()

    def token_vectors(self, texts: Sequence[str], kind: TextKind) -> list[TokenVectors]:
        """The tokens' last hidden states at unit length. What goes wrong with the texts of another thread is
        raised there alone.
        """
        asked = _Asked(texts, kind)
        with self._gathering:
            self._waiting.append(asked)
        with self._passing:
            if asked.found is None and asked.error is None:
                self._pass()
        if asked.error is not None:
            raise asked.error
        assert asked.found is not None
        return asked.found

    def _pass(self) -> None:
        with self._gathering:
            gathered, self._waiting = self._waiting, []
        for kind in ("query", "passage"):
            same = [asked for asked in gathered if asked.kind == kind]
            if len(same) < 2 or not self._together(same):
                for asked in same:
                    self._alone(asked)

    def _together(self, asked: Sequence[_Asked]) -> bool:
        texts = [text for one in asked for text in one.texts]
        try:
            found = iter(self._embedder.token_vectors(texts, asked[0].kind))
        except Exception:
            return False  # whose fault it is shows when each is tried
        for one in asked:
            one.found = [next(found) for _ in one.texts]
        return True

    def _alone(self, asked: _Asked) -> None:
        try:
            asked.found = self._embedder.token_vectors(asked.texts, asked.kind)
        except BaseException as error:
            asked.error = error


class Memory:
    """Token vectors of the texts asked for last, up to ``most`` bytes. Safe to use from several threads."""

    def __init__(self, most: int = MEMORY) -> None:
        self._most = most
        self._bytes = 0
        self._known: OrderedDict[tuple[str, ...], TokenVectors] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, ...]) -> TokenVectors | None:
        """What is remembered under this key."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def put(self, key: tuple[str, ...], found: TokenVectors) -> None:
        """Remember it, and forget what was not asked for the longest."""
        with self._lock:
            if key not in self._known:
                self._known[key] = found
                self._bytes += found.vectors.nbytes
            while self._bytes > self._most:
                _, gone = self._known.popitem(last=False)
                self._bytes -= gone.vectors.nbytes


class Remembering(Around):
    """Looks into a memory first, under what belongs to one access scope: what others have read is nothing
    that a reader may notice, not even by how long he waits.
    """

    def __init__(self, embedder: EmbedderProtocol, memory: Memory, scope: str) -> None:
        super().__init__(embedder)
        self._memory = memory
        self._of = (embedder.fingerprint, scope)

    def token_vectors(self, texts: Sequence[str], kind: TextKind) -> list[TokenVectors]:
        """The tokens' last hidden states at unit length."""
        found = {text: self._memory.get((*self._of, kind, text)) for text in texts}
        new = [text for text, known in found.items() if known is None]
        for text, vectors in zip(new, self._embedder.token_vectors(new, kind) if new else [], strict=True):
            self._memory.put((*self._of, kind, text), vectors)
            found[text] = vectors
        return [known for text in texts if (known := found[text]) is not None]
