"""Citewell as a model: asked by the official OpenAI client and by LangChain, over a real connection."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import numpy as np
import openai
import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from rag.settings import ServerSettings, Settings
from rag.store import Store
from server.listen import HttpServer, bind
from tests.fakes.chat import FakeChat
from tests.fakes.served import app_of, assistant_of, embedder_of

LEAVE = "How many days of annual leave do employees have?"
QUOTE = "Employees have 25 days of annual leave."
HOTEL = "出差住宿费上限是多少？"
SALARY = "What is the salary of the managing director?"


@asynccontextmanager
async def served(settings: Settings, *chunks: str, policy: str = "strict") -> AsyncIterator[str]:
    """Base URL of a real server over real steps; ``chunks`` are what the generator says."""
    answer = settings.answer.model_copy(update={"policy": policy})
    server = ServerSettings.model_construct(host="127.0.0.1", port=0)
    free = settings.model_copy(update={"server": server, "answer": answer})
    chat = FakeChat(*chunks) if chunks else None
    listener = bind(free)
    running = HttpServer(app_of(free, assistant_of(free, Store.open(free), chat)), listener, free)
    await running.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        await running.stop()


@asynccontextmanager
async def client(url: str, who: str = "Bob") -> AsyncIterator[openai.AsyncOpenAI]:
    plain = httpx.AsyncClient(trust_env=False)
    async with openai.AsyncOpenAI(
        base_url=url, api_key="none", max_retries=0, http_client=plain, default_headers={"X-As": who}
    ) as made:
        yield made


def asking(question: str, *before: str) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    turns = [{"role": roles[i % 2], "content": text} for i, text in enumerate(before)]
    return [{"role": "system", "content": "Be brief."}, *turns, {"role": "user", "content": question}]


async def test_a_completion_is_a_checked_answer(settings):
    async with served(settings, QUOTE, " [1]") as url, client(url) as made:
        completion = await made.chat.completions.create(
            model="citewell", messages=asking(LEAVE), temperature=0.7, max_tokens=5, seed=1
        )
        asked = (await httpx_ask(url, LEAVE)).json()
    assert completion.choices[0].message.content.startswith(f"{QUOTE} [1]\n“")
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "citewell"
    answer = completion.model_extra["citewell"]
    assert answer["verdict"] == asked["verdict"] == "supported"
    assert answer["citations"] == asked["citations"]
    assert completion.usage.total_tokens == sum(asked["usage"].values())


async def httpx_ask(url: str, question: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, headers={"X-As": "Bob"}) as plain:
        return await plain.post(f"{url}/ask", json={"question": question})


@pytest.mark.parametrize("question", [LEAVE, HOTEL, SALARY])
@pytest.mark.parametrize("model", ["citewell", "citewell-sources"])
async def test_a_stream_says_the_same_as_a_whole_answer(settings, question, model):
    async with served(settings) as url, client(url) as made:
        whole = await made.chat.completions.create(model=model, messages=asking(question))
        options = {"include_usage": True}
        stream = await made.chat.completions.create(
            model=model, messages=asking(question), stream=True, stream_options=options
        )
        chunks = [chunk async for chunk in stream]
    *said, last, counted = chunks
    assert said[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in said)
    assert text == whole.choices[0].message.content
    assert last.choices[0].finish_reason == "stop"
    told, kept = last.model_extra["citewell"], whole.model_extra["citewell"]
    for answer in (told, kept):
        answer.pop("timings_ms")
    assert told == kept
    assert counted.choices == []
    assert counted.usage == whole.usage
    sentences = [c.model_extra["citewell"]["claim"]["text"] for c in said if c.model_extra["citewell"]]
    assert sentences == [claim["text"] for claim in told["claims"]]


async def test_sources_stand_in_the_text_where_they_are_asked_for(settings):
    async with served(settings) as url, client(url) as made:
        reply = await made.chat.completions.create(model="citewell-sources", messages=asking(HOTEL))
        refused = await made.chat.completions.create(model="citewell-sources", messages=asking(SALARY))
    text = reply.choices[0].message.content
    assert text.startswith("“员工出差住宿费上限为每晚600元。” [1]")
    assert text.endswith("\n\n来源:\n\n[1] 差旅 (第1页)\n> 员工出差住宿费上限为每晚600元。")
    assert refused.choices[0].message.content.startswith("The documents do not say.")
    assert "Nearest documents:" in refused.choices[0].message.content


async def test_a_sentence_that_failed_its_check_says_so_in_the_text(settings):
    wrong = "Employees have 99 days of annual leave. [1]"
    async with served(settings, wrong, policy="flag") as url, client(url) as made:
        reply = await made.chat.completions.create(model="citewell", messages=asking(LEAVE))
    assert "99 days of annual leave. [1] (not supported by the sources)" in reply.choices[0].message.content


async def test_rights_are_those_of_the_caller(settings):
    async with served(settings) as url, client(url, "Ann") as ann, client(url, "Bob") as bob:
        hers = await ann.chat.completions.create(model="citewell", messages=asking(SALARY))
        his = await bob.chat.completions.create(model="citewell", messages=asking(SALARY))
    assert "250000 EUR" in hers.choices[0].message.content
    assert "250000" not in his.model_dump_json()


async def test_earlier_messages_are_the_history(settings):
    async with served(settings) as url, client(url) as made:
        reply = await made.chat.completions.create(
            model="citewell", messages=asking("And in Berlin, a night?", "What is the hotel allowance?", "…")
        )
    answer = reply.model_extra["citewell"]
    assert answer["standalone_question"] == "What is the hotel allowance? And in Berlin, a night?"
    assert "140 EUR" in answer["answer"]


async def test_parts_of_text_are_read_and_pictures_refused(settings):
    part = {"type": "text", "text": LEAVE}
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    async with served(settings) as url, client(url) as made:
        reply = await made.chat.completions.create(
            model="citewell", messages=[{"role": "user", "content": [part]}]
        )
        assert QUOTE in reply.choices[0].message.content
        with pytest.raises(openai.UnprocessableEntityError):
            await made.chat.completions.create(
                model="citewell", messages=[{"role": "user", "content": [part, picture]}]
            )


async def test_what_cannot_be_asked(settings):
    async with served(settings) as url, client(url) as made:

        async def refused(kind: type[openai.APIStatusError], **asked: object) -> str:
            with pytest.raises(kind) as raised:
                await made.chat.completions.create(
                    **{"model": "citewell", "messages": asking(LEAVE), **asked}
                )
            return str(raised.value.body["remedy"])

        assert "citewell or citewell-sources" in await refused(openai.NotFoundError, model="gpt-4o")
        for messages in ([{"role": "system", "content": "x"}], asking("  ")):
            assert "role user" in await refused(openai.UnprocessableEntityError, messages=messages)
        await refused(openai.UnprocessableEntityError, n=2)
        too_long = await made.chat.completions.create(
            model="citewell", messages=asking("x" * 3000), stream=True
        )
        with pytest.raises(openai.APIError, match="2000 are allowed"):
            [chunk async for chunk in too_long]


async def test_models(settings):
    async with served(settings) as url, client(url) as made:
        names = [model.id async for model in made.models.list()]
        assert names[:2] == ["citewell", "citewell-sources"]
        assert [(await made.models.retrieve(name)).id for name in names] == names
        with pytest.raises(openai.NotFoundError):
            await made.models.retrieve("nothing")


async def test_embeddings(settings):
    texts = ["Parking fees are not refunded.", "停车费不予报销。"]
    embedder = embedder_of()
    name = embedder.fingerprint.partition("@")[0]
    async with served(settings) as url, client(url) as made:
        # the client asks for base64 by itself and decodes it
        got = await made.embeddings.create(model=name, input=texts)
        plain = await made.embeddings.create(model=name, input=texts[0], encoding_format="float")
        asked = await made.embeddings.create(
            model=name, input=texts[0], encoding_format="base64", extra_body={"input_type": "query"}
        )
        with pytest.raises(openai.NotFoundError):
            await made.embeddings.create(model="text-embedding-3-small", input="x")
        with pytest.raises(openai.UnprocessableEntityError):
            await made.embeddings.create(model=name, input=[[1, 2, 3]])
    passages, query = embedder.embed_passages(texts), embedder.embed_queries(texts[:1])
    np.testing.assert_allclose([one.embedding for one in got.data], passages, rtol=1e-6)
    np.testing.assert_allclose(plain.data[0].embedding, passages[0], rtol=1e-6)
    raw = np.frombuffer(base64.b64decode(asked.data[0].embedding), "<f4")
    np.testing.assert_array_equal(raw, query[0])
    assert got.usage.prompt_tokens == sum(embedder.count_tokens(texts))


async def test_langchain(settings):
    async with served(settings) as url, httpx.AsyncClient(trust_env=False) as plain:
        model = ChatOpenAI(
            model="citewell",
            base_url=url,
            api_key="none",
            http_async_client=plain,
            default_headers={"X-As": "Bob"},
        )
        assert QUOTE in (await model.ainvoke(LEAVE)).text
        pieces = [piece.text async for piece in model.astream(LEAVE)]
        assert QUOTE in "".join(pieces)
        name = embedder_of().fingerprint.partition("@")[0]
        embeddings = OpenAIEmbeddings(
            model=name,
            base_url=url,
            api_key="none",
            http_async_client=plain,
            check_embedding_ctx_length=False,
        )
        got = await embeddings.aembed_documents(["Parking fees."])
    np.testing.assert_allclose(got, embedder_of().embed_passages(["Parking fees."]), rtol=1e-6)
