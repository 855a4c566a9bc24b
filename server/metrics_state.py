"""Figures of how the server stands, read when they are asked for: its queue, its index, its vLLM."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from rag.settings import Settings
from server.auth.limits import Limits
from server.readiness import Readiness

__all__ = ["GeneratorFigures", "ServerFigures"]

TIMEOUT_S = 0.5
MOST_BYTES = 1_000_000
# vLLM's name of a figure -> ours and what it means; vLLM renamed the cache's use once
_GAUGES = {
    "vllm:num_requests_running": ("requests_running", "Requests that vLLM computes."),
    "vllm:num_requests_waiting": ("requests_waiting", "Requests that wait in vLLM's queue."),
    "vllm:kv_cache_usage_perc": ("cache_used_ratio", "Share of vLLM's key-value cache in use."),
    "vllm:gpu_cache_usage_perc": ("cache_used_ratio", "Share of vLLM's key-value cache in use."),
}
_COUNTERS = {
    "vllm:prefix_cache_queries": ("prefix_cache_queries", "Tokens that were looked up in the prefix cache."),
    "vllm:prefix_cache_hits": ("prefix_cache_hits", "Tokens that the prefix cache held."),
    "vllm:prompt_tokens": ("prompt_tokens", "Tokens that vLLM read, for whomever."),
    "vllm:generation_tokens": ("generation_tokens", "Tokens that vLLM wrote, for whomever."),
}


class ServerFigures(Collector):
    """The queue of answers, the index, whether questions are answered."""

    def __init__(self, readiness: Readiness, limits: Limits) -> None:
        self._readiness = readiness
        self._limits = limits

    def describe(self) -> list[Metric]:
        """Nothing: names need not be known beforehand."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Raises StoreError."""
        assistant = self._readiness.assistant
        yield GaugeMetricFamily(
            "citewell_ready", "Whether questions are answered.", float(assistant is not None)
        )
        yield GaugeMetricFamily(
            "citewell_answers_running", "Answers that are being given.", self._limits.answering
        )
        yield GaugeMetricFamily(
            "citewell_answers_at_once",
            "Answers that may be given at once; more are refused.",
            self._limits.settings.answers_at_once,
        )
        yield CounterMetricFamily(
            "citewell_answers_refused", "Answers that were refused as too many at once.", self._limits.refused
        )
        if assistant is not None:
            yield GaugeMetricFamily(
                "citewell_index_vectors", "Passages in the index that answers now.", assistant.indexed
            )


class GeneratorFigures(Collector):
    """What Citewell's own vLLM tells of itself. Of a server that was named by a URL nothing is asked."""

    def __init__(self, settings: Settings) -> None:
        self._own = settings.generator.enabled and not settings.generator.url
        self._url = settings.generator_url.rstrip("/").removesuffix("/v1") + "/metrics"

    def describe(self) -> list[Metric]:
        """Nothing: vLLM is not to be asked for names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """At most half a second; when vLLM does not answer, only that it does not."""
        if not self._own:
            return
        told = self._asked()
        yield GaugeMetricFamily(
            "citewell_generator_up", "Whether vLLM tells its figures.", float(told is not None)
        )
        if told is None:
            return
        seen: dict[str, Metric] = {}
        for family in text_string_to_metric_families(told):
            # one sample for each engine; together they are this server's generator
            value = sum(s.value for s in family.samples if s.name.removesuffix("_total") == family.name)
            if family.name in _GAUGES:
                name, meaning = _GAUGES[family.name]
                seen[name] = GaugeMetricFamily(f"citewell_generator_{name}", meaning, value)
            elif family.name in _COUNTERS:
                name, meaning = _COUNTERS[family.name]
                seen[name] = CounterMetricFamily(f"citewell_generator_{name}", meaning, value)
        yield from seen.values()

    def _asked(self) -> str | None:
        try:
            with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
                answered = client.get(self._url)
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        return answered.text if answered.is_success and len(answered.content) < MOST_BYTES else None
