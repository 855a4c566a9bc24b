"""GET /metrics: figures for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.responses import Response

from server.auth import scraper
from server.problems import problem_responses

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    response_class=Response,
    dependencies=[Depends(scraper)],
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problem_responses(421, 500),
    },
    summary="Figures for Prometheus",
)
def metrics(request: Request) -> Response:
    """Answers by verdict with the time of each step, the queue, the generator, jobs with their progress,
    documents, passages, and what could not be read. deploy/grafana holds a dashboard of them.
    """
    return Response(generate_latest(request.app.state.figures), media_type=CONTENT_TYPE_PLAIN_0_0_4)
