"""Much at once, much of it twice, and the server killed meanwhile: every question has one answer. Slack
refuses calls at random; none is repeated too soon. Both ways in. (tests/bench/slack.py: the full numbers.)
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.slack import APP_TOKEN, Message, Slack
from tests.fakes.slack.limits import Limits
from tests.flow.slack_house import House, house_of, until

pytestmark = pytest.mark.models

QUESTIONS = (
    "How many days of annual leave do employees have?",
    "员工出差住宿费上限是多少？",
    "When do unused days of annual leave lapse?",
)
RETRY_S = (0.1, 1.0, 5.0, 5.0, 5.0)
WITHIN_S = 120.0
UNPACED = "0"  # the stand-in's refusals are the only pace


def answers(slack: Slack, asked: list[Message]) -> dict[str, list[Message]]:
    """The bot's messages by the question that they answer."""
    return {one.ts: list(slack.workspace.said(one.channel, one.ts, seen_by="")) for one in asked}


def all_answered(slack: Slack, asked: list[Message]) -> Callable[[], bool]:
    def done() -> bool:
        return all(
            any(m.state == "done" and m.blocks for m in found) for found in answers(slack, asked).values()
        )

    return done


def unlimited() -> Limits:
    return Limits(minute_s=0.0001)


@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket"])
def test_none_is_lost_and_none_is_answered_twice(tmp_path: Path, socket_mode: bool) -> None:
    rng = random.Random(7)
    way_in = {"SLACK__APP_TOKEN": APP_TOKEN} if socket_mode else {}
    with Slack(limits=unlimited(), retry_s=RETRY_S) as slack:
        with house_of(tmp_path / "home", slack, SLACK__PACE=UNPACED, **way_in) as house:
            if socket_mode:
                until(lambda: slack.door.connections, "the websocket")
            asked, sent = [], []
            for number in range(45):
                again = rng.choice((1, 2)) if rng.random() < 0.3 else 0
                one, future = slack.says(QUESTIONS[number % 3], "UANN", "CSTAFF", again=again)
                asked.append(one)
                sent.append(future)
                if number % 20 == 15:
                    _killed(house, slack, socket_mode)
            assert [one for one in sent if one.result(WITHIN_S).took is None] == []
            if socket_mode:
                slack.run(slack.door.refresh()).result(10)
                until(lambda: slack.door.connections, "the websocket again")
                one, _ = slack.says(QUESTIONS[0], "UANN", "CSTAFF")
                asked.append(one)
            until(all_answered(slack, asked), "answers to all", WITHIN_S)
        # the server has ended: nothing comes after this
        assert {key: len(found) for key, found in answers(slack, asked).items() if len(found) != 1} == {}
        assert all(m.state == "done" for m in slack.workspace.said("CSTAFF"))


def _killed(house: House, slack: Slack, socket_mode: bool) -> None:
    """In the middle of its answers."""
    before = len(slack.workspace.said("CSTAFF"))
    until(lambda: len(slack.workspace.said("CSTAFF")) > before, "an answer that is begun")
    house.kill()
    house.start()
    if socket_mode:
        until(lambda: slack.door.connections, "the websocket")


def test_refusals_at_random_are_waited_for(tmp_path: Path) -> None:
    with Slack(limits=Limits(minute_s=0.0001, refusing=0.2), retry_s=RETRY_S) as slack:
        with house_of(tmp_path / "home", slack, SLACK__PACE=UNPACED):
            asked = [slack.says(QUESTIONS[i % 3], "UANN", "CSTAFF")[0] for i in range(20)]
            until(all_answered(slack, asked), "answers to all", WITHIN_S)
        assert {key: len(found) for key, found in answers(slack, asked).items() if len(found) != 1} == {}
    assert sum(slack.limits.refused.values()) >= 10
    assert slack.limits.too_soon == {}
    assert slack.errors() == {}


def test_where_slack_does_not_stream_a_message_is_posted_and_filled(tmp_path: Path) -> None:
    with Slack(limits=unlimited(), retry_s=RETRY_S, streams=False) as slack:
        with house_of(tmp_path / "home", slack, SLACK__PACE=UNPACED):
            asked = [slack.says(one, "UANN", "CSTAFF")[0] for one in QUESTIONS[:2]]
            until(all_answered(slack, asked), "answers to both", WITHIN_S)
        for one, words in zip(asked, ("25 days", "600元"), strict=True):
            (answer,) = answers(slack, [one])[one.ts]
            assert not answer.streamed
            assert words in answer.shown()
        assert slack.errors() == {"chat.startStream": "unknown_method"}


def test_fifty_at_once_are_acknowledged_within_a_second_and_no_limit_is_exceeded(tmp_path: Path) -> None:
    faster = 30
    with Slack(limits=Limits(60 / faster), retry_s=RETRY_S) as slack:
        with house_of(tmp_path / "home", slack, SLACK__PACE=str(faster)):
            first, _ = slack.says(QUESTIONS[0], "UANN", "CSTAFF")
            until(all_answered(slack, [first]), "the first answer")
            both = [slack.says(QUESTIONS[i % 3], "UANN", "CSTAFF") for i in range(50)]
            took = [sent.result(20).took for _, sent in both]
            assert max(one for one in took if one is not None) <= 1.0
            assert None not in took
            until(all_answered(slack, [one for one, _ in both]), "answers to all", WITHIN_S)
        assert slack.limits.exceeded == {}
        assert slack.limits.too_soon == {}
        assert slack.errors() == {}
