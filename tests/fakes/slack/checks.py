"""What Slack accepts in a message or a view, and how it refuses the rest. Block Kit's limits are those that
slack_sdk knows.
"""

from __future__ import annotations

import json
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

__all__ = ["Refused", "blocks_of", "text_of", "view_of"]

MOST_BLOCKS, MOST_TEXT, MOST_MARKDOWN = 50, 40_000, 12_000


class Refused(Exception):
    """``error`` is Slack's word for it."""

    def __init__(self, error: str, *told: str) -> None:
        super().__init__(error, *told)
        self.error = error
        self.told = list(told)


def blocks_of(given: Any) -> list[dict[str, Any]]:
    """Raises Refused."""
    if not given:
        return []
    blocks = json.loads(given) if isinstance(given, str) else given
    if not isinstance(blocks, list) or not all(isinstance(one, dict) for one in blocks):
        raise Refused("invalid_blocks_format")
    if len(blocks) > MOST_BLOCKS:
        raise Refused("invalid_blocks", f"no more than {MOST_BLOCKS} items allowed")
    _check(blocks)
    if sum(len(one["text"]) for one in blocks if one["type"] == "markdown") > MOST_MARKDOWN:
        raise Refused("msg_blocks_too_long")
    return blocks


def _check(blocks: list[dict[str, Any]]) -> None:
    for number, one in enumerate(blocks):
        try:
            parsed = Block.parse(dict(one))
            if parsed is None:
                raise Refused("invalid_blocks", f"unsupported type: {one.get('type')} [/blocks/{number}]")
            parsed.to_dict()
        except SlackObjectFormationError as error:
            raise Refused("invalid_blocks", f"{error} [/blocks/{number}]") from error
        for text in _texts(one):
            if not text.get("text"):
                raise Refused("invalid_blocks", f"must be more than 0 characters [/blocks/{number}]")
        actions = [element["action_id"] for element in one.get("elements", []) if "action_id" in element]
        if len(actions) != len(set(actions)):
            raise Refused("invalid_blocks", f"`action_id` already exists [/blocks/{number}]")
    named = [one["block_id"] for one in blocks if "block_id" in one]
    if len(named) != len(set(named)):
        raise Refused("invalid_blocks", "`block_id` already exists")


def _texts(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        own = [value] if value.get("type") in ("mrkdwn", "plain_text") else []
        return own + [text for one in value.values() for text in _texts(one)]
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else []


def text_of(fields: dict[str, Any], name: str, most: int = MOST_TEXT) -> str:
    """Raises Refused."""
    text = str(fields.get(name) or "")
    if len(text) > most:
        raise Refused("msg_too_long")
    return text


def view_of(given: Any) -> dict[str, Any]:
    """Raises Refused."""
    view = json.loads(given) if isinstance(given, str) else given
    try:
        View(**dict(view)).to_dict()
    except (SlackObjectFormationError, TypeError) as error:
        raise Refused("invalid_arguments", str(error)) from error
    _check(view["blocks"])
    return dict(view)
