"""Threads: follow-ups without a mention, what they refer to, and who is not meant."""

from __future__ import annotations

from typing import Any

import pytest

from rag.slack_settings import SlackSettings
from rag.store import Store
from server.slack.channels import Channels, ChannelSettings, is_for_bot
from server.slack.messages import Asked, asked_in, is_courtesy, is_question, readable
from tests.unit.server.slack.conftest import Sender, Web, texts

LEAVE = "How many days of annual leave do employees have?"
ROOT = "1700000001.000100"


def reply(slack_sends: Sender, text: str, user: str = "UANN", ts: str = "1700000009.000100") -> None:
    slack_sends.message(text, user=user, channel="C1", ts=ts, thread_ts=ROOT)


def test_a_follow_up_needs_no_mention_and_knows_the_thread(slack_sends: Sender, web: Web) -> None:
    slack_sends.mention(LEAVE)
    slack_sends.idle(1)
    reply(slack_sends, "When do they lapse?")
    slack_sends.called("chat.stopStream", 2)
    second = web.made("chat.startStream")[1]
    assert second["thread_ts"] == ROOT
    assert "annual leave" in slack_sends.understood()[1]


def test_others_in_the_thread_know_what_was_said_too(slack_sends: Sender, web: Web) -> None:
    slack_sends.mention(LEAVE)
    slack_sends.idle(1)
    reply(slack_sends, "When do they lapse?", user="UBOB")
    slack_sends.called("chat.stopStream", 2)
    assert "annual leave" in slack_sends.understood()[1]


def test_a_mention_in_a_thread_of_people_refers_to_it(slack_sends: Sender, web: Web) -> None:
    web.replies[ROOT] = [{"ts": ROOT, "user": "UBOB", "text": "The <@UANN> hotel allowance in Berlin is odd"}]
    slack_sends.mention("What is it?", ts="1700000002.000100", thread_ts=ROOT)
    slack_sends.called("chat.stopStream")
    assert web.made("conversations.replies")[0]["ts"] == ROOT
    assert "hotel allowance" in slack_sends.understood()[0]


def asked(text: str, **about: Any) -> Asked:
    given = {"team": "T1", "channel": "C1", "thread": ROOT, "ts": "1700000002.1", "user": "UANN"}
    given |= {"direct": False, "mentioned": False, "elsewhere": False}
    return Asked(**{**given, "text": text, **about})


DEFAULT, QUIET, ALL = ChannelSettings(), ChannelSettings("mention"), ChannelSettings("all")


@pytest.mark.parametrize(
    ("message", "channel", "answers"),
    [
        (asked("And in Berlin", user="UANN"), DEFAULT, True),
        (asked("And in Berlin", user="UBOB"), DEFAULT, False),
        (asked("and in Berlin?", user="UBOB"), DEFAULT, True),
        (asked("那上海呢", user="UBOB"), DEFAULT, True),
        (asked("Thanks!"), DEFAULT, False),
        (asked("谢谢"), DEFAULT, False),
        (asked("When?", elsewhere=True), DEFAULT, False),
        (asked("When?", thread="1700000002.1"), DEFAULT, False),
        (asked("When?"), QUIET, False),
        (asked("When?", mentioned=True), QUIET, True),
        (asked("The pump leaks", thread="1700000002.1", user="UBOB"), ALL, True),
        (asked("The pump leaks", thread="1700000002.1"), ChannelSettings("all", questions_only=True), False),
        (asked("The pump leaks", mentioned=True), ChannelSettings(questions_only=True), False),
        (asked("Why?", mentioned=True), ChannelSettings(questions_only=True), True),
        (asked("The pump leaks", direct=True), ChannelSettings("mention", questions_only=True), True),
    ],
    ids=lambda value: value.text if isinstance(value, Asked) else "",
)
def test_whether_the_bot_is_meant(message: Asked, channel: ChannelSettings, answers: bool) -> None:
    assert is_for_bot(message, channel, SlackSettings(), lambda: {"UANN"}) == answers


def test_follow_ups_are_a_setting_and_need_an_answer_in_the_thread() -> None:
    off = SlackSettings(follow_ups=False)
    assert not is_for_bot(asked("When?"), DEFAULT, off, lambda: {"UANN"})
    assert not is_for_bot(asked("When?"), DEFAULT, SlackSettings(), set)


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("How long is it", True),
        ("员工年假几天", True),
        ("可以吗。", True),
        ("真的？", True),
        ("The pump has 24 months of warranty.", False),
        ("我知道了。", False),
        ("Is it", True),
        ("island", False),
        ("Wie lange dauert das", True),
    ],
)
def test_what_asks_something(text: str, asks: bool) -> None:
    assert is_question(text) == asks


def test_what_is_a_mere_courtesy() -> None:
    assert all(is_courtesy(text) for text in ("Thank you so much!", "ok", "好的。", "ありがとうございます"))
    assert not any(is_courtesy(text) for text in ("ok, and in Berlin?", "谢谢，那上海呢", ""))


def test_messages_are_read_as_people_see_them() -> None:
    sent = (
        "See <https://a.example/x?a=1&amp;b=2|the page>, <@U7>, <#C7|general> <!here> &lt;b&gt;  and\n more"
    )
    assert readable(sent) == "See the page, @U7, #general @here <b> and more"


def test_the_mention_is_no_part_of_the_question() -> None:
    event = {"type": "message", "user": "U1", "channel": "C1", "ts": "2.1", "thread_ts": "1.1"}
    found = asked_in({"team_id": "T1", "event": {**event, "text": "hi <@UBOT|bot> how?"}}, "UBOT")
    assert found == Asked("T1", "C1", "1.1", "2.1", "U1", "hi how?", False, True, False)
    other = asked_in({"team_id": "T1", "event": {**event, "text": "<@U9> how?"}}, "UBOT")
    assert (other.mentioned, other.elsewhere) == (False, True)


def test_a_mention_without_a_question(slack_sends: Sender, web: Web) -> None:
    slack_sends.mention("")
    assert "Ask a question" in slack_sends.called("chat.postEphemeral")["text"]


def test_every_message_of_a_channel_that_is_set_so(slack_sends: Sender, web: Web, store: Store) -> None:
    Channels(store).put("T1", "C1", ChannelSettings("all"))
    slack_sends.message(LEAVE, channel="C1")
    assert "Sources" in texts(slack_sends.called("chat.stopStream")["blocks"])
