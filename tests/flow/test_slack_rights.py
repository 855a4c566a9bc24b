"""Who learns what in Slack: five people, five kinds of channels, three kinds of documents, every cell; and
who is no part of Slack at all. A real server, the real embedder, a stand-in for Slack; answers are quotes.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.fakes.slack import SECRET, Message, Slack
from tests.fakes.slack.delivery import signed
from tests.fakes.slack.limits import Limits
from tests.flow.slack_house import House, house_of, until

pytestmark = pytest.mark.models

FASTER = 60
# of a document for everyone, for staff, for the board
QUESTIONS = {
    "all": ("How many days of annual leave do employees have?", "25 days"),
    "staff": ("How often is the password of the guest network at the plant changed?", "every 90 days"),
    "board": ("What is the salary of the managing director?", "250000"),
}
# channel -> (who may ask there, what all in the channel may read)
CHANNELS = {
    "CALL": (("UANN", "UBOB", "UCY"), {"all"}),  # public, Cy among its members
    "CSTAFF": (("UANN", "UBOB"), {"all", "staff"}),
    "CBOARD": (("UANN",), {"all", "staff", "board"}),
    "CSHARED": (("UANN", "UBOB", "UELSE"), {"all"}),  # with another organisation
    "CGUEST": (("UANN", "UBOB", "UGUEST"), {"all"}),
}
OWN = {
    "UANN": {"all", "staff", "board"},
    "UBOB": {"all", "staff"},
    "UCY": {"all"},
    "UGUEST": set(),
    "UELSE": set(),
}
REFUSED = {"UGUEST": "do not answer guests", "UELSE": "do not answer people of other organisations"}


@pytest.fixture(scope="module")
def slack() -> Iterator[Slack]:
    with Slack(limits=Limits(60 / FASTER), retry_s=(0.1, 1.0, 5.0)) as made:
        yield made
        assert made.errors() == {}


@pytest.fixture(scope="module")
def house(slack: Slack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("rights") / "home"
    with house_of(home, slack, SLACK__PACE=str(FASTER)) as made:
        yield made


def whole(slack: Slack, channel: str, thread: str) -> Message:
    def there() -> Message | None:
        said = slack.workspace.said(channel, thread, seen_by="")
        return said[0] if said and said[0].state == "done" and said[0].blocks else None

    return until(there, f"an answer in {channel}")


def alone(slack: Slack, channel: str, thread: str, user: str) -> list[Message]:
    return [m for m in slack.workspace.said(channel, thread) if m.seen_by == user]


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channel_learns_what_all_in_it_may_and_the_asker_alone_the_rest(
    house: House, slack: Slack, channel: str
) -> None:
    askers, shared = CHANNELS[channel]
    for user in askers:
        for needs, (question, words) in QUESTIONS.items():
            before = len(slack.workspace.said(channel, seen_by=user))
            asked, _ = slack.says(question, user, channel)
            cell = f"{user} in {channel} about {needs}"
            if user in REFUSED:
                until(lambda: len(slack.workspace.said(channel, seen_by=user)) > before, cell)  # noqa: B023
                assert REFUSED[user] in slack.workspace.said(channel, seen_by=user)[before].text, cell
                assert slack.workspace.said(channel, asked.ts, seen_by="") == [], cell
                continue
            answer = whole(slack, channel, asked.ts)
            assert (words in answer.shown()) == (needs in shared), cell
            if needs in OWN[user] - shared:
                offered = until(lambda: alone(slack, channel, asked.ts, user), cell)  # noqa: B023
                assert words in offered[0].shown(), cell
    # what was said to all at any time
    for message in slack.workspace.said(channel, seen_by=""):
        for needs, (_, words) in QUESTIONS.items():
            assert needs in shared or words not in message.shown()
    # and nobody was told alone what he may not read
    for user, own in OWN.items():
        for message in slack.workspace.said(channel, seen_by=user):
            assert not [
                needs
                for needs, (_, words) in QUESTIONS.items()
                if needs not in own and words in message.shown()
            ]


@pytest.mark.parametrize("user", OWN)
def test_alone_with_the_bot_everyone_has_his_own_rights(house: House, slack: Slack, user: str) -> None:
    channel = f"D{user[1:]}"
    for needs, (question, words) in QUESTIONS.items():
        asked, _ = slack.says(question, user, channel)
        if user in REFUSED:
            said = until(lambda: slack.workspace.said(channel, asked.ts), needs)  # noqa: B023
            assert REFUSED[user] in said[0].text
        else:
            assert (words in whole(slack, channel, asked.ts).shown()) == (needs in OWN[user]), needs


def test_what_one_person_was_told_is_shared_only_with_those_who_may_read_it(
    house: House, slack: Slack
) -> None:
    question, words = QUESTIONS["staff"]
    for channel, may in (("CALL", False), ("CSTAFF", True)):
        before = len(slack.workspace.said(channel, seen_by="UBOB"))
        slack.command(question, "UBOB", channel).result(20)
        until(lambda: len(slack.workspace.said(channel, seen_by="UBOB")) > before + 1, channel)  # noqa: B023
        answer = slack.workspace.said(channel, seen_by="UBOB")[before + 1]
        assert words in answer.shown()
        shown = len(slack.workspace.said(channel, seen_by=""))
        slack.press(answer, "share", "UBOB")
        if may:
            until(lambda: len(slack.workspace.said(channel, seen_by="")) > shown, channel)  # noqa: B023
            assert words in slack.workspace.said(channel, seen_by="")[-1].shown()
        else:
            until(lambda: len(slack.workspace.said(channel, seen_by="UBOB")) > before + 2, channel)  # noqa: B023
            assert len(slack.workspace.said(channel, seen_by="")) == shown


def post(house: House, body: str, headers: dict[str, str]) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{house.port}/v1/slack/events", body.encode(), headers)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_who_is_not_slack_is_not_heard(house: House, slack: Slack) -> None:
    now = time.time()
    body = json.dumps({"type": "url_verification", "challenge": "c", "token": "x"})
    good = signed(SECRET, body, now)
    assert post(house, body, good) == 200
    assert post(house, body, good) == 401  # replayed
    assert post(house, body, signed("another secret", body, now)) == 401
    assert post(house, body, signed(SECRET, body + " ", now)) == 401
    assert post(house, body, signed(SECRET, body, now - 600)) == 401
    assert post(house, body, signed(SECRET, body, now + 600)) == 401
    assert post(house, body, {}) == 401
    forged = {"type": "app_mention", "user": "UANN", "channel": "CBOARD", "ts": "1700000099.000100",
              "text": "<@UBOT> What is the salary of the managing director?"}  # fmt: skip
    told = json.dumps({"team_id": "T1", "type": "event_callback", "event_id": "EvFORGED", "event": forged})
    assert post(house, told, signed("another secret", told, now)) == 401
    slack.says(QUESTIONS["all"][0], "UANN", "DANN")
    until(lambda: slack.workspace.said("DANN"), "an answer to somebody else")
    assert slack.workspace.said("CBOARD", "1700000099.000100") == []
