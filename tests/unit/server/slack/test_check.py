"""`citewell slack manifest` and `citewell slack check`."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import server.slack.check
from rag.settings import Settings
from rag.store import Store
from server.commands.slack import app
from server.slack.check import check
from server.slack.manifest import SCOPES, manifest
from tests.unit.server.slack.conftest import Web


def test_the_manifest_names_every_way_in_or_none(settings: Settings) -> None:
    made = manifest(settings, socket_mode=False)
    url = "https://citewell.example/v1/slack/events"
    assert made["settings"]["event_subscriptions"]["request_url"] == url
    assert made["settings"]["interactivity"]["request_url"] == url
    assert made["features"]["slash_commands"][0]["url"] == url
    assert not made["settings"]["socket_mode_enabled"]
    other = manifest(settings, socket_mode=True)
    assert other["settings"]["socket_mode_enabled"]
    assert url not in json.dumps(other)
    assert "app_mention" in other["settings"]["event_subscriptions"]["bot_events"]
    assert other["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)


def test_the_command_prints_it() -> None:
    printed = CliRunner().invoke(app, ["manifest", "--name", "Owl"])
    assert printed.exit_code == 0
    assert json.loads(printed.stdout)["display_information"]["name"] == "Owl"


def test_nothing_is_set_up() -> None:
    printed = CliRunner().invoke(app, ["check", "--json"])
    assert printed.exit_code == 1
    found = {one["name"]: one for one in json.loads(printed.stdout)["checks"]}
    assert found["bot token"]["state"] == "fail"
    assert "citewell slack manifest" in found["bot token"]["remedy"]
    assert "Socket Mode" in found["way in"]["remedy"]


async def test_all_is_well(settings: Settings, store: Store, web: Web) -> None:
    web.headers["auth.test"] = {"X-OAuth-Scopes": ",".join(SCOPES)}
    found = {one.name: one for one in await check(settings)}
    assert {name: one.state for name, one in found.items()} == dict.fromkeys(
        ("way in", "bot token", "scopes", "accounts"), "ok"
    )
    assert found["accounts"].detail == "3 of 3 accounts have an e-mail address"


async def test_what_is_missing_is_told_with_its_remedy(settings: Settings, store: Store, web: Web) -> None:
    web.headers["auth.test"] = {"x-oauth-scopes": "chat:write,commands"}
    web.fail["apps.connections.open"] = "not_allowed_token_type"
    web.channels["CHELP"] = {"id": "CHELP", "name": "help", "is_member": False}
    given = {"app_token": "xoxb-2", "help_channel": "CHELP", "digest": "often"}
    slack = settings.slack.model_copy(update=given)
    found = {one.name: one for one in await check(settings.model_copy(update={"slack": slack}))}
    assert found["scopes"].detail.startswith("missing: app_mentions:read, assistant:write")
    assert "install it again" in found["scopes"].remedy
    for name in ("app token", "Socket Mode", "help channel", "digest"):
        assert found[name].state == "fail"
        assert found[name].remedy


async def test_a_wrong_token_and_no_network(
    settings: Settings, store: Store, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.fail["auth.test"] = "invalid_auth"
    found = {one.name: one for one in await check(settings)}
    assert (found["bot token"].state, found["bot token"].detail) == ("fail", "Slack says invalid_auth")

    async def broken(self: object, *_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(server.slack.check.SlackClient, "auth_test", broken)
    found = {one.name: one for one in await check(settings)}
    assert (found["Web API"].state, "HTTPS_PROXY" in found["Web API"].remedy) == ("fail", True)
