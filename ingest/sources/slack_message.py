"""Messages of a Slack export -> threads, and a day's threads -> a page to read."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

__all__ = ["Message", "Names", "Thread", "page_of", "read_message", "threads_of"]

_HEADING = 90
# Comings, goings and settings: no one says anything in them
_SILENT = re.compile(
    r"(?:channel|group)_(?:join|leave|topic|purpose|name|archive|unarchive|convert_to_private|posting_permissions)"
    r"|pinned_item|unpinned_item|bot_add|bot_remove|tombstone|reminder_add|huddle_thread|app_conversation_.*|ekm_.*"
)
_STAMP = re.compile(r"\d{1,11}(?:\.\d+)?")
_TOKEN = re.compile(r"<([^<>\n]+)>")
_STRESS = re.compile(r"(?<![\w*])\*([^*\s](?:[^*\n]*[^*\s])?)\*(?![\w*])")
_SLANT = re.compile(r"(?<![\w_])_([^_\s](?:[^_\n]*[^_\s])?)_(?![\w_])")


@dataclass(frozen=True, slots=True)
class Names:
    """Names of users and labels of channels by their ids."""

    users: Mapping[str, str]
    channels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Message:
    """One message: ``moment`` in seconds since the epoch, ``text`` without Slack's marks. ``thread`` is the
    time stamp of the message that began its thread.
    """

    moment: float
    author: str
    text: str
    thread: str


@dataclass(slots=True)
class Thread:
    """Messages that belong together, and the files of the export that they were in."""

    messages: list[Message] = field(default_factory=list)
    files: set[str] = field(default_factory=set)


def read_message(entry: Mapping[str, Any], names: Names) -> Message | None:
    """A message of an export; None for what says nothing."""
    if entry.get("type", "message") != "message" or _SILENT.fullmatch(entry.get("subtype") or ""):
        return None
    stamp, thread = str(entry.get("ts", "")), str(entry.get("thread_ts") or "")
    if not _STAMP.fullmatch(stamp):
        return None
    text = _text(entry, names)
    if not text:
        return None
    return Message(float(stamp), _author(entry, names), text, thread if _STAMP.fullmatch(thread) else stamp)


def threads_of(messages: Iterable[tuple[str, Message]]) -> list[Thread]:
    """Threads in the order of their first message; messages come with the file that they were in."""
    threads: dict[str, Thread] = {}
    for file, message in messages:
        thread = threads.setdefault(message.thread, Thread())
        thread.messages.append(message)
        thread.files.add(file)
    for thread in threads.values():
        thread.messages.sort(key=lambda message: message.moment)
    return sorted(threads.values(), key=lambda thread: thread.messages[0].moment)


def page_of(title: str, threads: Sequence[Thread], zone: tzinfo) -> bytes:
    """A page of one day: each thread below a heading that tells what it is about, messages that stand alone
    together below the time of the first.
    """
    parts = [f'<html><head><meta charset="utf-8"><title>{html.escape(title)}</title></head><body>']
    parts.append(f"<h1>{html.escape(title)}</h1>")
    alone = False
    for thread in threads:
        first = thread.messages[0]
        if len(thread.messages) > 1:
            subject = " ".join(first.text.replace("```", " ").split())
            if len(subject) > _HEADING:
                subject = subject[:_HEADING].rstrip() + "…"
            parts.append(f"<h2>{html.escape(f'{first.author}: {subject}')}</h2>")
        elif not alone:
            parts.append(f"<h2>{_clock(first, zone)}</h2>")
        alone = len(thread.messages) == 1
        parts += [_shown(message, zone) for message in thread.messages]
    parts.append("</body></html>")
    return "\n".join(parts).encode()


def _clock(message: Message, zone: tzinfo) -> str:
    return datetime.fromtimestamp(message.moment, zone).strftime("%H:%M")


def _shown(message: Message, zone: tzinfo) -> str:
    """One message: plain lines as a paragraph, what stands between ``` as it is."""
    pieces = message.text.split("```")
    shown = []
    for position, piece in enumerate(pieces):
        if position % 2 and position < len(pieces) - 1:
            shown.append(f"<pre>{html.escape(piece.strip())}</pre>")
        elif piece.strip():
            shown.append(
                "<p>" + "<br>".join(html.escape(line) for line in piece.strip().split("\n")) + "</p>"
            )
    lead = html.escape(f"{message.author} ({_clock(message, zone)}): ")
    if shown and shown[0].startswith("<p>"):
        shown[0] = f"<p>{lead}{shown[0][3:]}"
    else:
        shown.insert(0, f"<p>{lead}</p>")
    return "\n".join(shown)


def _author(entry: Mapping[str, Any], names: Names) -> str:
    profile = entry.get("user_profile") or {}
    known = names.users.get(str(entry.get("user", "")))
    own = profile.get("display_name") or profile.get("real_name") or entry.get("username")
    return str(known or own or entry.get("user") or "bot")


def _text(entry: Mapping[str, Any], names: Names) -> str:
    """What a message says: its text, what programs attached to it, the names of its files."""
    lines = [str(entry.get("text") or "")]
    for attachment in entry.get("attachments") or ():
        told = [attachment.get(part) for part in ("pretext", "title", "text")]
        told += [f"{one.get('title', '')}: {one.get('value', '')}" for one in attachment.get("fields") or ()]
        lines += [str(one) for one in told if one] or [str(attachment.get("fallback") or "")]
    for file in entry.get("files") or ():
        name = file.get("title") or file.get("name")
        lines += [f"[{name}]"] if name else []
    unique = dict.fromkeys(plain for line in lines if (plain := _plain(line, names)))
    return "\n".join(unique)


def _plain(text: str, names: Names) -> str:
    """Slack's markup as it is read aloud: names for ids, labels for links."""
    text = _TOKEN.sub(lambda found: _token(found[1], names), text)
    text = _SLANT.sub(r"\1", _STRESS.sub(r"\1", text))
    return html.unescape(text).strip()


def _token(inner: str, names: Names) -> str:
    target, _, label = inner.partition("|")
    if target.startswith("@"):
        return "@" + (names.users.get(target[1:]) or label.removeprefix("@") or target[1:])
    if target.startswith("#"):
        return (names.channels.get(target[1:]) or "#" + (label or target[1:])).replace("##", "#")
    if target.startswith("!"):
        return label or "@" + target[1:].partition("^")[0]
    target = target.removeprefix("mailto:")
    same = label in ("", target, target.partition("//")[2].removesuffix("/"))
    return target if same else f"{label} ({target})"
