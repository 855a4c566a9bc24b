"""Slack's payloads -> questions: whether a message is one for the bot, and what it asks.

(https://docs.slack.dev/reference/events/app_mention and /message.)
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Asked", "asked_in", "is_courtesy", "is_question", "readable"]

_KINDS = (None, "", "file_share", "thread_broadcast")
_REFERENCE = re.compile(r"<([@#!]?)([^<>|]+)(?:\|([^<>]*))?>")
_ASKS = re.compile(
    r"[?？؟]|^\W*(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|can|could|may|"
    r"must|should|will|would|have|has|tell me|explain|describe|list|show me|find|"
    r"wer|wen|wem|was|welche[rsmn]?|wann|wo|woher|wohin|warum|wieso|wie|ist|sind|hat|haben|kann|können|darf|muss|gibt|"
    r"qui|que|quoi|quel(?:le)?s?|quand|où|pourquoi|comment|combien|est-ce|"
    r"qué|quién|cuál|cuándo|dónde|cuánt[oa]s?|cómo|por qué|"
    r"кто|что|как(?:ой|ая|ие)?|когда|где|почему|зачем|сколько|можно)\b|"
    r"请问|什么|为何|多少|多久|多长|多大|哪|何时|何地|几[个天年月次名位]|谁|怎么|怎样|如何|是否|能否|可否|有没有|是不是|"
    r"[吗嗎呢]\s*[。.!！]?$|告诉我|請問|什麼|為何|怎麼|ですか|ますか|でしょうか|いつ|どこ|なに|何|誰|なぜ",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"\W*(?:thanks?(?: you)?(?: (?:a lot|so much|very much|again))?|thx|ty|ok(?:ay)?|got it|great|perfect|"
    r"nice|cool|super|danke(?: schön| sehr)?|merci|gracias|спасибо|"
    r"(?:非常|多)?[谢謝]{2}[你您了啊]*|多[谢謝]|感[谢謝]|好的?|明白了?|知道了|收到|ありがとう(?:ございます)?|了解)\W*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A message. ``thread`` is the message that its thread begins with, itself where it begins one;
    ``direct``: nobody but its writer and the bot sees it; ``mentioned``: it names the bot; ``elsewhere``: it
    speaks to somebody else first.
    """

    team: str
    channel: str
    thread: str
    ts: str
    user: str
    text: str
    direct: bool
    mentioned: bool
    elsewhere: bool

    @property
    def place(self) -> str:
        """What is the same in all events about it."""
        return f"{self.team}:{self.channel}:{self.ts}"

    @property
    def follows(self) -> bool:
        """Whether it answers to something."""
        return self.thread != self.ts

    def payload(self) -> dict[str, Any]:
        """To be kept, and read with ``Asked(**payload)``."""
        return asdict(self)


def asked_in(body: Mapping[str, Any], bot_user: str) -> Asked | None:
    """The message that an event tells of; None when no person wrote it, or it was only changed."""
    event = body.get("event") or {}
    user, ts, channel = event.get("user"), event.get("ts"), event.get("channel")
    if event.get("type") not in ("message", "app_mention") or event.get("subtype") not in _KINDS:
        return None
    if event.get("bot_id") or not user or user == bot_user or not ts or not channel:
        return None
    text = str(event.get("text") or "")
    own = re.compile(rf"<@{re.escape(bot_user)}(?:\|[^>]*)?>")
    mentioned = bool(own.search(text)) or event["type"] == "app_mention"
    rest = own.sub(" ", text).strip()
    return Asked(
        team=str(body.get("team_id") or event.get("team") or ""),
        channel=str(channel),
        thread=str(event.get("thread_ts") or ts),
        ts=str(ts),
        user=str(user),
        text=readable(rest),
        direct=event.get("channel_type") == "im" or str(channel).startswith("D"),
        mentioned=mentioned,
        elsewhere=not mentioned and text.lstrip().startswith("<@"),
    )


def readable(text: str) -> str:
    """A message as people see it: names in place of ids where it has them, labels in place of links."""

    def named(match: re.Match[str]) -> str:
        kind, target, label = match.groups()
        if kind == "!":
            return f"@{target.partition('^')[0]}"
        return f"{kind}{label or target}" if kind else label or target

    return " ".join(html.unescape(_REFERENCE.sub(named, text)).split())


def is_question(text: str) -> bool:
    """Whether it asks something, as far as its words and marks tell; Chinese ones count."""
    return bool(_ASKS.search(text.strip()))


def is_courtesy(text: str) -> bool:
    """Whether it is a mere thank you."""
    return bool(_COURTESY.fullmatch(text.strip()))
