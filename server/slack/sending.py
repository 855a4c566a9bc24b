"""A reply that grows: streamed with Slack's own methods where it has them, else a message that is edited.

A reply that an earlier attempt has begun (``replies``) is taken up again, so that nobody sees two.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from slack_sdk.errors import SlackApiError

from server.slack.blocks import Block
from server.slack.client import FAILURES, SlackClient, error_of

__all__ = ["Reply", "Target", "Writer"]

logger = logging.getLogger(__name__)

EDIT_S = 1.0
PLACEHOLDER = "…"
Part = tuple[str, list[Block]]
# with these Slack says that it does not stream here, or not for this app
_NO_STREAMS = {
    "unknown_method", "missing_scope", "method_not_supported_for_channel_type", "not_allowed_token_type",
    "feature_not_enabled", "channel_type_not_supported", "team_not_eligible", "access_denied",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """Where a reply goes, and to whom."""

    team: str
    channel: str
    thread: str
    user: str


@dataclass(slots=True)
class Writer:
    """What all replies of a server share."""

    client: SlackClient
    streams: bool = True
    edit_s: float = EDIT_S


class Reply:
    """One reply. ``began`` is told of each message before anything else is sent."""

    def __init__(
        self,
        writer: Writer,
        target: Target,
        began: Callable[[list[str]], Awaitable[None]],
        replies: Sequence[str] = (),
    ) -> None:
        self._writer = writer
        self._client = writer.client
        self._target = target
        self._began = began
        self.replies = list(replies)
        self._known = len(self.replies)  # messages of earlier attempts that are still to be filled
        self._streaming = False
        self._sent = ""  # rendered, as Slack has it
        self._wanted: tuple[str, Part] | None = None
        self._broken = False  # nobody knows what of it Slack has
        self._wake = asyncio.Event()
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def show(self, markdown: str, part: Part) -> None:
        """The reply so far, both for streams (it only grows) and for edits. Sent at most once in ``edit_s``;
        returns at once.
        """
        self._wanted = markdown, part
        self._wake.set()
        if self._task is None and not self._known:
            self._task = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while not self._over.is_set():
            await self._wake.wait()
            self._wake.clear()
            if self._wanted is None or self._over.is_set():
                continue
            try:
                await self._update(*self._wanted)
            except FAILURES as failure:  # the end sends all of it again
                logger.info("A reply could not be gone on with: %s", error_of(failure) or failure)
                self._broken = True
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._writer.edit_s):
                    await self._over.wait()

    async def _update(self, markdown: str, part: Part) -> None:
        target, pace = self._target, self._client.pace
        if not self.replies:
            if self._writer.streams and not pace.wait("chat.startStream") and await self._start(markdown):
                return
            text, blocks = part
            posted = await self._client.chat_postMessage(
                channel=target.channel,
                thread_ts=target.thread,
                text=text or PLACEHOLDER,
                blocks=blocks,
                unfurl_links=False,
                unfurl_media=False,
            )
            await self._note(str(posted["ts"]))
        elif self._streaming:
            more = markdown[len(self._sent) :]
            if more and not pace.wait("chat.appendStream"):
                await self._client.chat_appendStream(
                    channel=target.channel, ts=self.replies[0], markdown_text=more
                )
                self._sent = markdown
        elif not pace.wait("chat.update"):
            text, blocks = part
            await self._client.chat_update(
                channel=target.channel, ts=self.replies[0], text=text, blocks=blocks
            )

    async def _start(self, markdown: str) -> bool:
        """Begin a stream; False where Slack has none."""
        target = self._target
        try:
            begun = await self._client.chat_startStream(
                channel=target.channel,
                thread_ts=target.thread,
                recipient_team_id=target.team,
                recipient_user_id=target.user,
                markdown_text=markdown,
            )
        except SlackApiError as failure:
            if error_of(failure) not in _NO_STREAMS:
                raise
            logger.info("Slack does not stream here: %s", error_of(failure))
            self._writer.streams = False
            return False
        self._streaming, self._sent = True, markdown
        await self._note(str(begun["ts"]))
        return True

    async def _note(self, ts: str) -> None:
        self.replies.append(ts)
        await self._began(self.replies)

    async def finish(self, markdown: str, parts: Sequence[Part], below: Sequence[Block]) -> list[str]:
        """The whole reply: ``parts`` are its messages; ``markdown`` the first one's text as it is streamed
        and ``below`` what stands under it. Returns the messages' times. Raises one of FAILURES.
        """
        await self.stop()
        first = 0
        fresh = not self.replies and len(parts) == 1 and self._writer.streams
        if fresh and not self._client.pace.wait("chat.startStream"):
            # finished before it was shown: all the same a stream, as others are
            await self._start(markdown)
        whole = len(parts) == 1 and not self._broken and markdown.startswith(self._sent)
        if self._streaming and whole:
            if await self._stop_stream(markdown[len(self._sent) :], below):
                first = 1
        elif self._streaming or self._known:
            await self._end_stream()
        for number, (text, blocks) in enumerate(parts[first:], first):
            await self._fill(number, text, blocks)
        for ts in self.replies[len(parts) :]:  # an earlier attempt said more
            with contextlib.suppress(*FAILURES):
                await self._client.chat_delete(channel=self._target.channel, ts=ts)
        self.replies = self.replies[: len(parts)]
        return self.replies

    async def stop(self) -> None:
        """Send nothing more by and by; what is being sent is sent."""
        self._over.set()
        self._wake.set()
        if self._task is not None:
            await self._task
            self._task = None

    async def _stop_stream(self, more: str, below: Sequence[Block]) -> bool:
        try:
            await self._client.chat_stopStream(
                channel=self._target.channel,
                ts=self.replies[0],
                markdown_text=more or None,
                blocks=list(below),
            )
        except FAILURES as failure:
            logger.info("A stream could not be ended: %s", error_of(failure) or type(failure).__name__)
            return False
        return True

    async def _end_stream(self) -> None:
        """A message that is still streamed cannot be edited."""
        with contextlib.suppress(*FAILURES):
            await self._client.chat_stopStream(channel=self._target.channel, ts=self.replies[0])

    async def _fill(self, number: int, text: str, blocks: list[Block]) -> None:
        """Give the message of that number its last form; one that is gone is made anew."""
        target = self._target
        if number < len(self.replies):
            try:
                await self._client.chat_update(
                    channel=target.channel, ts=self.replies[number], text=text, blocks=blocks
                )
                return
            except SlackApiError as failure:
                if error_of(failure) not in ("message_not_found", "cant_update_message"):
                    raise
        posted = await self._client.chat_postMessage(
            channel=target.channel,
            thread_ts=target.thread,
            text=text,
            blocks=blocks,
            unfurl_links=False,
            unfurl_media=False,
        )
        self.replies[number:] = [str(posted["ts"])]
        await self._began(self.replies)
