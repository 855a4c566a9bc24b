"""What people think of answers, by button, form and reaction, and questions that go to a person."""

from __future__ import annotations

from typing import Any

import pytest

from rag.feedback import Feedback, Feedbacks
from rag.store import Store
from rag.types import User
from server.slack.feedback import rating_of
from tests.fakes.library import take_away
from tests.unit.server.slack.conftest import Sender, Web, texts

LEAVE = "How many days of annual leave do employees have?"
TS = "1800000001.000100"
ANYONE = User()


@pytest.fixture
def slack() -> dict[str, Any]:
    return {"help_channel": "CHELP"}


@pytest.fixture
def answer(slack_sends: Sender, web: Web) -> str:
    """The id of an answer that was given to Ann in a channel."""
    slack_sends.mention(LEAVE)
    blocks = slack_sends.called("chat.stopStream")["blocks"]
    slack_sends.idle(1)
    return str(blocks[-1]["elements"][0]["value"])


def kept(store: Store) -> list[Feedback]:
    return [one.feedback for one in Feedbacks(store).reviewed()]


def react(slack_sends: Sender, user: str, reaction: str, kind: str = "reaction_added", ts: str = TS) -> None:
    item = {"type": "message", "channel": "C1", "ts": ts}
    slack_sends.event({"type": kind, "user": user, "reaction": reaction, "item": item, "item_user": "UBOT"})
    slack_sends.idle()


def test_helpful(slack_sends: Sender, answer: str, store: Store) -> None:
    slack_sends.press("helpful", answer)
    assert slack_sends.called("response_url")["text"] == "Thank you for telling."
    (one,) = kept(store)
    assert (one.message, one.rating, one.state) == (answer, "up", "open")


def test_not_helpful_asks_why_and_the_correction_reaches_the_evaluation(
    slack_sends: Sender, answer: str, store: Store
) -> None:
    slack_sends.press("not_helpful", answer)
    opened = slack_sends.called("views.open")
    assert opened["trigger_id"].startswith("9.")
    view = opened["view"]
    assert (view["callback_id"], view["private_metadata"]) == ("reason", answer)
    reasons = [one["value"] for one in view["blocks"][0]["element"]["options"]]
    assert reasons == ["wrong", "incomplete", "off_topic", "outdated", "other"]
    slack_sends.wait(lambda: [one.rating for one in kept(store)] == ["down"])
    values = {
        "reason": {
            "reason": {"type": "radio_buttons", "selected_option": {"value": "wrong", "text": {}}},
        },
        "comment": {"comment": {"type": "plain_text_input", "value": "It is 30."}},
        "corrected": {"corrected": {"type": "plain_text_input", "value": "30 days"}},
    }
    sent = {
        "type": "view_submission", "team": {"id": "T1"}, "user": {"id": "UANN", "team_id": "T1"},
        "token": "x",
        "api_app_id": "A1", "trigger_id": "7.1", "view": {**view, "id": "V1", "state": {"values": values}},
    }  # fmt: skip
    answered = slack_sends.form(sent)
    assert (answered.status_code, answered.text) == (200, "")
    slack_sends.wait(lambda: [one.reason for one in kept(store)] == ["wrong"])
    (one,) = kept(store)
    assert one.comment == "It is 30.\nSlack: 0 helpful, 1 not helpful."
    (question,) = Feedbacks(store).questions(ANYONE)
    assert (question.question, question.answers) == (LEAVE, ("30 days",))


def test_reactions_count(slack_sends: Sender, answer: str, store: Store) -> None:
    react(slack_sends, "UBOB", "+1::skin-tone-3")
    assert [one.rating for one in kept(store)] == ["up"]
    (question,) = Feedbacks(store).questions(ANYONE)
    assert (question.question, question.answers, question.sources) == (LEAVE, None, ("leave.md",))
    react(slack_sends, "UADA", "-1")
    assert [(one.rating, one.comment) for one in kept(store)] == [
        ("down", "Slack: 1 helpful, 1 not helpful.")
    ]
    react(slack_sends, "UANN", "white_check_mark")  # the asker has the last word
    assert [one.rating for one in kept(store)] == ["up"]
    for user, reaction in (("UANN", "white_check_mark"), ("UADA", "-1"), ("UBOB", "+1")):
        react(slack_sends, user, reaction, "reaction_removed")
    assert kept(store) == []


def test_reactions_that_say_nothing(slack_sends: Sender, answer: str, store: Store, web: Web) -> None:
    web.person("UNEW", "new@heron.example")
    react(slack_sends, "UBOB", "eyes")
    react(slack_sends, "UBOB", "+1", ts="1.1")
    react(slack_sends, "UNEW", "-1")
    assert kept(store) == []
    assert (rating_of("thumbsup"), rating_of("x"), rating_of("eyes")) == ("up", "down", None)


def test_sources_are_those_that_the_reader_may_see(slack_sends: Sender, answer: str, store: Store) -> None:
    slack_sends.press("sources", answer, user="UBOB")
    shown = texts(slack_sends.called("response_url")["blocks"])
    assert "> Employees have 25 days of annual leave." in shown
    take_away(store, "leave.md")
    slack_sends.press("sources", answer, user="UBOB")
    assert "no sources" in slack_sends.called("response_url", 2)["text"]


def test_a_person_is_asked_once(slack_sends: Sender, web: Web, answer: str) -> None:
    slack_sends.press("person", answer)
    asked = slack_sends.called("chat.postMessage")
    assert asked["channel"] == "CHELP"
    shown = texts(asked["blocks"])
    assert f"<@UANN> asks a person: {LEAVE}" in shown
    assert f"https://slack.example/C1/{TS}" in shown
    assert "25 days" not in shown
    assert slack_sends.called("response_url")["text"] == "Your question was passed on to <#CHELP>."
    slack_sends.press("person", answer)
    assert "already" in slack_sends.called("response_url", 2)["text"]
    slack_sends.idle()
    assert len(web.made("chat.postMessage")) == 1


def test_strangers_press_in_vain(slack_sends: Sender, web: Web, answer: str, store: Store) -> None:
    web.person("UNEW", "new@heron.example")
    for count, name in enumerate(("helpful", "not_helpful", "sources", "person", "share"), 1):
        slack_sends.press(name, answer, user="UNEW")
        assert "no Citewell account" in slack_sends.called("response_url", count)["text"]
    assert kept(store) == []
    assert not web.made("views.open") + web.made("chat.postMessage")


def test_an_answer_that_is_gone(slack_sends: Sender, answer: str) -> None:
    slack_sends.press("helpful", "no-such-answer")
    assert slack_sends.called("response_url")["text"] == "This answer is not there any more."
