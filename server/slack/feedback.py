"""What people in Slack think of answers: by button, form or reaction; it reaches the reviewers as the
feedback of the web page does.

Several people may say something of one answer there. The asker has the last word; without his, one "not
helpful" outweighs any number of the other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import delete, insert, select

from rag.feedback import Feedbacks, Rating, Reason
from rag.store import Store
from rag.tables_slack import slack_feedback
from server.slack.threads import Placed

__all__ = ["REACTIONS", "REASONS", "Opinion", "Opinions", "rating_of"]

REASONS: tuple[Reason, ...] = ("wrong", "incomplete", "off_topic", "outdated", "other")
# names of reactions, without the tone of the skin
REACTIONS: Mapping[str, Rating] = {
    "+1": "up", "thumbsup": "up", "white_check_mark": "up", "heavy_check_mark": "up", "100": "up",
    "tada": "up", "clap": "up", "raised_hands": "up", "heart": "up",
    "-1": "down", "thumbsdown": "down", "x": "down", "no_entry_sign": "down",
    "negative_squared_cross_mark": "down",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one person thinks. ``corrected`` is the answer as it should have been."""

    rating: Rating
    reason: Reason = ""
    comment: str = ""
    corrected: str = ""


class Opinions:
    """Keeps them. Safe to use from several threads and processes; raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._feedback = Feedbacks(store)

    def put(self, placed: Placed, person: str, opinion: Opinion) -> None:
        """Someone's opinion of an answer, in place of the one that he had before."""
        values: dict[str, Any] = {name: getattr(opinion, name) for name in Opinion.__slots__}
        values |= {"message_id": placed.message_id, "person": person, "created": time.time()}
        with self._store.write(silent=True) as connection:
            connection.execute(delete(slack_feedback).where(*_mine(placed, person)))
            connection.execute(insert(slack_feedback), values)
        self._pass_on(placed)

    def take_back(self, placed: Placed, person: str, rating: Rating) -> None:
        """Someone has no longer that opinion."""
        mine = (*_mine(placed, person), slack_feedback.c.rating == rating)
        with self._store.write(silent=True) as connection:
            if not connection.execute(delete(slack_feedback).where(*mine)).rowcount:
                return
        self._pass_on(placed)

    def _pass_on(self, placed: Placed) -> None:
        query = select(slack_feedback).where(slack_feedback.c.message_id == placed.message_id)
        with self._store.read() as connection:
            said = {row.person: row for row in connection.execute(query.order_by(slack_feedback.c.created))}
        owner, key, answer = placed.owner, placed.conversation_id, placed.message_id
        if not said:
            self._feedback.take_back(owner, key, answer)
            return
        against = [row for row in said.values() if row.rating == "down"]
        word = said.get(placed.asker) or (against or [*said.values()])[-1]
        counts = f"Slack: {len(said) - len(against)} helpful, {len(against)} not helpful."
        self._feedback.put(
            owner,
            key,
            answer,
            rating=cast("Rating", word.rating),
            reason=cast("Reason", word.reason),
            comment=f"{word.comment}\n{counts}".strip(),
            corrected=word.corrected,
        )


def _mine(placed: Placed, person: str) -> tuple[Any, ...]:
    return slack_feedback.c.message_id == placed.message_id, slack_feedback.c.person == person


def rating_of(reaction: str) -> Rating | None:
    """What a reaction means ("+1::skin-tone-2"), if it is one that says something of an answer."""
    return REACTIONS.get(reaction.partition("::")[0])
