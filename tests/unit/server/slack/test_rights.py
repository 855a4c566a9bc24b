"""Who is answered from which documents: the asker's account, and everybody else in the channel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from rag.slack_settings import SlackSettings
from rag.store import Store
from server.auth.people import People
from server.auth.principal import Principal
from server.slack.client import SlackClient
from server.slack.people import Directory, Refusal
from tests.fakes.company import SECRET
from tests.unit.server.slack.conftest import Sender, Web, buttons_of, texts

SALARY = "What is the salary of the managing director?"
LEAVE = "How many days of annual leave do employees have?"


@pytest.fixture
def directory(client: SlackClient, store: Store) -> Callable[..., Directory]:
    def made(**settings: Any) -> Directory:
        return Directory(client, People(store), SlackSettings(bot_token="xoxb-1", **settings))

    return made


def asker(directory: Directory, user: str) -> Any:
    return asyncio.run(directory.asker(user))


def groups(directory: Directory, channel: str) -> set[str]:
    return set(asyncio.run(directory.audience(channel)).groups)


def test_an_account_is_found_by_its_address_in_whatever_case(directory: Callable[..., Directory]) -> None:
    found = asker(directory(), "UANN")
    assert isinstance(found, Principal)
    assert (found.name, found.groups) == ("Ann", frozenset({"staff", "board"}))


@pytest.mark.parametrize(
    ("about", "refusal"),
    [
        ({"profile": {"email": "nobody@heron.example"}}, "refused_unknown"),
        ({"profile": {}}, "refused_unknown"),
        ({"is_restricted": True}, "refused_guest"),
        ({"is_restricted": True, "is_ultra_restricted": True}, "refused_guest"),
        ({"is_stranger": True}, "refused_stranger"),
        ({"team_id": "T2"}, "refused_stranger"),
        ({"is_bot": True}, "refused_unknown"),
        ({"deleted": True}, "refused_unknown"),
    ],
    ids=lambda value: str(value),
)
def test_who_is_refused(
    directory: Callable[..., Directory], web: Web, about: dict[str, Any], refusal: str
) -> None:
    web.person("U9", **{"email": "ann@heron.example"}, **{k: v for k, v in about.items() if k != "profile"})
    web.users["U9"] |= about
    assert asker(directory(), "U9") == Refusal(refusal)
    let_in = asker(directory(outsiders="public"), "U9")
    if about.keys() & {"is_bot", "deleted"}:
        assert let_in == Refusal(refusal)
    else:
        assert (let_in.groups, let_in.user.groups) == (frozenset(), ("user:slack-U9",))


def test_the_same_address_twice_and_a_disabled_account(
    directory: Callable[..., Directory], store: Store
) -> None:
    people = People(store)
    people.add("Ann2", "four plain words here", email="ANN@heron.example", groups=["secret"])
    assert asker(directory(), "UANN") == Refusal("refused_ambiguous")
    people.change(people.named("Ann2").id, {"disabled": True})
    assert asker(directory(), "UANN").groups == frozenset({"staff", "board"})


def test_a_channel_reads_what_all_of_its_members_may(directory: Callable[..., Directory], web: Web) -> None:
    at = directory()
    web.person("UGUEST", "ann@heron.example", is_restricted=True)
    web.person("UNEW", "new@heron.example")
    web.person("UGONE", "gone@heron.example", deleted=True)
    web.channel("CANN", "UANN")
    web.channel("CADA", "UANN", "UADA", "UGONE")
    web.channel("CGUEST", "UANN", "UGUEST")
    web.channel("CNEW", "UANN", "UADA", "UNEW")
    web.channel("CSHARED", "UANN", is_ext_shared=True)
    web.channel("CPENDING", "UANN", is_pending_ext_shared=True)
    web.channel("CPUBLIC", "UANN", is_private=False)
    assert groups(at, "CANN") == groups(at, "CADA") == {"staff", "board"}
    assert groups(at, "C1") == {"staff"}
    for channel in ("CGUEST", "CNEW", "CSHARED", "CPENDING"):
        assert groups(at, channel) == set()
    assert groups(at, "CPUBLIC") == {"staff", "board"}
    assert groups(directory(public_channels="everyone"), "CPUBLIC") == set()
    assert groups(directory(most_members=2), "CADA") == set()


def test_members_are_asked_for_page_by_page_and_remembered(
    directory: Callable[..., Directory], web: Web
) -> None:
    at = directory()
    groups(at, "C1")
    assert [one.get("cursor") for one in web.made("conversations.members")] == ["", "2"]
    web.channel("C1", "UANN")
    assert groups(at, "C1") == {"staff"}
    at.forget("C1")
    assert groups(at, "C1") == {"staff", "board"}
    fresh = directory(rights_s=0)
    groups(fresh, "C1")
    web.channel("C1", "UANN", "UBOB")
    assert groups(fresh, "C1") == {"staff"}


def test_in_a_channel_nobody_learns_what_not_all_may_read(slack_sends: Sender, web: Web) -> None:
    slack_sends.mention(SALARY)
    told = slack_sends.called("chat.postEphemeral")
    assert (told["channel"], told["user"], told["thread_ts"]) == ("C1", "UANN", "1700000001.000100")
    assert SECRET.split(" is ")[1] in told["text"]
    assert "Only you see this" in texts(told["blocks"])
    assert buttons_of(told["blocks"])[0] == "share"
    public = [one for name, one in web.calls if name.startswith("chat.") and name != "chat.postEphemeral"]
    assert public
    assert "250000" not in texts(public)


def test_who_may_read_no_more_is_offered_nothing(slack_sends: Sender, web: Web) -> None:
    slack_sends.mention(SALARY, user="UBOB")
    slack_sends.called("chat.stopStream")
    slack_sends.idle()
    assert web.made("chat.postEphemeral") == []
    assert "250000" not in texts([one for _, one in web.calls])


def test_the_asker_alone_reads_a_direct_answer(slack_sends: Sender, web: Web) -> None:
    slack_sends.message(SALARY)
    slack_sends.called("chat.stopStream")
    assert "250000" in web.made("chat.startStream")[0]["markdown_text"]
    slack_sends.idle()
    assert web.made("chat.postEphemeral") == []


def test_when_all_members_may_read_it_all_of_them_do(slack_sends: Sender, web: Web) -> None:
    web.channel("C2", "UANN", "UADA")
    slack_sends.mention(SALARY, channel="C2")
    slack_sends.called("chat.stopStream")
    assert "250000" in web.made("chat.startStream")[0]["markdown_text"]


def test_somebody_unknown_is_told_so_alone(slack_sends: Sender, web: Web) -> None:
    web.person("UNEW", "new@heron.example")
    slack_sends.mention(LEAVE, user="UNEW")
    told = slack_sends.called("chat.postEphemeral")
    assert (told["user"], "no Citewell account" in told["text"]) == ("UNEW", True)
    web.person("UGUEST", "ann@heron.example", is_restricted=True)
    slack_sends.mention("年假有几天？", user="UGUEST", ts="1700000002.000100")
    assert slack_sends.called("chat.postEphemeral", 2)["text"] == "我不回答此工作区访客的提问。"
    slack_sends.idle()
    assert not web.made("chat.startStream") + web.made("chat.postMessage")


def test_a_channel_of_groups_and_collections(slack_sends: Sender, web: Web, store: Store) -> None:
    from server.slack.channels import Channels, ChannelSettings

    Channels(store).put("T1", "C1", ChannelSettings(groups=("board",), language="zh"))
    slack_sends.mention(LEAVE, user="UBOB")
    assert "特定群组" in slack_sends.called("chat.postEphemeral")["text"]
    Channels(store).put("T1", "C1", ChannelSettings(collections=("nothing",)))
    slack_sends.mention(LEAVE, ts="1700000002.000100")
    stopped = slack_sends.called("chat.stopStream")
    assert "The documents that everyone here may read do not say" in texts(stopped["blocks"])
