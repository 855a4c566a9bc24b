"""OpenTelemetry traces, where ``traces.endpoint`` names a collector: one span for an answer and one for each
of its steps, with verdicts, counts and times. No text of a question, a document or an answer is in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from rag.errors import SettingsError
from rag.settings import Settings
from rag.timer import Step
from rag.types import Answer
from server.logs import request_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

__all__ = ["CallersTrace", "Traces", "open_traces"]


def open_traces(settings: Settings) -> Traces | None:
    """Traces that are sent to the collector of the settings; None when they name none. Raises SettingsError
    when the libraries for it are not installed.
    """
    if not settings.traces.endpoint:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingsError(
            f"traces.endpoint is set, but {error.name} is not installed.",
            "Install the extra: pip install 'citewell[otel]', or leave traces.endpoint empty.",
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": settings.traces.service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.traces.endpoint)))
    return Traces(provider)


class Traces:
    """A watch of the assistant (rag.timer.Watch) that makes spans of what it is told."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("citewell")

    def __call__(self, answer: Answer, steps: Sequence[Step]) -> None:
        """The span of an answer, below the caller's if the request named one, and those of its steps."""
        from opentelemetry.trace import set_span_in_context

        whole = steps[-1]
        span = self._tracer.start_span("answer", start_time=whole.begun_ns, attributes=_told(answer))
        within = set_span_in_context(span)
        for step in steps[:-1]:
            self._tracer.start_span(step.name, within, start_time=step.begun_ns).end(step.ended_ns)
        span.end(whole.ended_ns)

    def close(self) -> None:
        """Send what is left (seconds, when the collector does not answer)."""
        self._provider.shutdown()


def _told(answer: Answer) -> dict[str, str | int]:
    model = answer.model
    return {
        "citewell.verdict": str(answer.verdict),
        "citewell.language": answer.language,
        "citewell.sentences": len(answer.claims),
        "citewell.citations": len(answer.citations),
        "citewell.request_id": request_id.get(),
        "gen_ai.request.model": model.name if model else "",
        "gen_ai.usage.input_tokens": answer.usage.get("prompt_tokens", 0),
        "gen_ai.usage.output_tokens": answer.usage.get("completion_tokens", 0),
    }


class CallersTrace:
    """Takes up the trace that a request belongs to (the header ``traceparent``)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from opentelemetry.context import attach, detach
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        token = attach(TraceContextTextMapPropagator().extract(headers))
        try:
            await self._app(scope, receive, send)
        finally:
            detach(token)
