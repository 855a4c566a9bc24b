"""A reply that grows: streamed, edited at most so often, whole in the end whatever happened on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.slack.blocks import Block
from server.slack.client import SlackClient
from server.slack.sending import Reply, Target, Writer
from tests.unit.server.slack.conftest import Web

TARGET = Target("T1", "C1", "1.1", "UANN")
BELOW: list[Block] = [{"type": "actions", "elements": []}]
FIRST = "1800000001.000100"


def part(text: str, *below: Block) -> tuple[str, list[Block]]:
    return text, [{"type": "section", "text": {"type": "mrkdwn", "text": text}}, *below]


@pytest.fixture
def noted() -> list[list[str]]:
    return []


def reply_of(client: SlackClient, noted: list[list[str]], *known: str, **writer: Any) -> Reply:
    async def began(replies: list[str]) -> None:
        noted.append(list(replies))

    return Reply(Writer(client, **{"edit_s": 0.05, **writer}), TARGET, began, known)


async def until(there: Any) -> None:
    async with asyncio.timeout(20):
        while not there():
            await asyncio.sleep(0.005)


async def test_sentences_are_streamed_as_they_come(client: SlackClient, web: Web, noted: list[Any]) -> None:
    reply = reply_of(client, noted)
    reply.show("One.", part("One."))
    await until(lambda: noted == [[FIRST]])
    reply.show("One. Two.", part("One. Two."))
    await until(lambda: web.made("chat.appendStream"))
    replies = await reply.finish("One. Two. Three.", [part("One. Two. Three.", *BELOW)], BELOW)
    assert replies == [FIRST]
    assert [(name, fields["markdown_text"]) for name, fields in web.calls] == [
        ("chat.startStream", "One."),
        ("chat.appendStream", " Two."),
        ("chat.stopStream", " Three."),
    ]
    assert web.calls[-1][1]["blocks"] == BELOW
    assert noted == [[FIRST]]


async def test_what_comes_fast_is_sent_together(client: SlackClient, web: Web, noted: list[Any]) -> None:
    reply = reply_of(client, noted, edit_s=0.3)
    for number in range(1, 30):
        text = "x" * number
        reply.show(text, part(text))
        await asyncio.sleep(0.002)
    await reply.finish("x" * 30, [part("x" * 30, *BELOW)], BELOW)
    assert [name for name, _ in web.calls] == ["chat.startStream", "chat.stopStream"]
    assert web.calls[0][1]["markdown_text"] + web.calls[1][1]["markdown_text"] == "x" * 30


async def test_where_slack_does_not_stream_the_message_is_edited(
    client: SlackClient, web: Web, noted: list[Any]
) -> None:
    web.fail["chat.startStream"] = "method_not_supported_for_channel_type"
    writer = Writer(client, edit_s=0.05)

    async def began(replies: list[str]) -> None:
        noted.append(list(replies))

    reply = Reply(writer, TARGET, began)
    reply.show("One.", part("One."))
    await until(lambda: noted)
    reply.show("One. Two.", part("One. Two."))
    await until(lambda: web.made("chat.update"))
    await reply.finish("One. Two.", [part("One. Two.", *BELOW)], BELOW)
    assert [name for name, _ in web.calls] == [
        "chat.startStream", "chat.postMessage", "chat.update", "chat.update",
    ]  # fmt: skip
    assert {fields["ts"] for fields in web.made("chat.update")} == {FIRST}
    assert web.calls[-1][1]["blocks"][-1] == BELOW[0]
    assert not writer.streams


async def test_what_is_finished_at_once_without_streams_is_one_message(
    client: SlackClient, web: Web, noted: list[Any]
) -> None:
    reply = reply_of(client, noted, streams=False)
    await reply.finish("One.", [part("One.", *BELOW)], BELOW)
    assert [name for name, _ in web.calls] == ["chat.postMessage"]


async def test_a_stream_that_breaks_is_made_whole(client: SlackClient, web: Web, noted: list[Any]) -> None:
    web.fail["chat.appendStream"] = "message_not_in_streaming_state"
    reply = reply_of(client, noted)
    reply.show("One.", part("One."))
    await until(lambda: noted)
    reply.show("One. Two.", part("One. Two."))
    await until(lambda: web.made("chat.appendStream"))
    web.fail["chat.stopStream"] = "message_not_in_streaming_state"
    assert await reply.finish("One. Two.", [part("One. Two.", *BELOW)], BELOW) == [FIRST]
    last, fields = web.calls[-1]
    assert (last, fields["ts"], fields["text"]) == ("chat.update", FIRST, "One. Two.")


async def test_what_was_taken_back_is_not_left_standing(
    client: SlackClient, web: Web, noted: list[Any]
) -> None:
    reply = reply_of(client, noted)
    reply.show("Secret. Two.", part("Secret. Two."))
    await until(lambda: noted)
    await reply.finish("Two.", [part("Two.", *BELOW)], BELOW)
    assert [name for name, _ in web.calls] == ["chat.startStream", "chat.stopStream", "chat.update"]
    assert web.calls[-1][1]["text"] == "Two."


async def test_a_long_answer_takes_several_messages(client: SlackClient, web: Web, noted: list[Any]) -> None:
    reply = reply_of(client, noted)
    reply.show("One.", part("One."))
    await until(lambda: noted)
    parts = [part("One."), part("Two."), part("Three.", *BELOW)]
    replies = await reply.finish("One.", parts, BELOW)
    assert replies == [FIRST, "1800000002.000100", "1800000003.000100"]
    assert noted[-1] == replies
    assert web.made("chat.update")[0]["ts"] == FIRST
    assert [one["text"] for one in web.made("chat.postMessage")] == ["Two.", "Three."]


async def test_messages_of_an_earlier_attempt_are_filled(
    client: SlackClient, web: Web, noted: list[Any]
) -> None:
    reply = reply_of(client, noted, "1.5", "1.6")
    reply.show("One.", part("One."))
    assert await reply.finish("One.", [part("One.", *BELOW)], BELOW) == ["1.5"]
    assert [(name, fields["ts"]) for name, fields in web.calls] == [
        ("chat.stopStream", "1.5"),
        ("chat.update", "1.5"),
        ("chat.delete", "1.6"),
    ]


async def test_a_message_that_somebody_deleted_is_made_anew(
    client: SlackClient, web: Web, noted: list[Any]
) -> None:
    web.fail["chat.update"] = "message_not_found"
    reply = reply_of(client, noted, "1.5")
    assert await reply.finish("One.", [part("One.", *BELOW)], BELOW) == [FIRST]


async def test_when_the_streams_of_the_minute_are_used_up_a_message_is_posted(
    client: SlackClient, web: Web, noted: list[Any]
) -> None:
    client.pace.close("chat.startStream", 60)
    reply = reply_of(client, noted)
    await reply.finish("One.", [part("One.", *BELOW)], BELOW)
    assert [name for name, _ in web.calls] == ["chat.postMessage"]
