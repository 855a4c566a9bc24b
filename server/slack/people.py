"""Who somebody in Slack is here, and what everybody in a channel may read.

An account is found by the e-mail address that Slack vouches for. What Slack says of people and members is
kept for a short while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Literal

from rag.slack_settings import SlackSettings
from rag.types import User
from server.auth.people import People
from server.auth.principal import Principal, Role
from server.slack.client import SlackClient

__all__ = ["Audience", "Directory", "Member", "Refusal", "Workspace"]

Kind = Literal["member", "guest", "stranger", "bot", "gone"]
PAGE = 1000
MOST_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where the bot is, and as whom."""

    team: str
    enterprise: str
    bot_user: str
    bot: str


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody as Slack knows them."""

    id: str
    kind: Kind
    email: str
    locale: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody gets no answer: the name of a phrase in words.toml."""

    phrase: str


@dataclass(frozen=True, slots=True)
class Audience:
    """Who reads what is said in a channel. ``groups`` are those that all of them are in; ``direct``: it is
    the conversation of one person with the bot.
    """

    channel: str
    direct: bool
    groups: frozenset[str] = frozenset()

    def user(self, asker: Principal) -> User:
        """Whose rights an answer there has. In a direct conversation the asker's own; elsewhere his private
        documents are nobody else's, whatever groups they share.
        """
        if self.direct:
            return asker.user
        return User("slack", tuple(sorted(self.groups & (asker.groups or frozenset()))))


class Directory:
    """Asks Slack, and the accounts of this home."""

    def __init__(self, client: SlackClient, people: People, settings: SlackSettings) -> None:
        self._client = client
        self._people = people
        self._settings = settings
        self._members: dict[str, tuple[float, Member]] = {}
        self._audiences: dict[str, tuple[float, Audience]] = {}
        self._workspace: Workspace | None = None

    async def workspace(self) -> Workspace:
        """Where the bot is. Raises one of FAILURES while Slack cannot be asked."""
        if self._workspace is None:
            told = await self._client.auth_test()
            self._workspace = Workspace(
                str(told["team_id"]),
                str(told.get("enterprise_id") or ""),
                str(told["user_id"]),
                str(told.get("bot_id") or ""),
            )
        return self._workspace

    async def member(self, user: str) -> Member:
        """Raises one of FAILURES."""
        kept = self._members.get(user)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        told = (await self._client.users_info(user=user, include_locale=True)).get("user") or {}
        found = _member(user, told, await self.workspace())
        if len(self._members) > MOST_KEPT:
            self._members.clear()
        self._members[user] = (time.monotonic() + self._settings.rights_s, found)
        return found

    async def asker(self, user: str) -> Principal | Refusal:
        """Whoever asks, or why he gets no answer. Raises one of FAILURES, StoreError."""
        member = await self.member(user)
        if member.kind in ("bot", "gone"):
            return Refusal("refused_unknown")
        known = await self._account(member)
        if isinstance(known, Principal) and member.kind == "member":
            return known
        if self._settings.outsiders == "public":
            # no group, and as the id of nobody: what is kept of him is his alone
            return Principal(f"slack-{user}", user, Role.READER, frozenset())
        if member.kind in ("guest", "stranger"):
            return Refusal(f"refused_{member.kind}")
        return known if isinstance(known, Refusal) else Refusal("refused_unknown")

    async def _account(self, member: Member) -> Principal | Refusal:
        if not member.email:
            return Refusal("refused_unknown")
        found = await asyncio.to_thread(self._people.with_email, member.email)
        if len(found) > 1:
            # which of them it is would be a guess at somebody's rights
            return Refusal("refused_ambiguous")
        return found[0].principal if found else Refusal("refused_unknown")

    async def audience(self, channel: str) -> Audience:
        """Who reads what is said in a channel now, or was a short while ago. Raises one of FAILURES."""
        kept = self._audiences.get(channel)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        about = (await self._client.conversations_info(channel=channel)).get("channel") or {}
        direct = bool(about.get("is_im"))
        found = Audience(channel, direct, frozenset() if direct else await self._shared(channel, about))
        self._audiences[channel] = (time.monotonic() + self._settings.rights_s, found)
        return found

    def forget(self, channel: str) -> None:
        """Somebody came or went."""
        self._audiences.pop(channel, None)

    async def _shared(self, channel: str, about: dict[str, Any]) -> frozenset[str]:
        """The groups that all who read the channel are in."""
        if about.get("is_ext_shared") or about.get("is_pending_ext_shared"):
            return frozenset()  # people of another organisation read it
        public = bool(about.get("is_channel")) and not about.get("is_private")
        if public and self._settings.public_channels == "everyone":
            return frozenset()
        shared: Set[str] | None = None
        for user in await self._readers(channel):
            member = await self.member(user)
            if member.kind in ("bot", "gone"):
                continue
            known = await self._account(member) if member.kind == "member" else None
            groups = known.groups or frozenset() if isinstance(known, Principal) else frozenset()
            shared = groups if shared is None else shared & groups
            if not shared:
                break
        return frozenset(shared or ())

    async def _readers(self, channel: str) -> list[str]:
        """The members of a channel, none of one that is too large to look at each: that leaves no groups."""
        found: list[str] = []
        cursor = ""
        while True:
            page = await self._client.conversations_members(channel=channel, limit=PAGE, cursor=cursor)
            found += page.get("members") or []
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if len(found) > self._settings.most_members:
                return []
            if not cursor:
                return found


def _member(user: str, told: dict[str, Any], workspace: Workspace) -> Member:
    email = str((told.get("profile") or {}).get("email") or "")
    enterprise = str((told.get("enterprise_user") or {}).get("enterprise_id") or "")
    team = str(told.get("team_id") or workspace.team)
    abroad = team != workspace.team and not (workspace.enterprise and enterprise == workspace.enterprise)
    kind: Kind = "member"
    if told.get("is_bot") or user == "USLACKBOT":
        kind = "bot"
    elif told.get("is_stranger") or abroad:
        kind = "stranger"
    elif told.get("deleted"):
        kind = "gone"
    elif told.get("is_restricted") or told.get("is_ultra_restricted"):
        kind = "guest"
    return Member(user, kind, email, str(told.get("locale") or ""))
