"""A mention, from Slack's signed request to the cited answer in its thread."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from sqlalchemy import select

from rag.store import Store
from rag.tables_slack import slack_answer, slack_event
from tests.unit.server.slack.conftest import SECRET, Sender, Web, texts

LEAVE = "How many days of annual leave do employees have?"
CHINESE = "员工出差住宿费上限是多少？"


def test_a_mention_ends_in_a_cited_answer_in_its_thread(slack_sends: Sender, web: Web, store: Store) -> None:
    slack_sends.mention(LEAVE)
    stopped = slack_sends.called("chat.stopStream")
    status = web.made("assistant.threads.setStatus")[0]
    assert (status["channel_id"], status["thread_ts"]) == ("C1", "1700000001.000100")
    (started,) = web.made("chat.startStream")
    assert (started["channel"], started["thread_ts"]) == ("C1", "1700000001.000100")
    assert (started["recipient_team_id"], started["recipient_user_id"]) == ("T1", "UANN")
    streamed = started["markdown_text"] + "".join(
        one["markdown_text"] for one in [*web.made("chat.appendStream"), stopped] if "markdown_text" in one
    )
    assert "25 days of annual leave" in streamed
    assert "https://citewell.example/d/" in streamed
    assert stopped["ts"] == "1800000001.000100"
    shown = texts(stopped["blocks"])
    assert "Verbatim from the documents" in shown
    assert "*Sources*" in shown
    assert "|leave" in shown
    buttons = [one["action_id"] for one in stopped["blocks"][-1]["elements"]]
    assert buttons == ["helpful", "not_helpful", "sources", "web"]
    slack_sends.wait(lambda: states(store) == [("done", {})])
    with store.read() as connection:
        placed = connection.execute(select(slack_answer)).one()
    assert (placed.channel, placed.thread, placed.ts) == ("C1", "1700000001.000100", "1800000001.000100")
    assert (placed.verdict, placed.open) == ("quoted", True)


def states(store: Store) -> list[tuple[str, Any]]:
    with store.read() as connection:
        return [(row.state, row.payload) for row in connection.execute(select(slack_event))]


def test_a_chinese_question_is_answered_in_chinese(slack_sends: Sender, web: Web) -> None:
    slack_sends.mention(CHINESE)
    stopped = slack_sends.called("chat.stopStream")
    assert "600" in web.made("chat.startStream")[0]["markdown_text"]
    assert "文档原文" in texts(stopped["blocks"])
    assert web.made("assistant.threads.setStatus")[0]["status"] == "正在查找文档……"


def test_no_event_and_no_message_counts_twice(slack_sends: Sender, web: Web, store: Store) -> None:
    mention = {"type": "app_mention", "user": "UANN", "channel": "C1", "ts": "1700000001.000100"}
    mention |= {"text": f"<@UBOT> {LEAVE}"}
    slack_sends.event(mention, "Ev1")
    slack_sends.event(mention, "Ev1", again=1)
    slack_sends.event({**mention, "type": "message", "channel_type": "channel"}, "Ev2")
    slack_sends.called("chat.stopStream")
    slack_sends.wait(lambda: states(store) == [("done", {})])
    slack_sends.event(mention, "Ev1", again=2)
    assert len(web.made("chat.startStream")) == 1
    assert states(store) == [("done", {})]


@pytest.mark.parametrize(
    "event",
    [
        {"bot_id": "B9"},
        {"subtype": "message_changed"},
        {"subtype": "bot_message"},
        {"user": "UBOT"},
        {"type": "message", "channel_type": "group", "text": LEAVE},
    ],
    ids=lambda event: json.dumps(event),
)
def test_what_nobody_asked_is_not_answered(
    slack_sends: Sender, web: Web, store: Store, event: dict[str, Any]
) -> None:
    known = {"type": "app_mention", "user": "UANN", "channel": "C1", "ts": "1.1", "text": f"<@UBOT> {LEAVE}"}
    slack_sends.event(known | event)
    assert states(store) == []


def test_forged_stale_and_replayed_requests_are_refused(slack_sends: Sender, store: Store) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "abc", "token": "x"})
    good = slack_sends.post(body)
    assert (good.status_code, good.json()) == (200, {"challenge": "abc"})
    assert slack_sends.post(body + " ", secret="another").status_code == 401
    assert slack_sends.post(body + "  ", at=time.time() - 600).status_code == 401
    assert slack_sends.post(body + "   ", at=time.time() + 600).status_code == 401
    now = time.time()
    assert slack_sends.post(body + "    ", at=now).status_code == 200
    replayed = slack_sends.post(body + "    ", at=now)
    assert (replayed.status_code, replayed.json()["detail"]) == (401, "The request is not signed by Slack.")
    for stamp, signature in (("", ""), ("x", "v0=1"), ("१", "v0=1"), (str(int(now)), "v0=ü")):
        headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}
        sent = {name: value.encode("utf-8") for name, value in headers.items()}
        refused = slack_sends.http.post("/v1/slack/events", content=body, headers=sent)
        assert refused.status_code == 401
    assert SECRET not in refused.text


def test_where_slack_does_not_stream_the_answer_is_a_message(slack_sends: Sender, web: Web) -> None:
    web.fail["chat.startStream"] = "unknown_method"
    slack_sends.mention(LEAVE)
    posted = slack_sends.called("chat.postMessage")
    assert posted["thread_ts"] == "1700000001.000100"
    last = slack_sends.wait(
        lambda: [
            one
            for one in [*web.made("chat.postMessage"), *web.made("chat.update")]
            if any(block["type"] == "actions" for block in one["blocks"])
        ]
    )[0]
    assert "25 days of annual leave" in last["text"]
    assert "https://citewell.example/d/" in texts(last["blocks"])
