"""Spans of answers: one for each step, no texts."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rag.assistant import Assistant
from rag.index.dense import DenseIndex
from rag.searcher import Searcher
from rag.settings import GeneratorSettings, Settings, TraceSettings
from rag.store import Store
from server import app as module
from server.app import create_app
from server.traces import Traces, open_traces
from tests.fakes.company import fill
from tests.fakes.embedder import HashingEmbedder

QUESTION = "How many days of annual leave do employees have?"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_one_span_for_each_step(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(module, "open_traces", lambda _: Traces(provider))
    quotes = settings.model_copy(update={"generator": GeneratorSettings(enabled=False)})
    store, embedder = Store.open(quotes), HashingEmbedder(common=0.78)
    fill(store, embedder)
    index = DenseIndex(store, quotes.index_dir, embedder)
    assistant = Assistant(quotes, store, Searcher(store, embedder, index), None)
    with TestClient(create_app(quotes, assistant), base_url="http://127.0.0.1:8100") as client:
        told = client.post(
            "/v1/ask", json={"question": QUESTION}, headers={"traceparent": PARENT, "X-Request-ID": "r7"}
        ).json()
    assert "could not be told of" not in caplog.text
    (whole,) = [span for span in exporter.get_finished_spans() if span.name == "answer"]
    steps = [span for span in exporter.get_finished_spans() if span.name != "answer"]
    assert {"embed", "retrieve", "supersede", "rerank", "evidence", "complete"} <= {s.name for s in steps}
    assert f"{whole.context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{whole.parent.span_id:016x}" == PARENT.split("-")[2]
    for span in steps:
        assert span.parent.span_id == whole.context.span_id
        assert whole.start_time <= span.start_time <= span.end_time <= whole.end_time
    assert whole.attributes["citewell.verdict"] == told["verdict"]
    assert whole.attributes["citewell.sentences"] == len(told["claims"])
    assert whole.attributes["citewell.request_id"] == "r7"
    written = "".join(span.to_json() for span in exporter.get_finished_spans())
    assert "leave" not in written
    assert "Employees" not in written


def test_only_where_an_endpoint_is_set(settings: Settings) -> None:
    assert open_traces(settings) is None
    sent = settings.model_copy(update={"traces": TraceSettings(endpoint="http://127.0.0.1:9/v1/traces")})
    traces = open_traces(sent)
    assert isinstance(traces, Traces)
    traces.close()
