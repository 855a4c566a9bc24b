"""Looks at everything that the bot depends on, and says what is missing and what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from croniter import croniter
from slack_sdk.errors import SlackApiError

from rag.settings import Settings
from rag.store import Store
from server.auth.people import People
from server.doctor import Finding
from server.slack.client import FAILURES, SlackClient, error_of
from server.slack.manifest import EVENTS_PATH, SCOPES

__all__ = ["check"]

AREA = "slack"
_INSTALL = "Install the app to the workspace again, and copy its bot token to slack.bot_token."


async def check(settings: Settings) -> list[Finding]:
    """What was found, in the order in which it matters."""
    client = SlackClient(settings.slack)
    client.open()
    try:
        return [finding async for finding in _findings(settings, client)]
    finally:
        await client.close()


async def _findings(settings: Settings, client: SlackClient) -> AsyncIterator[Finding]:
    slack = settings.slack
    for finding in _configured(settings):
        yield finding
    if slack.bot_token:
        async for finding in _bot(settings, client):
            yield finding
    if slack.app_token:
        yield await _socket_mode(settings, client)
    yield await asyncio.to_thread(_accounts, settings)


def _configured(settings: Settings) -> list[Finding]:
    slack, found = settings.slack, []
    if not slack.bot_token:
        remedy = "Make the app with `citewell slack manifest`, install it, and set slack.bot_token."
        found.append(Finding(AREA, "bot token", "fail", "not set", remedy))
    elif not slack.bot_token.startswith("xoxb-"):
        found.append(Finding(AREA, "bot token", "fail", "no token of a bot (xoxb-…)", _INSTALL))
    if not slack.app_token and not slack.signing_secret:
        remedy = "Set slack.app_token for Socket Mode, or slack.signing_secret for events over HTTP."
        found.append(Finding(AREA, "way in", "fail", "neither Socket Mode nor HTTP is set up", remedy))
    if slack.app_token and not slack.app_token.startswith("xapp-"):
        remedy = "Make an app-level token with the scope connections:write, and set slack.app_token."
        found.append(Finding(AREA, "app token", "fail", "no token of an app (xapp-…)", remedy))
    if slack.signing_secret:
        public = settings.server.public_url
        if public.startswith("https://"):
            found.append(Finding(AREA, "way in", "ok", f"events at {public}{EVENTS_PATH}"))
        else:
            remedy = "Set server.public_url to the https address that Slack reaches this server by."
            state = "warn" if slack.app_token else "fail"
            found.append(Finding(AREA, "way in", state, "no public https address", remedy))  # type: ignore[arg-type]
    if slack.digest and not croniter.is_valid(slack.digest):
        remedy = "Write it as minute hour day month weekday: 0 9 * * 1."
        found.append(Finding(AREA, "digest", "fail", f"{slack.digest!r} is no cron expression", remedy))
    return found


async def _bot(settings: Settings, client: SlackClient) -> AsyncIterator[Finding]:
    try:
        told = await client.auth_test()
    except FAILURES as failure:
        if error := error_of(failure):
            yield Finding(AREA, "bot token", "fail", f"Slack says {error}", _INSTALL)
        else:
            remedy = "Let this machine reach slack.api_url, directly or by HTTPS_PROXY."
            yield Finding(AREA, "Web API", "fail", f"not reached ({type(failure).__name__})", remedy)
        return
    yield Finding(AREA, "bot token", "ok", f"{told.get('user')} in {told.get('team')}")
    granted = {str(name).lower(): str(value) for name, value in dict(told.headers).items()}
    scopes = {one.strip() for one in granted.get("x-oauth-scopes", "").split(",") if one.strip()}
    missing = [one for one in SCOPES if one not in scopes]
    if missing:
        remedy = (
            "Add them to the app (or take the manifest of `citewell slack manifest`), and install it again."
        )
        yield Finding(AREA, "scopes", "fail", f"missing: {', '.join(missing)}", remedy)
    else:
        yield Finding(AREA, "scopes", "ok", f"all {len(SCOPES)} are there")
    if settings.slack.help_channel:
        yield await _help_channel(settings.slack.help_channel, client)


async def _help_channel(channel: str, client: SlackClient) -> Finding:
    try:
        about = (await client.conversations_info(channel=channel)).get("channel") or {}
    except SlackApiError as failure:
        remedy = "Set slack.help_channel to the id of a channel (C…), and invite the bot."
        return Finding(AREA, "help channel", "fail", f"{channel}: {error_of(failure)}", remedy)
    if not about.get("is_member"):
        return Finding(AREA, "help channel", "fail", "the bot is no member", f"Invite it to {channel}.")
    return Finding(AREA, "help channel", "ok", f"#{about.get('name')}")


async def _socket_mode(settings: Settings, client: SlackClient) -> Finding:
    try:
        told = await client.apps_connections_open(app_token=settings.slack.app_token)
    except FAILURES as failure:
        why = error_of(failure) or type(failure).__name__
        remedy = "Switch Socket Mode on, and give the app-level token the scope connections:write."
        return Finding(AREA, "Socket Mode", "fail", why, remedy)
    return Finding(AREA, "Socket Mode", "ok", f"connects to {str(told['url']).partition('?')[0]}")


def _accounts(settings: Settings) -> Finding:
    """Whether anybody can be recognised: by e-mail address."""
    store = Store.open(settings)
    try:
        everybody = [one for one in People(store).all() if not one.disabled]
    finally:
        store.close()
    known = sum(bool(one.email) for one in everybody)
    detail = f"{known} of {len(everybody)} accounts have an e-mail address"
    if known:
        return Finding(AREA, "accounts", "ok", detail)
    remedy = "People are known by their e-mail address: `citewell user add NAME --email ADDRESS`."
    return Finding(AREA, "accounts", "warn", detail, remedy)
