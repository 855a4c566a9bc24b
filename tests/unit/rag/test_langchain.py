"""The retriever and the embeddings through LangChain's own interface."""

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda
from langchain_core.vectorstores import InMemoryVectorStore

from rag.assistant import Assistant
from rag.errors import QuestionError
from rag.index.dense import DenseIndex
from rag.langchain import CitewellEmbeddings, CitewellRetriever
from rag.searcher import Searcher
from rag.types import User
from tests.fakes.company import fill

QUESTION = "What is the hotel allowance in Berlin?"
SALARY = "What is the salary of the managing director?"


@pytest.fixture(autouse=True)
def _no_tracing(monkeypatch):
    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING_V2"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def assistant(settings, store, embedder):
    fill(store, embedder)
    index = DenseIndex(store, settings.index_dir, embedder)
    return Assistant(settings, store, Searcher(store, embedder, index), None)


def test_invoke(assistant, store):
    documents = CitewellRetriever(assistant=assistant, user=User(), k=3).invoke(QUESTION)
    hits = assistant.find(QUESTION, k=3, user=User())
    assert len(documents) == 3
    for document, hit in zip(documents, hits, strict=True):
        assert isinstance(document, Document)
        assert document.page_content == hit.chunk.text
        assert document.id == str(hit.chunk.id)
        about = document.metadata
        assert about == {
            "document_id": hit.document.id,
            "source": hit.document.source,
            "title": hit.document.title,
            "page": 1,
            "heading": [],
            "start": hit.chunk.start,
            "end": hit.chunk.end,
            "score": hit.score,
        }
        text = store.document(about["document_id"], User()).text
        assert text[about["start"] : about["end"]] == document.page_content
    assert documents[0].metadata["source"] == "travel.md"


async def test_ainvoke_gives_the_same(assistant):
    retriever = CitewellRetriever(assistant=assistant, user=User(), k=4)
    assert await retriever.ainvoke(QUESTION) == retriever.invoke(QUESTION)


async def test_it_is_a_link_of_a_chain(assistant):
    retriever = CitewellRetriever(assistant=assistant, user=User(), k=2)
    chain = retriever | RunnableLambda(lambda found: [d.metadata["title"] for d in found])
    one, two = await chain.abatch([QUESTION, "员工出差住宿费上限是多少？"])
    assert (one[0], two[0]) == ("travel", "差旅")
    assert chain.invoke(QUESTION) == one


def test_it_finds_only_what_the_user_may_read(assistant):
    def sources(user):
        return {
            d.metadata["source"]
            for d in CitewellRetriever(assistant=assistant, user=user, k=50).invoke(SALARY)
        }

    assert "secret.md" in sources(User("chair", ["board"]))
    assert "secret.md" not in sources(User("stranger", ()))


def test_nobody_searches_as_the_operator_by_oversight(assistant):
    with pytest.raises(ValueError, match="user"):
        CitewellRetriever(assistant=assistant)
    with pytest.raises(ValueError, match="k"):
        CitewellRetriever(assistant=assistant, user=User(), k=0)


def test_errors_pass_through(assistant):
    with pytest.raises(QuestionError):
        CitewellRetriever(assistant=assistant, user=User()).invoke("  ")


async def test_embeddings(embedder):
    embeddings = CitewellEmbeddings(embedder)
    texts = ["The pump is red.", "泵是红色的。"]
    got = embeddings.embed_documents(texts)
    np.testing.assert_array_equal(np.array(got, np.float32), embedder.embed_passages(texts))
    assert all(type(x) is float for row in got for x in row)
    assert await embeddings.aembed_documents(texts) == got
    query = embeddings.embed_query("Which colour?")
    np.testing.assert_array_equal(np.array(query, np.float32), embedder.embed_queries(["Which colour?"])[0])
    assert await embeddings.aembed_query("Which colour?") == query
    assert embeddings.embed_documents([]) == []


def test_embeddings_serve_a_vector_store(embedder):
    store = InMemoryVectorStore(CitewellEmbeddings(embedder))
    store.add_texts(["The canteen opens at noon.", "The pump needs oil.", "Parking is free."])
    (found,) = store.similarity_search("When does the canteen open?", k=1)
    assert found.page_content == "The canteen opens at noon."
