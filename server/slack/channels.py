"""How the bot behaves in a channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, insert, select

from rag.slack_settings import SlackSettings
from rag.store import Store
from rag.tables_slack import slack_channel
from server.slack.messages import Asked, is_courtesy, is_question

__all__ = ["Answers", "ChannelSettings", "Channels", "is_for_bot"]

Answers = Literal["mention", "threads", "all"]


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """``answers``: only when mentioned; also in threads that were answered in; every message. ``language``
    of the bot's own words, "" for the question's. ``collections`` and ``groups`` empty: all.
    """

    answers: Answers = "threads"
    questions_only: bool = False
    language: str = ""
    collections: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Channels:
    """Reads and writes them. Safe to use from several threads and processes; raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, team: str, channel: str) -> ChannelSettings:
        """The defaults where nothing was set."""
        query = select(slack_channel).where(slack_channel.c.team == team, slack_channel.c.channel == channel)
        with self._store.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return ChannelSettings()
        return ChannelSettings(
            row.answers, row.questions_only, row.language, tuple(row.collections), tuple(row.groups)
        )

    def put(self, team: str, channel: str, given: ChannelSettings) -> None:
        """Set them anew."""
        values: dict[str, Any] = {"team": team, "channel": channel, "answers": given.answers}
        values |= {"questions_only": given.questions_only, "language": given.language}
        values |= {"collections": list(given.collections), "groups": list(given.groups)}
        mine = (slack_channel.c.team == team, slack_channel.c.channel == channel)
        with self._store.write(silent=True) as connection:
            connection.execute(delete(slack_channel).where(*mine))
            connection.execute(insert(slack_channel), values)


def is_for_bot(
    asked: Asked, channel: ChannelSettings, settings: SlackSettings, askers: Callable[[], set[str]]
) -> bool:
    """Whether the bot is to answer a message. ``askers`` tells who was answered in its thread.

    In threads the bot is one of several who may be meant: not when somebody else is spoken to, and another
    than those whom it answered has to ask something.
    """
    if asked.direct:
        return True
    if channel.questions_only and asked.text and not is_question(asked.text):
        return False
    if asked.mentioned:
        return True
    if asked.elsewhere or channel.answers == "mention" or is_courtesy(asked.text) or not asked.text:
        return False
    if channel.answers == "all":
        return True
    if not (asked.follows and settings.follow_ups):
        return False
    answered = askers()
    return bool(answered) and (asked.user in answered or is_question(asked.text))
