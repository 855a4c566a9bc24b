"""`citewell mcp`: the official client starts the command and speaks with it over its pipes."""

import os
import sys

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from ingest.pipeline import ingest
from rag.models.embedder import Embedder
from rag.models.folder import read_record
from rag.settings import load_settings
from rag.store import Store

pytestmark = pytest.mark.models

RULES = "# Leave\n\nEmployees have 25 days of annual leave. Unused days lapse on 31 March.\n"


@pytest.fixture
def home(tmp_path):
    base = load_settings()
    if read_record(base.models_dir / base.embedder.model) is None:
        pytest.skip("the embedder's weights are not here; `citewell model pull` fetches them")
    settings = base.model_copy(update={"home": tmp_path / "home"})
    settings.home.mkdir()
    settings.models_dir.symlink_to(base.models_dir.resolve())
    rules = tmp_path / "rules.md"
    rules.write_text(RULES, "utf-8")
    embedder, store = Embedder.load(base.embedder, base.models_dir), Store.open(settings)
    ingest([rules], settings=settings, store=store, embedder=embedder)
    store.close()
    return settings.home


async def test_over_pipes(home):
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "server.cli", "mcp"],
        env={**os.environ, "CITEWELL_HOME": str(home), "CITEWELL_GENERATOR__ENABLED": "false"},
    )
    with open(os.devnull, "w") as nowhere:
        async with Client(stdio_client(started, errlog=nowhere)) as client:
            told = await client.call_tool("ask", {"question": "How many days of annual leave are there?"})
            hits = await client.call_tool("search", {"query": "annual leave"})
            key = hits.structured_content["hits"][0]["document_id"]
            read = await client.call_tool("read_document", {"document_id": key})
    assert "“Employees have 25 days of annual leave.” [1]" in told.structured_content["text"]
    assert "Unused days lapse on 31 March." in read.structured_content["text"]
