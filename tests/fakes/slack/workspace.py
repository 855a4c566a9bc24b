"""What Slack knows: people, channels, and the messages in them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["APP_TOKEN", "BOT", "BOT_TOKEN", "SECRET", "TEAM", "Message", "Workspace"]

TEAM, BOT, BOT_USER_ID = "T1", "UBOT", "B1"
BOT_TOKEN, APP_TOKEN, SECRET = "xoxb-stand-in", "xapp-stand-in", "8f742231b10e8888abcd99yyyzzz85a5"


@dataclass
class Message:
    """``state`` is "streaming" while it is being streamed; ``seen_by`` is empty for one that all may see."""

    ts: str
    channel: str
    user: str
    text: str = ""
    thread: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    state: str = "done"
    streamed: bool = False
    seen_by: str = ""
    pieces: list[str] = field(default_factory=list)  # of a stream, as they came
    edits: int = 0

    def shown(self) -> str:
        """All words of it."""
        return "\n".join([self.text, *_words(self.blocks)])

    def buttons(self) -> dict[str, str]:
        """Values by action id."""
        found = {}
        for block in self.blocks:
            for one in [*block.get("elements", []), block.get("accessory") or {}]:
                if one.get("type") == "button":
                    found[one["action_id"]] = one.get("value", "")
        return found


def _words(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return own + [word for key, one in value.items() if key != "text" or not own for word in _words(one)]
    if isinstance(value, list):
        return [word for one in value for word in _words(one)]
    return []


class Workspace:
    """Safe to read from other threads."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.channels: dict[str, dict[str, Any]] = {}
        self.members: dict[str, list[str]] = {}
        self.messages: list[Message] = []
        self.statuses: list[tuple[str, str, str]] = []  # channel, thread, status
        self.prompts: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.triggers: dict[str, float] = {}
        self.lock = threading.Lock()
        self._count = itertools.count(1)
        self.person(BOT, is_bot=True)

    def person(self, key: str, email: str = "", **about: Any) -> str:
        """``about``: is_restricted, is_ultra_restricted, is_stranger, team_id, deleted, locale ..."""
        given = {"team_id": TEAM, "name": key.lower(), "locale": "en-US", "deleted": False, "is_bot": False}
        self.users[key] = {"id": key, **given, "profile": {"email": email}, **about}
        return key

    def channel(self, key: str, *members: str, kind: str = "private", **about: Any) -> str:
        """``kind``: public, private, im."""
        flags = {"is_channel": kind != "im", "is_private": kind != "public", "is_im": kind == "im"}
        self.channels[key] = {"id": key, "name": key.lower(), **flags, "is_ext_shared": False, **about}
        self.members[key] = [*members, BOT]
        return key

    def stamp(self) -> str:
        """A time for a message, later than all before."""
        with self.lock:
            return f"{int(time.time())}.{next(self._count):06}"

    def trigger(self) -> str:
        """A trigger id, good for three seconds."""
        key = f"13345224609.738474920.{next(self._count)}"
        self.triggers[key] = time.monotonic()
        return key

    def post(self, message: Message) -> Message:
        with self.lock:
            self.messages.append(message)
        return message

    def find(self, channel: str, ts: str) -> Message | None:
        return next((m for m in self.messages if m.channel == channel and m.ts == ts), None)

    def said(self, channel: str, thread: str = "", seen_by: str | None = None) -> Sequence[Message]:
        """The bot's messages there, in a thread where one is given, and to one person where one is given."""
        return [
            m for m in list(self.messages)
            if m.channel == channel and m.user == BOT and (not thread or m.thread == thread)
            and (seen_by is None or m.seen_by == seen_by)
        ]  # fmt: skip
