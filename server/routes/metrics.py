"""GET /metrics: figures for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.responses import Response

from server.auth import scraper
from server.metrics import figures
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
    """Jobs by state, running ones with their progress, documents, passages, and what could not be read."""
    return Response(
        generate_latest(figures(request.app.state.ingestion)), media_type=CONTENT_TYPE_PLAIN_0_0_4
    )
