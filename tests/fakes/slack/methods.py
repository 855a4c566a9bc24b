"""The Web API's methods, as far as the bot calls them: arguments and answers as published, errors by Slack's
names.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from tests.fakes.slack.checks import MOST_MARKDOWN, Refused, blocks_of, text_of, view_of
from tests.fakes.slack.workspace import BOT, BOT_USER_ID, TEAM, Message, Workspace

__all__ = ["SCOPES", "Methods"]

Fields = dict[str, Any]
# one of these is needed for the method
SCOPES: dict[str, tuple[str, ...]] = {
    "chat": ("chat:write",),
    "users.info": ("users:read",),
    "users.lookupByEmail": ("users:read.email",),
    "conversations.info": ("channels:read", "groups:read", "im:read", "mpim:read"),
    "conversations.members": ("channels:read", "groups:read", "im:read", "mpim:read"),
    "conversations.replies": ("channels:history", "groups:history", "im:history", "mpim:history"),
    "assistant": ("assistant:write",),
}
TRIGGER_S = 3.0


class Methods:
    """Calls a method by its name. ``streams`` False: a workspace that has no streaming."""

    def __init__(self, workspace: Workspace, socket_url: Callable[[], str], streams: bool = True) -> None:
        self._at = workspace
        self._socket_url = socket_url
        self.streams = streams
        self.by_name: dict[str, Callable[[Fields], Fields]] = {
            "auth.test": self._auth_test,
            "apps.connections.open": lambda fields: {"url": self._socket_url()},
            "users.info": lambda fields: {"user": self._user(fields["user"])},
            "users.lookupByEmail": self._lookup,
            "conversations.info": lambda fields: {"channel": self._channel(fields)},
            "conversations.members": self._members,
            "conversations.replies": self._replies,
            "chat.postMessage": self._post,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "chat.getPermalink": self._permalink,
            "chat.startStream": self._start_stream,
            "chat.appendStream": self._append_stream,
            "chat.stopStream": self._stop_stream,
            "views.open": self._open_view,
            "assistant.threads.setStatus": self._status,
            "assistant.threads.setTitle": lambda fields: self._in_thread(fields) or {},
            "assistant.threads.setSuggestedPrompts": self._prompts,
        }

    def _auth_test(self, fields: Fields) -> Fields:
        return {"url": "https://heron.slack.example/", "team": "Heron", "user": "citewell", "team_id": TEAM,
                "user_id": BOT, "bot_id": BOT_USER_ID, "is_enterprise_install": False}  # fmt: skip

    # ---------------------------------------------------------------- people and channels

    def _user(self, key: str) -> Fields:
        if key not in self._at.users:
            raise Refused("user_not_found")
        return self._at.users[key]

    def _lookup(self, fields: Fields) -> Fields:
        for one in self._at.users.values():
            if one["profile"]["email"].casefold() == str(fields["email"]).casefold() != "":
                return {"user": one}
        raise Refused("users_not_found")

    def _channel(self, fields: Fields, name: str = "channel") -> Fields:
        """A person's id names the conversation with him. Raises Refused."""
        key = str(fields.get(name) or "")
        if key in self._at.users and key != BOT:
            return (
                self._at.channels.get(f"D{key[1:]}")
                or self._at.channels[self._at.channel(f"D{key[1:]}", key, kind="im", user=key)]
            )
        known = self._at.channels.get(key)
        if known is None or (known["is_private"] and BOT not in self._at.members[key]):
            raise Refused("channel_not_found")
        return {**known, "is_member": BOT in self._at.members[key]}

    def _members(self, fields: Fields) -> Fields:
        members = self._at.members[self._channel(fields)["id"]]
        limit = int(fields.get("limit") or 100)
        if not 0 < limit <= 1000:
            raise Refused("invalid_limit")
        begin = int(str(fields.get("cursor") or "page:0").partition(":")[2])
        end = begin + min(limit, 2)  # Slack may give fewer than were asked for
        cursor = f"page:{end}" if end < len(members) else ""
        return {"members": members[begin:end], "response_metadata": {"next_cursor": cursor}}

    def _replies(self, fields: Fields) -> Fields:
        channel, ts = self._channel(fields)["id"], str(fields["ts"])
        found = [
            m for m in self._at.messages if m.channel == channel and ts in (m.ts, m.thread) and not m.seen_by
        ]
        if not found:
            raise Refused("thread_not_found")
        told = [
            {"type": "message", "ts": m.ts, "user": m.user, "text": m.text, "thread_ts": ts}
            | ({"bot_id": BOT_USER_ID} if m.user == BOT else {})
            for m in sorted(found, key=lambda m: m.ts)
        ]
        return {"messages": told, "has_more": False, "response_metadata": {"next_cursor": ""}}

    # ---------------------------------------------------------------- messages

    def _writable(self, fields: Fields) -> str:
        about = self._channel(fields)
        if BOT not in self._at.members[about["id"]]:
            raise Refused("not_in_channel")
        thread = fields.get("thread_ts")
        if thread is not None and self._at.find(about["id"], str(thread)) is None:
            raise Refused("thread_not_found" if "recipient_user_id" in fields else "invalid_thread_ts")
        return str(about["id"])

    def _said(self, fields: Fields) -> tuple[str, list[Fields]]:
        text, blocks = text_of(fields, "text"), blocks_of(fields.get("blocks"))
        if not text and not blocks:
            raise Refused("no_text")
        return text, blocks

    def _post(self, fields: Fields) -> Fields:
        channel = self._writable(fields)
        text, blocks = self._said(fields)
        made = Message(self._at.stamp(), channel, BOT, text, str(fields.get("thread_ts") or ""), blocks)
        self._at.post(made)
        return {"ts": made.ts, "channel": channel, "message": {"ts": made.ts, "text": text}}

    def _post_ephemeral(self, fields: Fields) -> Fields:
        channel, user = self._writable(fields), str(fields["user"])
        if user not in self._at.members[channel]:
            raise Refused("user_not_in_channel")
        text, blocks = self._said(fields)
        made = Message(
            self._at.stamp(), channel, BOT, text, str(fields.get("thread_ts") or ""), blocks, seen_by=user
        )
        self._at.post(made)
        return {"message_ts": made.ts}

    def _own(self, fields: Fields, other: str) -> Message:
        found = self._at.find(self._channel(fields)["id"], str(fields.get("ts")))
        if found is None or found.seen_by:
            raise Refused("message_not_found")
        if found.user != BOT:
            raise Refused(other)
        return found

    def _update(self, fields: Fields) -> Fields:
        made = self._own(fields, "cant_update_message")
        if made.state == "streaming":
            raise Refused("streaming_state_conflict")
        made.text, made.blocks = self._said(fields)
        made.edits += 1
        return {"ts": made.ts, "channel": made.channel, "text": made.text}

    def _delete(self, fields: Fields) -> Fields:
        made = self._own(fields, "cant_delete_message")
        with self._at.lock:
            self._at.messages.remove(made)
        return {"ts": made.ts, "channel": made.channel}

    def _permalink(self, fields: Fields) -> Fields:
        channel = self._channel(fields)["id"]
        if self._at.find(channel, str(fields["message_ts"])) is None:
            raise Refused("message_not_found")
        link = f"https://heron.slack.example/archives/{channel}/p{str(fields['message_ts']).replace('.', '')}"
        return {"channel": channel, "permalink": link}

    # ---------------------------------------------------------------- streams

    def _start_stream(self, fields: Fields) -> Fields:
        if not self.streams:
            raise Refused("unknown_method")
        if not fields.get("thread_ts"):
            raise Refused("invalid_arguments", "missing required field: thread_ts")
        channel = self._writable(fields)
        if not self._at.channels[channel]["is_im"] and not (
            fields.get("recipient_user_id") and fields.get("recipient_team_id")
        ):
            raise Refused("missing_recipient_user_id")
        text = text_of(fields, "markdown_text", MOST_MARKDOWN)
        made = Message(
            self._at.stamp(), channel, BOT, text, str(fields["thread_ts"]),
            state="streaming", streamed=True, pieces=[text],
        )  # fmt: skip
        self._at.post(made)
        return {"ts": made.ts, "channel": channel}

    def _streaming(self, fields: Fields) -> Message:
        made = self._own(fields, "message_not_owned_by_app")
        if made.state != "streaming":
            raise Refused("message_not_in_streaming_state")
        more = text_of(fields, "markdown_text", MOST_MARKDOWN)
        if len(made.text) + len(more) > MOST_MARKDOWN:
            raise Refused("msg_too_long")
        made.text += more
        if more:
            made.pieces.append(more)
        return made

    def _append_stream(self, fields: Fields) -> Fields:
        if not fields.get("markdown_text"):
            raise Refused("no_text")
        made = self._streaming(fields)
        return {"ts": made.ts, "channel": made.channel}

    def _stop_stream(self, fields: Fields) -> Fields:
        blocks = blocks_of(fields.get("blocks"))
        made = self._streaming(fields)
        made.blocks, made.state = blocks, "done"
        return {"ts": made.ts, "channel": made.channel, "message": {"ts": made.ts, "text": made.text}}

    # ---------------------------------------------------------------- the pane and forms

    def _open_view(self, fields: Fields) -> Fields:
        begun = self._at.triggers.pop(str(fields.get("trigger_id")), None)
        if begun is None:
            raise Refused("invalid_trigger_id")
        if time.monotonic() - begun > TRIGGER_S:
            raise Refused("expired_trigger_id")
        view = {"id": f"V{len(self._at.views) + 1}", **view_of(fields.get("view"))}
        self._at.views.append(view)
        return {"view": view}

    def _in_thread(self, fields: Fields) -> None:
        self._channel(fields, "channel_id")
        if not fields.get("thread_ts"):
            raise Refused("invalid_arguments", "missing required field: thread_ts")

    def _status(self, fields: Fields) -> Fields:
        self._in_thread(fields)
        self._at.statuses.append((fields["channel_id"], fields["thread_ts"], str(fields.get("status") or "")))
        return {}

    def _prompts(self, fields: Fields) -> Fields:
        self._in_thread(fields)
        given = fields.get("prompts")
        prompts = json.loads(given) if isinstance(given, str) else given
        if not prompts or not all(one.get("title") and one.get("message") for one in prompts):
            raise Refused("invalid_arguments", "prompts have a title and a message")
        self._at.prompts.append({**fields, "prompts": prompts})
        return {}
