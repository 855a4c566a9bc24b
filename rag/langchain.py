"""Citewell as parts of a LangChain application: its search as a retriever, its embedder as embeddings.

What the rest of a chain makes of the passages is not checked; Assistant.ask is where answers are.
"""

from __future__ import annotations

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from rag.assistant import Assistant
from rag.models.protocols import EmbedderProtocol
from rag.types import Hit, User

__all__ = ["CitewellEmbeddings", "CitewellRetriever"]


class CitewellRetriever(BaseRetriever):
    """The ``k`` best passages that ``user`` may read, best first. Raises QuestionError.

    ``user`` has no default: a chain that serves many people must not search as the operator by oversight.
    ``page_content`` is verbatim text of the document from ``metadata["start"]`` to ``metadata["end"]``.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    assistant: Assistant
    user: User
    k: int = Field(10, ge=1)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [_document(hit) for hit in self.assistant.find(query, k=self.k, user=self.user)]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [_document(hit) for hit in await self.assistant.search(query, k=self.k, user=self.user)]


class CitewellEmbeddings(Embeddings):
    """Unit vectors of Citewell's embedder, which embeds questions and passages differently."""

    def __init__(self, embedder: EmbedderProtocol) -> None:
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Vectors of passages."""
        return [[float(x) for x in row] for row in self._embedder.embed_passages(texts)]

    def embed_query(self, text: str) -> list[float]:
        """Vector of a question."""
        return [float(x) for x in self._embedder.embed_queries([text])[0]]


def _document(hit: Hit) -> Document:
    return Document(
        id=str(hit.chunk.id),
        page_content=hit.chunk.text,
        metadata={
            "document_id": hit.document.id,
            "source": hit.document.source,
            "title": hit.document.title,
            "page": hit.chunk.page,
            "heading": list(hit.chunk.heading),
            "start": hit.chunk.start,
            "end": hit.chunk.end,
            "score": hit.score,
        },
    )
