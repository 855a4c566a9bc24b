"""The Slack app that the bot needs: its manifest, and what of it is missing.

(https://docs.slack.dev/reference/app-manifest)
"""

from __future__ import annotations

from typing import Any

from rag.settings import Settings

__all__ = ["EVENTS", "EVENTS_PATH", "SCOPES", "manifest"]

EVENTS_PATH = "/v1/slack/events"
# what each is for stands in the README
SCOPES = (
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "mpim:history",
    "mpim:read",
    "reactions:read",
    "users:read",
    "users:read.email",
)
EVENTS = (
    "app_mention",
    "assistant_thread_context_changed",
    "assistant_thread_started",
    "member_joined_channel",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "reaction_added",
    "reaction_removed",
)
_ABOUT = "Answers from your own documents, every sentence checked and cited."


def manifest(settings: Settings, *, socket_mode: bool, name: str = "Citewell") -> dict[str, Any]:
    """For "Create an app from a manifest". Without Socket Mode it names this server's public address."""
    url = f"{settings.server.public_url or 'https://citewell.example'}{EVENTS_PATH}"
    command: dict[str, Any] = {
        "command": settings.slack.command,
        "description": "Ask the documents; the answer is seen by you alone",
        "usage_hint": "your question | settings | help",
        "should_escape": True,
    }
    events: dict[str, Any] = {"bot_events": list(EVENTS)}
    interactivity: dict[str, Any] = {"is_enabled": True}
    if not socket_mode:
        command["url"] = events["request_url"] = interactivity["request_url"] = url
    return {
        "display_information": {"name": name, "description": _ABOUT, "background_color": "#1f3a4d"},
        "features": {
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name, "always_online": True},
            "slash_commands": [command],
            "assistant_view": {"assistant_description": _ABOUT},
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": events,
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket_mode,
            "token_rotation_enabled": False,
        },
    }
