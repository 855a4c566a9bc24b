"""The unanswered questions, to the administrators, once."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from sqlalchemy import select

from rag.store import Store
from rag.tables_slack import slack_answer
from server.slack.digest import Digest, digest_blocks
from server.slack.inbox import Inbox, Received
from server.slack.threads import Placed
from tests.unit.server.slack.conftest import Sender, Web, texts

UNKNOWN = "Which zebra ate the xylophone?"
MONDAY_NINE = datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp()


def test_it_is_due_at_the_last_of_its_times_for_the_time_before() -> None:
    found = Digest.due("0 9 * * 1", MONDAY_NINE + 3600)
    assert found.id == f"digest:{MONDAY_NINE:.0f}"
    assert found.payload == {"since": MONDAY_NINE - 7 * 86_400, "until": MONDAY_NINE}
    assert Digest.due("0 9 * * 1", MONDAY_NINE - 60).id != found.id


def test_administrators_are_told_what_was_not_answered(slack_sends: Sender, web: Web, store: Store) -> None:
    slack_sends.mention(UNKNOWN, user="UBOB")
    slack_sends.message(UNKNOWN + " Really?", ts="1700000002.1")
    slack_sends.mention("How many days of annual leave do employees have?", ts="1700000003.1")
    slack_sends.idle(3)
    with store.read() as connection:
        verdicts = list(connection.execute(select(slack_answer.c.verdict)).scalars())
    assert sorted(verdicts)[0] in ("insufficient_context", "off_topic")
    now = time.time()
    payload = {"since": now - 60, "until": now + 60}
    Inbox(store, "x", 30).put(Received("digest:1", "digest", payload))
    told = slack_sends.called("chat.postMessage")
    assert told["channel"] == "UADA"
    shown = texts(told["blocks"])
    assert "<#C1>" in shown
    assert UNKNOWN in shown
    assert "Really?" not in shown
    assert "Asked where only the asker sees it: 1" in shown
    slack_sends.idle(4)
    assert len(web.made("chat.postMessage")) == 1


def test_without_unanswered_questions_nobody_is_told(slack_sends: Sender, web: Web, store: Store) -> None:
    Inbox(store, "x", 30).put(Received("digest:1", "digest", {"since": 0, "until": time.time()}))
    slack_sends.idle(1)
    assert web.made("chat.postMessage") == []


def test_long_digests_are_cut() -> None:
    def placed(channel: str) -> Placed:
        return Placed("m", "c", "o", "T1", channel, "1.1", "1.2", "U1", True, "off_topic")

    found = [(placed("C1"), f"Question {n}?") for n in range(25)] + [(placed("C2"), "x" * 500)]
    blocks = digest_blocks(found, MONDAY_NINE, "zh-CN")
    assert blocks[0]["text"]["text"] == "*自 2026-11-23 以来没有答案的问题*"
    assert blocks[1]["text"]["text"].endswith("• Question 19?\n另有 5 个")
    assert len(blocks[2]["text"]["text"]) < 200
