"""The Model Context Protocol, spoken by the official client over HTTP and over the pipes of a command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from rag.settings import ServerSettings, Settings
from rag.store import Store
from rag.types import User
from server.listen import HttpServer, bind
from tests.fakes.served import app_of, assistant_of

LEAVE = "How many days of annual leave do employees have?"
SALARY = "What is the salary of the managing director?"


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[str, Store]]:
    server = ServerSettings.model_construct(host="127.0.0.1", port=0)
    free = settings.model_copy(update={"server": server})
    listener, store = bind(free), Store.open(free)
    running = HttpServer(app_of(free, assistant_of(free, store)), listener, free)
    await running.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", store
    finally:
        await running.stop()


@asynccontextmanager
async def client(url: str, who: str) -> AsyncIterator[Client]:
    plain = httpx2.AsyncClient(headers={"X-As": who}, trust_env=False)
    async with plain, Client(streamable_http_client(url, http_client=plain)) as made:
        yield made


async def test_the_tools(settings):
    async with serving(settings) as (url, _), client(url, "Bob") as bob:
        tools = {tool.name: tool for tool in (await bob.list_tools()).tools}
    assert set(tools) == {"search", "ask", "check", "read_document"}
    for tool in tools.values():
        assert tool.description
        assert tool.annotations.read_only_hint
        assert "ctx" not in tool.input_schema["properties"]


async def test_ask_gives_a_checked_answer_with_its_sources(settings):
    async with serving(settings) as (url, _), client(url, "Bob") as bob:
        result = await bob.call_tool("ask", {"question": LEAVE})
    assert not result.is_error
    told = result.structured_content
    assert told["answer"]["verdict"] == "quoted"
    assert "“Employees have 25 days of annual leave.” [1]" in told["text"]
    assert "Sources:" in told["text"]


async def test_a_found_document_can_be_read_on(settings):
    async with serving(settings) as (url, store), client(url, "Bob") as bob:
        hits = (await bob.call_tool("search", {"query": LEAVE, "k": 2})).structured_content["hits"]
        key = hits[0]["document_id"]
        first = await bob.call_tool("read_document", {"document_id": key, "length": 40})
        rest = await bob.call_tool("read_document", {"document_id": key, "start": 40})
        past = await bob.call_tool("read_document", {"document_id": key, "start": 10_000})
    assert len(hits) == 2
    first, rest, past = (result.structured_content for result in (first, rest, past))
    assert first["text"] + rest["text"] == store.document(key, User()).text
    assert (first["end"], rest["end"]) == (40, first["length"])
    assert (past["text"], past["start"], past["end"]) == ("", first["length"], first["length"])


async def test_a_text_from_elsewhere_is_checked_sentence_by_sentence(settings):
    text = "Employees have 25 days of leave. Employees have 30 days of leave."
    sources = [{"title": "Rules", "text": "Employees have 25 days of leave. They lapse in March."}]
    async with serving(settings) as (url, _), client(url, "Bob") as bob:
        told = (await bob.call_tool("check", {"text": text, "sources": sources})).structured_content
    assert [claim["verdict"] for claim in told["claims"]] == ["supported", "unsupported"]
    assert told["quotes"][0]["quote"] == "Employees have 25 days of leave."


async def test_rights_are_those_of_the_caller(settings):
    async with serving(settings) as (url, _), client(url, "Ann") as ann, client(url, "Bob") as bob:
        hers = await ann.call_tool("search", {"query": SALARY, "k": 1})
        secret = hers.structured_content["hits"][0]
        his = await bob.call_tool("search", {"query": SALARY, "k": 50})
        read = await bob.call_tool("read_document", {"document_id": secret["document_id"]})
        told = await bob.call_tool("ask", {"question": SALARY})
    assert "250000 EUR" in secret["text"]
    assert "250000" not in his.model_dump_json()
    assert read.is_error
    assert "There is no document" in read.content[0].text
    assert "250000" not in told.model_dump_json()


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("ask", {"question": "x" * 3000}, "2000 are allowed"),
        ("ask", {"question": ""}, "at least 1 character"),
        ("search", {"query": "x", "k": 0}, "greater than or equal to 1"),
        ("read_document", {"document_id": "nothing"}, "Search again"),
    ],
)
async def test_what_cannot_be_asked(settings, tool, arguments, told):
    async with serving(settings) as (url, _), client(url, "Bob") as bob:
        result = await bob.call_tool(tool, arguments)
    assert result.is_error
    assert told in result.content[0].text
