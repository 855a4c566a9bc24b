"""The stand-in of Slack refuses what Slack refuses; asked by the unmodified client of slack_sdk."""

from collections.abc import Iterator

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.fakes.slack import APP_TOKEN, BOT_TOKEN, Slack
from tests.fakes.slack.limits import Limits

LONG = {"type": "mrkdwn", "text": "x" * 3001}
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "words"}}


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack(limits=Limits(minute_s=0.001)) as made:
        made.workspace.person("UANN", "ann@heron.example")
        made.workspace.person("UBOB", "bob@heron.example")
        made.workspace.channel("C1", "UANN")
        made.workspace.channels["C2"] = {"id": "C2", "is_private": True, "is_im": False}
        made.workspace.members["C2"] = ["UANN"]
        yield made


def client(slack: Slack, token: str = BOT_TOKEN) -> WebClient:
    return WebClient(token, base_url=slack.api_url)


def refused(call: object, **fields: object) -> str:
    assert callable(call)
    with pytest.raises(SlackApiError) as error:
        call(**fields)
    return str(error.value.response["error"])


def test_tokens_and_scopes(slack: Slack) -> None:
    assert client(slack).auth_test()["user_id"] == "UBOT"
    assert refused(client(slack, "xoxb-other").auth_test) == "invalid_auth"
    assert refused(client(slack).apps_connections_open, app_token=BOT_TOKEN) == "invalid_auth"
    assert client(slack).apps_connections_open(app_token=APP_TOKEN)["url"].startswith("ws://127.0.0.1")
    assert refused(client(slack).api_call, api_method="chat.nothing") == "unknown_method"
    slack.scopes = ("users:read",)
    assert refused(client(slack).chat_postMessage, channel="C1", text="x") == "missing_scope"
    assert client(slack).users_info(user="UANN")["user"]["profile"]["email"] == "ann@heron.example"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"channel": "C9", "text": "x"}, "channel_not_found"),
        ({"channel": "C2", "text": "x"}, "channel_not_found"),
        ({"channel": "C1"}, "no_text"),
        ({"channel": "C1", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "C1", "text": "x", "thread_ts": "1.1"}, "invalid_thread_ts"),
        ({"channel": "C1", "blocks": [SECTION] * 51}, "invalid_blocks"),
        ({"channel": "C1", "blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
        ({"channel": "C1", "blocks": [SECTION | {"text": LONG}]}, "invalid_blocks"),
        ({"channel": "C1", "blocks": [{"type": "markdown", "text": "x" * 7000}] * 2}, "msg_blocks_too_long"),
    ],
)  # fmt: skip
def test_messages(slack: Slack, fields: dict[str, object], error: str) -> None:
    assert refused(client(slack).api_call, api_method="chat.postMessage", json=fields) == error
    assert slack.workspace.messages == []


def test_a_stream_is_written_until_it_is_stopped_and_edited_afterwards(slack: Slack) -> None:
    at = client(slack)
    thread = at.chat_postMessage(channel="C1", text="begin")["ts"]
    to = {"channel": "C1", "thread_ts": thread}
    assert refused(at.chat_startStream, **to) == "missing_recipient_user_id"
    ts = at.chat_startStream(**to, recipient_user_id="UANN", recipient_team_id="T1", markdown_text="a")["ts"]
    at.chat_appendStream(channel="C1", ts=ts, markdown_text="b")
    assert refused(at.chat_update, channel="C1", ts=ts, text="c") == "streaming_state_conflict"
    at.chat_stopStream(channel="C1", ts=ts, blocks=[SECTION])
    assert (
        refused(at.chat_appendStream, channel="C1", ts=ts, markdown_text="d")
        == "message_not_in_streaming_state"
    )
    (_, made) = slack.workspace.messages
    assert (made.text, made.pieces, made.blocks, made.state) == ("ab", ["a", "b"], [SECTION], "done")
    at.chat_update(channel="C1", ts=ts, text="e")
    assert (made.text, made.edits) == ("e", 1)


def test_ephemeral_messages_and_pages_of_members(slack: Slack) -> None:
    at = client(slack)
    assert refused(at.chat_postEphemeral, channel="C1", user="UBOB", text="x") == "user_not_in_channel"
    slack.workspace.channel("C3", "UANN", "UBOB")
    pages = [list(page["members"]) for page in at.conversations_members(channel="C3")]
    assert pages == [["UANN", "UBOB"], ["UBOT"]]


def test_rates(slack: Slack) -> None:
    slack.limits = Limits(minute_s=60)
    at = client(slack)
    for _ in range(50):
        at.conversations_info(channel="C1")
    with pytest.raises(SlackApiError) as error:
        at.conversations_info(channel="C1")
    assert error.value.response.status_code == 429
    assert 50 < int(error.value.response.headers["Retry-After"]) <= 60
    at.chat_postMessage(channel="C1", text="one")
    assert refused(at.chat_postMessage, channel="C1", text="two") == "ratelimited"
    assert slack.limits.exceeded == {"conversations.info": 1, "chat.postMessage": 1}
