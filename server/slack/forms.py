"""The bot's forms: why an answer was not helpful, and how it behaves in a channel.

(https://docs.slack.dev/surfaces/modals; limits of https://docs.slack.dev/reference/block-kit/)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from rag.feedback import Reason
from server.slack.blocks import Block
from server.slack.channels import Answers, ChannelSettings
from server.slack.feedback import REASONS, Opinion
from server.slack.words import LANGUAGES, say

__all__ = ["reason_form", "reason_given", "settings_form", "settings_given"]

Form = dict[str, Any]
_TEXT = 3000
_OPTIONS, _OPTION = 100, 75
_NAMES = {"en": "English", "zh": "中文"}
_AUTO = "auto"
_YES = "yes"


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def _option(value: str, text: str) -> Block:
    return {"text": _plain(text[:_OPTION]), "value": value}


def _form(name: str, kept: str, title: str, send: str, blocks: Sequence[Block], language: str) -> Form:
    return {
        "type": "modal",
        "callback_id": name,
        "private_metadata": kept,
        "title": _plain(title[:24]),
        "submit": _plain(send),
        "close": _plain(say("cancel", language)),
        "blocks": list(blocks),
    }


def _input(name: str, label: str, element: Block, *, optional: bool = True) -> Block:
    return {
        "type": "input",
        "block_id": name,
        "optional": optional,
        "label": _plain(label),
        "element": {"action_id": name, **element},
    }


def _chosen(view: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = view["state"]["values"].get(name, {}).get(name, {})
    return cast("Mapping[str, Any]", found)


# -------------------------------------------------------------------- why it was not helpful


def reason_form(answer: str, language: str) -> Form:
    """Asks what was wrong with the answer of that id."""
    options = [_option(reason, say(f"reason_{reason}", language)) for reason in REASONS]
    text = {"type": "plain_text_input", "multiline": True, "max_length": _TEXT}
    blocks = [
        _input("reason", say("reason", language), {"type": "radio_buttons", "options": options}),
        _input("comment", say("comment", language), text),
        _input("corrected", say("corrected", language), text),
    ]
    title, send = say("reason_title", language), say("send", language)
    return _form("reason", answer, title, send, blocks, language)


def reason_given(view: Mapping[str, Any]) -> tuple[str, Opinion]:
    """The answer's id and what was said of it."""
    option = _chosen(view, "reason").get("selected_option") or {}
    reason = option.get("value", "")
    opinion = Opinion(
        "down",
        cast("Reason", reason if reason in REASONS else ""),
        str(_chosen(view, "comment").get("value") or ""),
        str(_chosen(view, "corrected").get("value") or ""),
    )
    return str(view["private_metadata"]), opinion


# -------------------------------------------------------------------- how it behaves in a channel


def settings_form(
    team: str,
    channel: str,
    known: ChannelSettings,
    collections: Iterable[str],
    groups: Iterable[str],
    language: str,
) -> Form:
    """Shows how it is set, to be changed."""
    answers = [_option(name, say(f"answers_{name}", language)) for name in ("mention", "threads", "all")]
    questions = [_option(_YES, say("settings_questions_label", language))]
    languages = [_option(_AUTO, say("language_auto", language))]
    languages += [_option(code, _NAMES[code]) for code in LANGUAGES]
    initial = {"initial_options": questions} if known.questions_only else {}
    blocks = [
        _input("answers", say("settings_answers", language), _select(answers, known.answers), optional=False),
        _input(
            "questions_only",
            say("settings_questions", language),
            {"type": "checkboxes", "options": questions, **initial},
        ),
        _input(
            "language",
            say("settings_language", language),
            _select(languages, known.language or _AUTO),
            optional=False,
        ),
        *_several("collections", say("settings_collections", language), collections, known.collections),
        *_several("groups", say("settings_groups", language), groups, known.groups),
    ]
    kept = json.dumps({"team": team, "channel": channel})
    title, send = say("settings_title", language), say("save", language)
    return _form("settings", kept, title, send, blocks, language)


def _select(options: Sequence[Block], value: str) -> Block:
    initial = next(one for one in options if one["value"] == value)
    return {"type": "static_select", "options": list(options), "initial_option": initial}


def _several(name: str, label: str, offered: Iterable[str], chosen: Sequence[str]) -> list[Block]:
    """A choice of several, none where there is nothing to choose. What is chosen stays on offer."""
    names = [one for one in dict.fromkeys((*chosen, *offered)) if len(one) <= _OPTION][:_OPTIONS]
    if not names:
        return []
    options = [_option(one, one) for one in names]
    initial = [one for one in options if one["value"] in chosen]
    element = {"type": "multi_static_select", "options": options}
    return [_input(name, label, element | ({"initial_options": initial} if initial else {}))]


def settings_given(view: Mapping[str, Any]) -> tuple[str, str, ChannelSettings]:
    """Team, channel, and how it is to be set."""
    kept = json.loads(view["private_metadata"])
    answers = _chosen(view, "answers")["selected_option"]["value"]
    spoken = _chosen(view, "language")["selected_option"]["value"]

    def several(name: str) -> tuple[str, ...]:
        return tuple(one["value"] for one in _chosen(view, name).get("selected_options") or ())

    given = ChannelSettings(
        cast("Answers", answers),
        bool(several("questions_only")),
        "" if spoken == _AUTO else spoken,
        several("collections"),
        several("groups"),
    )
    return str(kept["team"]), str(kept["channel"]), given
