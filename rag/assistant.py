"""The answer path, in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from rag.settings import Settings
from rag.types import Answer, Event, Hit, Turn, User

__all__ = ["Assistant"]


class Assistant:
    """Answers questions from the documents of one home."""

    @classmethod
    def open(cls, settings: Settings) -> Assistant:
        """Open database, index and embedder; the generator is asked for only when a question comes."""
        raise NotImplementedError

    async def search(self, question: str, *, k: int, user: User) -> list[Hit]:
        """The k best passages."""
        raise NotImplementedError

    async def ask(self, question: str, *, user: User, history: Sequence[Turn] = ()) -> Answer:
        """The whole, checked answer."""
        raise NotImplementedError

    def stream(self, question: str, *, user: User, history: Sequence[Turn] = ()) -> AsyncIterator[Event]:
        """EvidenceFound, then SentenceChecked for each sentence, then Finished. Closing the iterator stops the generation."""
        raise NotImplementedError

    async def close(self) -> None:
        """Give everything back; saves the index."""
