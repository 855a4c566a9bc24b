"""/v1/slack/events: what Slack sends over HTTP: events, buttons, forms and commands."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from rag.errors import NotFoundError
from server.slack.bot import SlackBot

__all__ = ["router"]

router = APIRouter(tags=["slack"])


@router.api_route("/v1/slack/events", methods=["POST"], include_in_schema=False)
async def events(request: Request) -> Response:
    """Slack describes itself what it sends, so OpenAPI does not. The signature is what lets it in."""
    bot = request.app.state.slack
    if not isinstance(bot, SlackBot):
        raise NotFoundError("Slack is not connected.", "Set slack.bot_token and slack.signing_secret.")
    return await bot.received(request)
