"""The events of an answer in a conversation, as its reader hears them: live, late, or after its end.

An event may have waited here while a document was deleted or closed: each is confirmed against the database
for its reader in the moment in which it is sent.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import ExitStack, aclosing
from pathlib import Path

from fastapi.sse import ServerSentEvent

from ingest.give_way import answering
from rag.assistant import Assistant
from rag.conversations import Message, Status, branch
from rag.errors import CitewellError, ConversationError
from rag.stored import history
from rag.suggest import suggestions
from rag.types import Answer, Event, Finished, Turn, User
from server.conversing import Talk
from server.problems import Problem, problem_of
from server.running import AnswerInProgress
from server.schema import answer_out
from server.schema_conversations import BeganOut, FinalOut, message_out
from server.sse import server_sent

__all__ = ["END", "answer_events", "begin_answer", "last_event"]

CHANNEL = "chat"
END = "end"  # id of the last event: nothing follows it
Pair = tuple[Message, Message]


async def begin_answer(
    at: Talk, key: str, add: Callable[[], Pair], assistant: Assistant
) -> tuple[Pair, AnswerInProgress]:
    """Add a question and the answer to come, which is begun. Raises what ``add`` raises, and
    TooManyRequestsError or BusyError before anything is added.
    """
    with ExitStack() as stack:
        stack.enter_context(at.limits.answer(at.principal))
        pair = await asyncio.to_thread(add)
        place = stack.pop_all()
    question, answer = pair

    async def keep(status: Status, given: Answer | None, basis: Sequence[str]) -> None:
        try:
            await asyncio.to_thread(at.conversations.finish, key, answer.id, status, given, basis)
        finally:
            place.close()  # however it ends, and once

    try:
        user, turns = await asyncio.to_thread(_asker, at, key, question)
    except BaseException:
        await keep("failed", None, ())
        raise
    events = _source(assistant, question.content, user, turns, at.settings.home)
    recorded = at.record.recorded(events, at.principal, CHANNEL)
    return pair, at.running.start(answer.id, question.content, recorded, keep)


def _asker(at: Talk, key: str, question: Message) -> tuple[User, list[Turn]]:
    """Who asks, within the conversation's collections, and what was said before, as he may read it."""
    own, messages = at.conversations.get(at.owner, key), at.conversations.messages(at.owner, key)
    user = dataclasses.replace(at.user, collections=own.collections or None)
    return user, history(branch(messages, question.parent), at.store, at.user)


async def _source(
    assistant: Assistant, question: str, user: User, turns: Sequence[Turn], home: Path
) -> AsyncGenerator[Event, None]:
    with answering(home):
        async with aclosing(assistant.stream(question, user=user, history=turns)) as events:
            async for event in events:
                yield event


async def answer_events(
    at: Talk, key: str, pair: Pair, running: AnswerInProgress, after: int | None = None
) -> AsyncGenerator[ServerSentEvent, None]:
    """The events of an answer that is being given, from the first, or from the one after ``after``."""
    asked = await asyncio.to_thread(_asked, at, key, pair[0].id)
    if after is None:
        began = BeganOut(user=message_out(pair[0]), assistant=message_out(pair[1]))
        yield ServerSentEvent(event="message", id="0", raw_data=began.model_dump_json())
    async with aclosing(running.events(after or 0)) as kept:
        async for number, event in kept:
            if isinstance(event, Problem):
                yield _error(event)
                return
            shown = await asyncio.to_thread(running.given.now, event, at.store, at.user)
            if isinstance(shown, Finished):
                yield await asyncio.to_thread(_final, at, shown.answer, asked)
                return
            yield server_sent(shown).model_copy(update={"id": str(number)})
    yield await asyncio.to_thread(_last, at, key, pair[1].id)


async def last_event(at: Talk, key: str, answer: str) -> AsyncGenerator[ServerSentEvent, None]:
    """What an answer that has ended ended with."""
    yield await asyncio.to_thread(_last, at, key, answer)


def _last(at: Talk, key: str, answer: str) -> ServerSentEvent:
    try:
        messages = at.shown(key)[1]
    except CitewellError as error:  # deleted meanwhile
        return _error(problem_of(error))
    found = next(one for one in messages if one.id == answer)
    if found.status == "done" and found.answer is not None:
        asked = [one.content for one in branch(messages, answer) if one.role == "user"]
        return _final(at, found.answer, asked)
    if found.status == "stopped":
        told = message_out(found).model_dump_json()
        return ServerSentEvent(event="stopped", id=END, raw_data=told)
    return _error(problem_of(ConversationError("This answer was broken off.", "Ask for it again.")))


def _asked(at: Talk, key: str, question: str) -> list[str]:
    messages = at.conversations.messages(at.owner, key)
    return [one.content for one in branch(messages, question) if one.role == "user"]


def _final(at: Talk, answer: Answer, asked: Sequence[str]) -> ServerSentEvent:
    told = FinalOut(
        **answer_out(answer).model_dump(), suggestions=suggestions(answer, at.store, at.user, asked)
    )
    return ServerSentEvent(event="final", id=END, raw_data=told.model_dump_json())


def _error(problem: Problem) -> ServerSentEvent:
    return ServerSentEvent(event="error", id=END, raw_data=problem.model_dump_json())
