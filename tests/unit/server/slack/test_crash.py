"""What a server that died has left undone is finished by the next, in the message that it had begun."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from rag.store import Store
from rag.tables_conversations import message
from rag.tables_slack import slack_event
from server.app import create_app
from server.slack.inbox import Inbox, Received
from server.slack.messages import Asked
from tests.fakes.assistant import FakeAssistant
from tests.fakes.served import LOCAL
from tests.unit.server.slack.conftest import Sender, Web, texts

pytestmark = pytest.mark.slow

LEAVE = "How many days of annual leave do employees have?"
TS = "1700000001.000100"
ASKED = Asked("T1", "C1", TS, TS, "UANN", LEAVE, False, True, False)


def left(store: Store, **notes: Any) -> None:
    """A question that another server held when it died."""
    dead = Inbox(store, "dead", -1)
    dead.put(Received("Ev1", "question", ASKED.payload(), "UANN", ASKED.place, f"C1:{TS}"))
    claimed = dead.claim()
    assert claimed is not None
    if notes:
        dead.note(claimed, **notes)


def served(app: FastAPI, web: Web, store: Store) -> None:
    with TestClient(app, base_url=LOCAL) as http:
        Sender(http, web, store).idle(1)


def test_a_question_that_was_not_begun(app: FastAPI, web: Web, store: Store) -> None:
    left(store)
    served(app, web, store)
    assert len(web.made("chat.startStream")) == 1
    assert "25 days" in web.made("chat.startStream")[0]["markdown_text"]


def test_a_reply_that_was_begun_is_gone_on_with(app: FastAPI, web: Web, store: Store) -> None:
    left(store, replies=["1700000005.000100"])
    served(app, web, store)
    assert not web.made("chat.startStream") + web.made("chat.postMessage")
    assert web.made("chat.stopStream")[0]["ts"] == "1700000005.000100"
    (updated,) = web.made("chat.update")
    assert updated["ts"] == "1700000005.000100"
    assert "25 days" in updated["text"]
    assert "*Sources*" in texts(updated["blocks"])


def test_a_reply_that_nobody_could_note_is_found_in_the_thread(app: FastAPI, web: Web, store: Store) -> None:
    web.replies[TS] = [
        {"ts": TS, "user": "UANN", "text": LEAVE},
        {"ts": "1700000004.000100", "user": "UBOB", "text": "I wonder, too"},
        {"ts": "1700000005.000100", "user": "UBOT", "bot_id": "B1", "text": "“Employees"},
    ]
    left(store)
    served(app, web, store)
    assert [one["ts"] for one in web.made("chat.update")] == ["1700000005.000100"]
    assert not web.made("chat.startStream") + web.made("chat.postMessage")
    # noted at once: an attempt that died after this would leave a message that counts as answered
    with store.read() as connection:
        assert connection.execute(select(slack_event.c.notes)).scalar_one()["replies"] == [
            "1700000005.000100"
        ]


def test_a_finished_answer_is_not_made_anew(app: FastAPI, web: Web, store: Store) -> None:
    web.channel("C1", "UANN", "UADA")
    left(store)
    served(app, web, store)
    with store.write(silent=True) as connection:  # as if it had died before it was done
        again = {"state": "new", "payload": ASKED.payload(), "until": 0.0}
        connection.execute(update(slack_event).values(**again))
    other = FakeAssistant()
    served(create_app(app.state.readiness.settings, other), web, store)
    assert other.asked == []
    assert "25 days" in web.made("chat.update")[-1]["text"]
    with store.read() as connection:
        assert len(connection.execute(select(message.c.id)).all()) == 2


def test_what_fails_is_tried_again_and_told_in_the_end(
    slack_sends: Sender, web: Web, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    web.fail |= {"chat.startStream": "fatal_error", "chat.postMessage": "fatal_error"}
    slack_sends.mention(LEAVE)
    slack_sends.wait(lambda: "Attempt 2 " in caplog.text)
    del web.fail["chat.startStream"]
    slack_sends.idle(1)
    assert len({one["ts"] for one in web.made("chat.stopStream")}) == 1
    assert "annual leave" not in caplog.text


@pytest.fixture
def slack() -> dict[str, Any]:
    return {"attempts": 3, "answers_at_once": 2}


def test_after_the_last_attempt_the_asker_is_told(slack_sends: Sender, web: Web, store: Store) -> None:
    web.fail |= {"conversations.info": "internal_error"}
    slack_sends.mention(LEAVE)
    told = slack_sends.called("chat.postEphemeral")
    assert "could not answer" in told["text"]
    slack_sends.idle()
    with store.read() as connection:
        row = connection.execute(select(slack_event)).one()
    assert (row.state, row.attempts, row.payload) == ("failed", 3, {})


@pytest.fixture
def two_elsewhere(store: Store) -> None:
    """Two questions that another server holds; kept before this one starts, which would take them."""
    other = Inbox(store, "other", 30)
    for number, thread in enumerate(("", f"C1:{TS}")):  # the question waits for the one before it
        other.put(Received(f"x{number}", "question", ASKED.payload(), "UBOB", thread=thread))
        assert other.claim() is not None


@pytest.mark.usefixtures("two_elsewhere")
def test_who_waits_is_told_how_many_come_before(slack_sends: Sender, web: Web) -> None:
    slack_sends.mention(LEAVE)
    slack_sends.wait(lambda: "will answer after 2 other questions…" in texts(web.calls))
