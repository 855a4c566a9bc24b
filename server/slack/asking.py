"""One question, from who asks it to the reply in its thread."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from rag.errors import QuestionError
from rag.question import valid_question
from rag.settings import Settings
from rag.text import language
from rag.types import Answer, AnswerVerdict, Finished, SentenceChecked, Turn, User
from server.auth.principal import Principal
from server.slack.answering import Answering, Posed
from server.slack.blocks import View, closing, context, message_parts, streamed
from server.slack.channels import Channels, ChannelSettings
from server.slack.client import FAILURES, SlackClient
from server.slack.inbox import Claimed, Inbox
from server.slack.messages import Asked, readable
from server.slack.people import Audience, Directory, Refusal
from server.slack.rendering import plain
from server.slack.sending import Reply, Target, Writer
from server.slack.threads import Placed, Threads
from server.slack.words import say

__all__ = ["Asking", "Tools", "narrowed", "whole"]

HOUR_S = 3600.0
LOOKED_AT = 5  # passages that tell whether the asker alone may read more
THREAD_MESSAGES = 20
TITLE_CHARS = 80


@dataclass(frozen=True, slots=True)
class Tools:
    """What those who answer, and those who see to buttons, share."""

    settings: Settings
    client: SlackClient
    directory: Directory
    inbox: Inbox
    threads: Threads
    channels: Channels
    answering: Answering
    writer: Writer

    @property
    def base(self) -> str:
        """Address of the web page as people reach it, "" where the settings do not tell."""
        return self.settings.server.public_url

    def view(self, answer: Answer, posed: Posed, spoken: str, audience: Audience) -> View:
        """How an answer is shown in a channel."""
        return View(
            language=spoken or answer.language,
            answer=posed.answer,
            conversation=posed.conversation,
            base=self.base,
            shared_channel=not audience.direct,
            person=bool(self.settings.slack.help_channel),
        )


class Asking:
    """Answers questions of the inbox."""

    def __init__(self, tools: Tools) -> None:
        self._at = tools

    async def answer(self, claimed: Claimed) -> None:
        """Raises one of FAILURES, CitewellError, Lost."""
        at, asked = self._at, Asked(**claimed.payload)
        settings = await asyncio.to_thread(at.channels.get, asked.team, asked.channel)
        spoken = settings.language or language(asked.text)
        asker = await self.admitted(asked.user, claimed, settings, spoken)
        if isinstance(asker, str):
            await self._tell(claimed, asked, asker)
            return
        try:
            question = valid_question(asked.text, at.settings.answer.max_question_chars)
        except QuestionError:
            name = "too_long" if any(c.isalnum() for c in asked.text) else "ask_something"
            await self._tell(claimed, asked, say(name, spoken, command=at.settings.slack.command))
            return
        audience = await at.directory.audience(asked.channel)
        with at.answering.limits.answer(asker):
            await self._answer(claimed, asked, question, asker, audience, settings)

    async def admitted(
        self, user: str, claimed: Claimed, settings: ChannelSettings, spoken: str
    ) -> Principal | str:
        """Whoever asks, or what he is told instead of an answer."""
        at = self._at
        asker = await at.directory.asker(user)
        if isinstance(asker, Refusal):
            return say(asker.phrase, spoken)
        if settings.groups and not set(settings.groups) & set(asker.groups or ()):
            return say("refused_channel", spoken)
        most, since = at.settings.slack.questions_per_hour, time.time() - HOUR_S
        if most and await asyncio.to_thread(at.inbox.asked, user, since, claimed) > most:
            return say("refused_budget", spoken, most=most)
        return asker

    async def give_up(self, claimed: Claimed) -> None:
        """Tell the asker that there will be no answer. Raises one of FAILURES."""
        given = claimed.payload
        if claimed.kind not in ("question", "command") or claimed.notes.get("replies"):
            return
        text = say("failed", language(str(given["text"])))
        if claimed.kind == "question" and not Asked(**given).direct:
            await self._at.client.chat_postEphemeral(channel=given["channel"], user=given["user"], text=text)
        elif claimed.kind == "question":
            await self._at.client.chat_postMessage(
                channel=given["channel"], thread_ts=given["thread"], text=text
            )

    async def _note(self, claimed: Claimed, **notes: object) -> None:
        await asyncio.to_thread(lambda: self._at.inbox.note(claimed, **notes))

    async def _tell(self, claimed: Claimed, asked: Asked, text: str) -> None:
        """Something that is no answer: to the asker alone where others read."""
        client = self._at.client
        if claimed.notes.get("told"):
            return
        await self._note(claimed, told=True)
        if asked.direct:
            await client.chat_postMessage(channel=asked.channel, thread_ts=asked.thread, text=text)
        else:
            thread = asked.thread if asked.follows else None
            await client.chat_postEphemeral(
                channel=asked.channel, user=asked.user, text=text, thread_ts=thread
            )

    async def _answer(
        self,
        claimed: Claimed,
        asked: Asked,
        question: str,
        asker: Principal,
        audience: Audience,
        settings: ChannelSettings,
    ) -> None:
        at = self._at
        user = narrowed(audience.user(asker), settings)
        turns = await asyncio.to_thread(at.threads.turns, asked.channel, asked.thread, user)
        if asked.follows and not turns and not asked.direct:
            turns = await self._said_before(asked)
        posed = await self._posed(claimed, asked, question, asker, user, turns)
        spoken = settings.language
        await at.client.attempt(
            "assistant.threads.setStatus",
            channel_id=asked.channel,
            thread_ts=asked.thread,
            status=say("searching", spoken or language(question)),
        )
        if audience.direct and not turns:
            await at.client.attempt(
                "assistant.threads.setTitle",
                channel_id=asked.channel,
                thread_ts=asked.thread,
                title=question[:TITLE_CHARS],
            )
        reply = await self._reply(claimed, asked)
        answer = await self._streamed(posed, reply, spoken, audience)
        view = at.view(answer, posed, spoken, audience)
        parts = message_parts(answer, view)
        replies = await reply.finish(streamed(answer, view), parts, closing(answer, view))
        placed = _placed(asked, posed, replies[-1], answer, shown=True)
        await asyncio.to_thread(at.threads.record, placed)
        if not audience.direct:
            await self._offer(claimed, asked, posed, narrowed(asker.user, settings), spoken)

    async def _posed(
        self,
        claimed: Claimed,
        asked: Asked,
        question: str,
        asker: Principal,
        user: User,
        turns: Sequence[Turn],
    ) -> Posed:
        """The question in its conversation, once, however often it is tried."""
        at = self._at
        if "posed" in claimed.notes:
            conversation, answer = claimed.notes["posed"]
            return Posed(asker, user, question, conversation, answer, tuple(turns))

        def pose() -> Posed:
            known = at.threads.conversation(asked.channel, asked.thread, asker.id)
            posed = at.answering.pose(asker, user, question, known, turns)
            at.inbox.note(claimed, posed=[posed.conversation, posed.answer])
            return posed

        return await asyncio.to_thread(pose)

    async def _said_before(self, asked: Asked) -> list[Turn]:
        """What people said in a thread that the bot is called into."""
        try:
            told = await self._at.client.conversations_replies(
                channel=asked.channel, ts=asked.thread, latest=asked.ts, limit=THREAD_MESSAGES
            )
        except FAILURES:
            return []
        messages = [one for one in told.get("messages") or [] if one.get("ts") != asked.ts]
        return [
            Turn("user", readable(str(one["text"]))[:1000])
            for one in messages
            if one.get("text") and one.get("user") and not one.get("bot_id")
        ]

    async def _reply(self, claimed: Claimed, asked: Asked) -> Reply:
        """A new reply, or the one that an earlier attempt had begun."""
        replies = list(claimed.notes.get("replies", ()))
        if claimed.attempts > 1 and not replies:
            replies = await self._orphans(asked)
            if (
                replies
            ):  # once it is finished, the next attempt would take it for the answer to something else
                await self._note(claimed, replies=replies)

        async def began(messages: list[str]) -> None:
            await self._note(claimed, replies=list(messages))

        target = Target(asked.team, asked.channel, asked.thread, asked.user)
        return Reply(self._at.writer, target, began, replies)

    async def _orphans(self, asked: Asked) -> list[str]:
        """Messages of the bot that follow the question and that nobody knows of: the attempt that posted them
        died before it could note them.
        """
        at = self._at
        told = await at.client.conversations_replies(
            channel=asked.channel, ts=asked.thread, oldest=asked.ts, limit=100
        )
        own = await at.directory.workspace()
        known = await asyncio.to_thread(at.threads.known, asked.channel, asked.thread)
        return [
            str(one["ts"])
            for one in told.get("messages") or []
            if own.bot_user == one.get("user") or (own.bot and own.bot == one.get("bot_id"))
            if float(one["ts"]) > float(asked.ts) and one["ts"] not in known
        ][:1]

    async def _streamed(self, posed: Posed, reply: Reply, spoken: str, audience: Audience) -> Answer:
        """Show each sentence as it is checked; the whole answer. A finished one of an earlier attempt is not
        made anew.
        """
        at, so_far = self._at, _nothing_yet(posed.question)
        placed = Placed(posed.answer, posed.conversation, posed.principal.id, "", "", "", "", "", True, "")
        before = await asyncio.to_thread(at.threads.shown, placed, posed.user)
        if before is not None:
            return before[1]
        async with aclosing(at.answering.events(posed)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return event.answer
                if isinstance(event, SentenceChecked):
                    so_far = dataclasses.replace(
                        so_far,
                        claims=(*so_far.claims, event.claim),
                        citations=(*so_far.citations, *event.citations),
                    )
                    view = at.view(so_far, posed, spoken, audience)
                    parts = message_parts(so_far, view, ended=False)
                    if len(parts) == 1:
                        reply.show(streamed(so_far, view), parts[0])
        raise AssertionError("a stream ends with Finished")

    async def _offer(self, claimed: Claimed, asked: Asked, posed: Posed, user: User, spoken: str) -> None:
        """Tell the asker alone what only he may read. Seen by nobody else, it is never said twice."""
        at = self._at
        if claimed.notes.get("offered"):
            return
        if not await at.answering.hidden(posed.question, user, posed.user, LOOKED_AT):
            return
        again = await asyncio.to_thread(
            at.answering.pose, posed.principal, user, posed.question, posed.conversation, posed.turns
        )
        answer = await whole(at.answering, again)
        known = await asyncio.to_thread(
            at.answering.store.references, {one.document_id for one in answer.citations}, posed.user
        )
        if all(one.document_id in known for one in answer.citations):
            return
        await self._note(claimed, offered=True)
        await asyncio.to_thread(at.threads.record, _placed(asked, again, "", answer, shown=False))
        view = dataclasses.replace(
            at.view(answer, again, spoken, Audience(asked.channel, direct=True)), alone=True, person=False
        )
        note = say("only_you", view.language)
        for text, blocks in message_parts(answer, view):
            await at.client.chat_postEphemeral(
                channel=asked.channel,
                user=asked.user,
                thread_ts=asked.thread,
                text=f"{plain(note)}\n{text}",
                blocks=[context(f":lock: {note}"), *blocks],
            )


async def whole(answering: Answering, posed: Posed) -> Answer:
    """The finished answer. Raises CitewellError."""
    async with aclosing(answering.events(posed)) as events:
        async for event in events:
            if isinstance(event, Finished):
                return event.answer
    raise AssertionError("a stream ends with Finished")


def narrowed(user: User, settings: ChannelSettings) -> User:
    """The user within the collections of a channel."""
    return dataclasses.replace(user, collections=settings.collections or None)


def _nothing_yet(question: str) -> Answer:
    spoken = language(question)
    return Answer(question, "", AnswerVerdict.NOT_CHECKED, (), (), spoken, None, {}, {})


def _placed(asked: Asked, posed: Posed, ts: str, answer: Answer, *, shown: bool) -> Placed:
    return Placed(
        posed.answer,
        posed.conversation,
        posed.principal.id,
        asked.team,
        asked.channel,
        asked.thread,
        ts,
        asked.user,
        shown,
        str(answer.verdict),
    )
