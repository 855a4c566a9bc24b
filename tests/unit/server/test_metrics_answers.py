"""GET /metrics: figures of answers, of the server's state and of vLLM; the dashboard names only these."""

from __future__ import annotations

import dataclasses
import json
import re
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from rag.settings import GeneratorSettings, Settings
from rag.timer import Step
from rag.types import Answer, AnswerVerdict
from server.app import create_app
from server.metrics_answers import AnswerFigures
from tests.fakes.assistant import FakeAssistant, answer_to

ROOT = Path(__file__).parents[3]
VLLM = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
# HELP vllm:prefix_cache_queries_total Prefix cache queries, in terms of number of queried tokens.
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 400.0
vllm:prefix_cache_queries_total{engine="1",model_name="m"} 100.0
# HELP vllm:prefix_cache_queries_created Prefix cache queries
# TYPE vllm:prefix_cache_queries_created gauge
vllm:prefix_cache_queries_created{engine="0",model_name="m"} 1.7e+09
# HELP vllm:prefix_cache_hits_total Prefix cache hits, in terms of number of cached tokens.
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 300.0
# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="m"} 900.0
# HELP vllm:generation_tokens_total Number of generation tokens processed.
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="m"} 70.0
"""


@pytest.fixture
def vllm() -> Iterator[int]:
    """The port of a server that tells vLLM's figures."""

    class Told(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(VLLM.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Told)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def scraped(client: TestClient) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_answers_are_counted(client: TestClient) -> None:
    before = scraped(client)
    assert before["citewell_answers_total"][("supported",)] == 0
    for _ in range(2):
        assert client.post("/v1/ask", json={"question": "How?"}).status_code == 200
    found = scraped(client)
    assert found["citewell_answers_total"][("supported",)] == 2
    assert found["citewell_sentences_total"][("supported",)] == 4
    assert found["citewell_tokens_total"] == {("prompt",): 6, ("completion",): 0}
    assert found["citewell_answer_step_seconds_count"][("retrieve",)] == 2
    assert found["citewell_answer_step_seconds_sum"][("retrieve",)] == pytest.approx(0.003)
    buckets = {
        at: n for (at, step), n in found["citewell_answer_step_seconds_bucket"].items() if step == "retrieve"
    }
    assert (buckets["0.001"], buckets["0.0025"], buckets["+Inf"]) == (0, 2, 2)
    assert found["citewell_abstentions_total"] == {(): 0}
    assert found["citewell_ready"] == {(): 1}
    assert found["citewell_answers_running"] == {(): 0}
    assert found["citewell_index_vectors"] == {(): 1}


def test_abstentions() -> None:
    figures = AnswerFigures()
    for verdict in (AnswerVerdict.OFF_TOPIC, AnswerVerdict.INSUFFICIENT_CONTEXT, AnswerVerdict.QUOTED):
        figures(dataclasses.replace(answer_to("How?"), verdict=verdict), ())
    values = {s.name: s.value for m in figures.collect() for s in m.samples if not s.labels}
    assert values["citewell_abstentions_total"] == 2


def test_a_watch_that_fails_spoils_no_answer(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    def fails(answer: Answer, steps: Sequence[Step]) -> None:
        raise ZeroDivisionError

    app = create_app(settings, FakeAssistant())
    app.state.readiness.watches = [fails, seen := AnswerFigures()]
    with TestClient(app, base_url="http://127.0.0.1:8100") as client:
        assert client.post("/v1/ask", json={"question": "How?"}).status_code == 200
    assert "could not be told of" in caplog.text
    values = {
        s.name: s.value for m in seen.collect() for s in m.samples if s.labels.get("verdict") == "supported"
    }
    assert values["citewell_answers_total"] == 1


def test_the_generators_figures(settings: Settings, vllm: int) -> None:
    generator = GeneratorSettings(port=vllm)
    own = settings.model_copy(update={"generator": generator})
    with TestClient(create_app(own, FakeAssistant()), base_url="http://127.0.0.1:8100") as client:
        found = scraped(client)
    assert found["citewell_generator_up"] == {(): 1}
    assert found["citewell_generator_prefix_cache_queries_total"] == {(): 500}
    assert found["citewell_generator_prefix_cache_hits_total"] == {(): 300}
    assert found["citewell_generator_requests_waiting"] == {(): 2}
    assert found["citewell_generator_cache_used_ratio"] == {(): 0.25}
    # another's server is not asked
    named = settings.model_copy(update={"generator": GeneratorSettings(url=f"http://127.0.0.1:{vllm}/v1")})
    with TestClient(create_app(named, FakeAssistant()), base_url="http://127.0.0.1:8100") as client:
        assert not [name for name in scraped(client) if name.startswith("citewell_generator")]


def test_no_generator_answers(client: TestClient) -> None:
    found = scraped(client)
    assert found["citewell_generator_up"] == {(): 0}
    assert "citewell_generator_requests_running" not in found


def test_the_dashboard_asks_for_what_there_is(settings: Settings, vllm: int) -> None:
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "citewell.json").read_text("utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    own = settings.model_copy(update={"generator": GeneratorSettings(port=vllm)})
    with TestClient(create_app(own, FakeAssistant()), base_url="http://127.0.0.1:8100") as client:
        client.post("/v1/ask", json={"question": "How?"})
        text = client.get("/metrics").text
    told = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)) | {
        line.split("{")[0].split(" ")[0] for line in text.splitlines() if line and line[0] != "#"
    }
    named = {name for expr in asked for name in re.findall(r"citewell_\w+", expr)}
    assert len(asked) > 30
    assert named <= told, named - told
    for expr in asked:
        assert expr.count("(") == expr.count(")")
        # an increase or rate is taken of counters only
        for name in re.findall(r"(?:rate|increase)\((\w+)", expr):
            assert name.endswith(("_total", "_bucket", "_sum", "_count"))
    # every figure of ours is on it, but for the times at which counting began
    ours = {name.removesuffix("_total") for name in told if not name.endswith("_created")}
    shown = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in named}
    assert {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in ours} == shown
