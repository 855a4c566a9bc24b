"""The slash command: answered to whoever gives it, who may share the answer."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
)
from slack_sdk.webhook.async_client import AsyncWebhookClient

from rag.errors import QuestionError
from rag.question import valid_question
from rag.text import language
from server.slack.asking import Asking, Tools, narrowed, whole
from server.slack.blocks import Block, message_parts
from server.slack.inbox import Claimed
from server.slack.people import Audience
from server.slack.threads import Placed
from server.slack.words import say

__all__ = ["Commands", "command_payload", "respond"]

_TRIES = 10


async def respond(tools: Tools, url: str, text: str, blocks: Sequence[Block] = ()) -> None:
    """Say something to one person alone, at the address that Slack gave for it. Raises one of FAILURES."""
    retries = [AsyncRateLimitErrorRetryHandler(_TRIES), AsyncConnectionErrorRetryHandler(3)]
    webhook = AsyncWebhookClient(url, session=tools.client.session, retry_handlers=retries)
    answered = await webhook.send(
        text=text, blocks=list(blocks) or None, response_type="ephemeral", replace_original=False
    )
    if answered.status_code >= 400:
        raise TimeoutError(f"Slack did not take an answer to a command ({answered.status_code}).")


class Commands:
    """Answers commands of the inbox."""

    def __init__(self, tools: Tools, asking: Asking) -> None:
        self._at = tools
        self._asking = asking

    async def answer(self, claimed: Claimed) -> None:
        """Raises one of FAILURES, CitewellError, Lost."""
        at, given = self._at, claimed.payload
        settings = await asyncio.to_thread(at.channels.get, given["team"], given["channel"])
        spoken = settings.language or language(given["text"])
        url = str(given["response_url"])
        asker = await self._asking.admitted(str(given["user"]), claimed, settings, spoken)
        if isinstance(asker, str):
            await respond(at, url, asker)
            return
        try:
            question = valid_question(str(given["text"]), at.settings.answer.max_question_chars)
        except QuestionError:
            await respond(at, url, say("too_long", spoken))
            return
        with at.answering.limits.answer(asker):
            user = narrowed(asker.user, settings)
            posed = await asyncio.to_thread(at.answering.pose, asker, user, question, None, ())
            answer = await whole(at.answering, posed)
        placed = Placed(
            posed.answer, posed.conversation, asker.id, given["team"], given["channel"], "", "",
            given["user"], False, str(answer.verdict),
        )  # fmt: skip
        await asyncio.to_thread(at.threads.record, placed)
        alone = Audience(str(given["channel"]), direct=True)
        view = dataclasses.replace(at.view(answer, posed, settings.language, alone), alone=True)
        for text, blocks in message_parts(answer, view):
            await respond(at, url, text, blocks)


def command_payload(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a command."""
    return {
        "team": str(body.get("team_id") or ""),
        "channel": str(body.get("channel_id") or ""),
        "user": str(body.get("user_id") or ""),
        "text": str(body.get("text") or "").strip(),
        "response_url": str(body.get("response_url") or ""),
    }
