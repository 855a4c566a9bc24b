"""The settings of a channel, from Slack itself; and the assistant's pane."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rag.store import Store
from server.slack.channels import Channels, ChannelSettings
from server.slack.forms import settings_form, settings_given
from tests.unit.server.slack.conftest import Sender, Web


def open_form(slack_sends: Sender, user: str = "UADA") -> None:
    acknowledged = slack_sends.command(
        text="settings", trigger_id="5.5.x", response_url="https://hooks.example/1", user_id=user
    )
    assert (acknowledged.status_code, acknowledged.text) == (200, "")


def chosen(name: str, value: Any) -> dict[str, Any]:
    return {name: {name: value}}


def submit(slack_sends: Sender, view: dict[str, Any], user: str = "UADA") -> None:
    def option(value: str) -> dict[str, Any]:
        return {"value": value, "text": {"type": "plain_text", "text": value}}

    values = {
        **chosen("answers", {"type": "static_select", "selected_option": option("all")}),
        **chosen("questions_only", {"type": "checkboxes", "selected_options": [option("yes")]}),
        **chosen("language", {"type": "static_select", "selected_option": option("zh")}),
        **chosen("collections", {"type": "multi_static_select", "selected_options": [option("default")]}),
        **chosen("groups", {"type": "multi_static_select", "selected_options": [option("board")]}),
    }
    sent = {
        "type": "view_submission", "team": {"id": "T1"}, "user": {"id": user, "team_id": "T1"}, "token": "x",
        "api_app_id": "A1", "trigger_id": "7.1", "view": {**view, "id": "V1", "state": {"values": values}},
    }  # fmt: skip
    answered = slack_sends.form(sent)
    assert (answered.status_code, answered.text) == (200, "")


def test_an_administrator_sets_a_channel(slack_sends: Sender, store: Store) -> None:
    open_form(slack_sends)
    opened = slack_sends.called("views.open")
    assert opened["trigger_id"] == "5.5.x"
    view = opened["view"]
    assert json.loads(view["private_metadata"]) == {"team": "T1", "channel": "C1"}
    blocks = {one["block_id"]: one["element"] for one in view["blocks"]}
    assert blocks["answers"]["initial_option"]["value"] == "threads"
    assert [one["value"] for one in blocks["collections"]["options"]] == ["default"]
    assert [one["value"] for one in blocks["groups"]["options"]] == ["board", "staff"]
    submit(slack_sends, view)
    wanted = ChannelSettings("all", True, "zh", ("default",), ("board",))
    assert Channels(store).get("T1", "C1") == wanted
    assert slack_sends.called("chat.postEphemeral")["text"] == "The settings of this channel were saved."


def test_readers_change_nothing(slack_sends: Sender, web: Web, store: Store) -> None:
    open_form(slack_sends, user="UANN")
    assert "Editors and administrators" in slack_sends.called("response_url")["text"]
    view = settings_form("T1", "C1", ChannelSettings(), (), (), "en")
    submit(slack_sends, view, user="UANN")
    assert Channels(store).get("T1", "C1") == ChannelSettings()
    assert web.made("views.open") == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_form_shows_how_it_is_set_within_the_limits_of_slack(language: str) -> None:
    known = ChannelSettings("mention", True, "zh", ("manuals", "x" * 76), ("board",))
    collections = [f"c{number}" for number in range(150)]
    form = settings_form("T1", "C1", known, collections, ["board"], language)
    assert len(form["title"]["text"]) <= 24
    blocks = {one["block_id"]: one["element"] for one in form["blocks"]}
    assert len(blocks["collections"]["options"]) == 100
    assert [one["value"] for one in blocks["collections"]["initial_options"]] == ["manuals"]
    assert blocks["questions_only"]["initial_options"][0]["value"] == "yes"
    assert all(
        len(one["text"]["text"]) <= 75 for block in blocks.values() for one in block.get("options", ())
    )
    state = {
        "answers": {"answers": {"selected_option": blocks["answers"]["initial_option"]}},
        "language": {"language": {"selected_option": blocks["language"]["initial_option"]}},
        "questions_only": {"questions_only": {"selected_options": blocks["questions_only"]["options"]}},
        "collections": {"collections": {"selected_options": blocks["collections"]["initial_options"]}},
    }
    given = settings_given({**form, "state": {"values": state}})
    assert given == ("T1", "C1", ChannelSettings("mention", True, "zh", ("manuals",), ()))


def test_nothing_to_choose_from_is_no_choice() -> None:
    form = settings_form("T1", "C1", ChannelSettings(), (), (), "en")
    assert [one["block_id"] for one in form["blocks"]] == ["answers", "questions_only", "language"]


def pane(slack_sends: Sender, user: str) -> None:
    thread = {"user_id": user, "context": {}, "channel_id": "DANN", "thread_ts": "1700000001.000100"}
    slack_sends.event({"type": "assistant_thread_started", "assistant_thread": thread})


def test_the_pane_greets_with_questions_about_documents_of_the_reader(slack_sends: Sender, web: Web) -> None:
    pane(slack_sends, "UBOB")
    suggested = slack_sends.called("assistant.threads.setSuggestedPrompts")
    assert (suggested["channel_id"], suggested["thread_ts"]) == ("DANN", "1700000001.000100")
    assert suggested["title"] == "Ask about the documents"
    titles = [one["title"] for one in suggested["prompts"]]
    assert len(titles) == 3
    assert "secret" not in titles
    assert suggested["prompts"][0]["message"] == f"What does “{titles[0]}” say?"
    greeting = web.made("chat.postMessage")[0]
    assert (greeting["channel"], greeting["thread_ts"]) == ("DANN", "1700000001.000100")


def test_a_question_in_the_pane(slack_sends: Sender, web: Web) -> None:
    ts = "1700000001.000100"
    slack_sends.message("How many days of annual leave do employees have?", ts="1700000002.1", thread_ts=ts)
    slack_sends.called("chat.stopStream")
    title = web.made("assistant.threads.setTitle")[0]
    assert (title["thread_ts"], title["title"][:8]) == (ts, "How many")
    assert web.made("assistant.threads.setStatus")[0]["status"] == "is searching the documents…"
    assert web.made("chat.startStream")[0]["thread_ts"] == ts


def test_the_pane_refuses_strangers(slack_sends: Sender, web: Web) -> None:
    web.person("UNEW", "new@heron.example", locale="zh-CN")
    pane(slack_sends, "UNEW")
    assert "没有与您的邮箱对应" in slack_sends.called("chat.postMessage")["text"]
    assert web.made("assistant.threads.setSuggestedPrompts") == []


def test_the_pane_tells_where_the_reader_looks(slack_sends: Sender, web: Web) -> None:
    thread = {"user_id": "UANN", "context": {"channel_id": "C1"}, "channel_id": "DANN", "thread_ts": "1.1"}
    slack_sends.event({"type": "assistant_thread_context_changed", "assistant_thread": thread})
    assert web.made("chat.postMessage") == [], "taken note of (an unknown event would be a 404), nothing said"
