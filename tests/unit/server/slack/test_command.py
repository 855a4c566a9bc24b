"""The slash command: answered to one person, shared when all may read it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.server.slack.conftest import Sender, Web, buttons_of, texts

SALARY = "What is the salary of the managing director?"
LEAVE = "How many days of annual leave do employees have?"


def ask(slack_sends: Sender, text: str, trigger: str = "1.2.abc") -> Any:
    return slack_sends.command(text=text, trigger_id=trigger, response_url="https://hooks.example/1")


def press(slack_sends: Sender, blocks: list[dict[str, Any]], name: str, user: str = "UANN") -> None:
    (button,) = [one for one in blocks[-1]["elements"] if one["action_id"] == name]
    answered = slack_sends.press(name, button["value"], user=user)
    assert answered.status_code == 200


def test_the_asker_alone_is_answered_with_his_own_rights(slack_sends: Sender, web: Web) -> None:
    acknowledged = ask(slack_sends, SALARY)
    assert acknowledged.text == "Looking it up. The answer will be seen by you alone."
    told = slack_sends.called("response_url")
    assert (told["response_type"], told["replace_original"]) == ("ephemeral", False)
    assert "250000" in told["text"]
    assert buttons_of(told["blocks"]) == ["share", "helpful", "not_helpful", "sources", "web"]
    assert not [name for name, _ in web.calls if name.startswith("chat.")]


def test_sharing_asks_for_everybodys_rights_anew(slack_sends: Sender, web: Web) -> None:
    ask(slack_sends, SALARY)
    told = slack_sends.called("response_url")
    press(slack_sends, told["blocks"], "share")
    assert "Not shared" in slack_sends.called("response_url", 2)["text"]
    assert web.made("chat.postMessage") == []
    web.channel("C1", "UANN", "UADA")  # Bob has left
    press(slack_sends, told["blocks"], "share")
    posted = slack_sends.called("chat.postMessage")
    assert posted["channel"] == "C1"
    assert f"<@UANN> asked: {SALARY}" in texts(posted["blocks"])
    assert "250000" in posted["text"]
    assert "share" not in buttons_of(posted["blocks"])
    press(slack_sends, told["blocks"], "share")
    slack_sends.idle(1)
    assert len(web.made("chat.postMessage")) == 1


def test_only_the_asker_shares(slack_sends: Sender, web: Web) -> None:
    ask(slack_sends, LEAVE)
    told = slack_sends.called("response_url")
    press(slack_sends, told["blocks"], "share", user="UBOB")
    assert slack_sends.called("response_url", 2)["text"] == "This answer is not there any more."


def test_sharing_where_the_bot_is_not(slack_sends: Sender, web: Web) -> None:
    ask(slack_sends, LEAVE)
    told = slack_sends.called("response_url")
    web.fail["chat.postMessage"] = "not_in_channel"
    press(slack_sends, told["blocks"], "share")
    assert "Invite me first" in slack_sends.called("response_url", 2)["text"]
    del web.fail["chat.postMessage"]
    press(slack_sends, told["blocks"], "share")
    assert "25 days" in slack_sends.called("chat.postMessage", 2)["text"]


def test_a_shared_answer_begins_a_thread_that_can_be_gone_on_with(slack_sends: Sender, web: Web) -> None:
    ask(slack_sends, LEAVE)
    press(slack_sends, slack_sends.called("response_url")["blocks"], "share")
    slack_sends.called("chat.postMessage")
    slack_sends.idle(1)
    shared = "1800000001.000100"
    slack_sends.message("When do they lapse?", user="UBOB", channel="C1", ts="1800000002.1", thread_ts=shared)
    slack_sends.called("chat.stopStream")
    assert "annual leave" in slack_sends.understood()[1]


@pytest.mark.parametrize("text", ["", "help", "帮助"])
def test_help(slack_sends: Sender, text: str) -> None:
    assert "/ask" in ask(slack_sends, text).text


def test_a_command_counts_once(slack_sends: Sender, web: Web) -> None:
    ask(slack_sends, LEAVE)
    slack_sends.called("response_url")
    ask(slack_sends, LEAVE + " ")
    slack_sends.idle(1)
    assert len(web.made("response_url")) == 1


def test_strangers_are_refused(slack_sends: Sender, web: Web) -> None:
    web.person("UNEW", "new@heron.example")
    slack_sends.command(text=LEAVE, trigger_id="1.3", response_url="https://hooks.example/1", user_id="UNEW")
    assert "no Citewell account" in slack_sends.called("response_url")["text"]
