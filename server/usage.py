"""What was asked of the assistant, day by day, from the record of answers: counts and times, no texts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np
from sqlalchemy import select

from rag.store import Store
from rag.tables_people import audit
from rag.types import AnswerVerdict

__all__ = ["DayOfUse", "usage"]

REFUSALS = (AnswerVerdict.INSUFFICIENT_CONTEXT, AnswerVerdict.OFF_TOPIC)


@dataclass(slots=True)
class DayOfUse:
    """One day, in UTC. ``people`` counts those whose answers are still theirs; times are milliseconds, None
    on a day without answers.
    """

    day: date
    answers: int = 0
    people: int = 0
    abstentions: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    median_ms: float | None = None
    p95_ms: float | None = None


def usage(store: Store, days: int) -> list[DayOfUse]:
    """The last ``days`` days, today the last of them, none left out. Raises StoreError."""
    today = datetime.fromtimestamp(time.time(), UTC).date()
    first = today - timedelta(days=days - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()
    columns = audit.c.at, audit.c.person_id, audit.c.channel, audit.c.verdict, audit.c.usage, audit.c.ms
    rows: dict[date, list[tuple[str, str, str, dict[str, int], float]]] = {}
    with store.read() as connection:
        for at, *row in connection.execute(select(*columns).where(audit.c.at >= since)):
            rows.setdefault(datetime.fromtimestamp(at, UTC).date(), []).append(tuple(row))
    return [_day(day, rows.get(day, ())) for day in (first + timedelta(days=n) for n in range(days))]


def _day(day: date, rows: Sequence[tuple[str, str, str, dict[str, int], float]]) -> DayOfUse:
    if not rows:
        return DayOfUse(day)
    people, channels, verdicts, used, times = zip(*rows, strict=True)
    counted = Counter(verdicts)
    return DayOfUse(
        day=day,
        answers=len(rows),
        people=len(set(people) - {""}),
        abstentions=sum(counted[verdict] for verdict in REFUSALS),
        verdicts=dict(sorted(counted.items())),
        channels=dict(sorted(Counter(channels).items())),
        prompt_tokens=sum(one.get("prompt_tokens", 0) for one in used),
        completion_tokens=sum(one.get("completion_tokens", 0) for one in used),
        median_ms=round(float(np.median(times)), 1),
        p95_ms=round(float(np.quantile(times, 0.95)), 1),
    )
