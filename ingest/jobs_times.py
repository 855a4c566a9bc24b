"""When jobs run by themselves: cron expressions and quiet hours, both in the local time of this machine.

Times are naive, so that a clock that is put back fires nothing twice and one that is put forward leaves
nothing out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from croniter import croniter

from rag.errors import IngestError, SettingsError

__all__ = ["QuietHours", "check_cron", "due"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?\s+)?"
    r"(?P<begin>\d{1,2}:\d{2})\s*-\s*(?P<end>\d{1,2}:\d{2})",
    re.IGNORECASE,
)
_WEEK = timedelta(days=7)


def check_cron(name: str, schedule: str) -> None:
    """Raise IngestError when the source's schedule is not a cron expression of five fields."""
    if len(schedule.split()) != 5 or not croniter.is_valid(schedule):
        raise IngestError(
            f"source {name}: its schedule {schedule!r} is not a cron expression",
            'Give minute, hour, day, month and weekday: "30 2 * * *" is every night at half past two.',
        )


def due(schedule: str, since: datetime, now: datetime) -> datetime | None:
    """The last moment after ``since``, up to ``now``, that a cron expression names; None if there is none.

    However many moments were missed, the answer is one: what was missed is made up for once.
    """
    # croniter looks strictly before the time that it is given
    last = croniter(schedule, now + timedelta(microseconds=1)).get_prev(datetime)
    assert isinstance(last, datetime)
    return last if since < last <= now else None


@dataclass(frozen=True, slots=True)
class _Window:
    days: frozenset[int]
    begin: time
    length: timedelta

    def end(self, now: datetime) -> datetime | None:
        """When the window ends that ``now`` lies in; None when it lies in none."""
        for back in (0, 1):  # one that began yesterday may still be open
            day = now.date() - timedelta(days=back)
            begin = datetime.combine(day, self.begin)
            if day.weekday() in self.days and begin <= now < begin + self.length:
                return begin + self.length
        return None


class QuietHours:
    """Hours in which nothing runs that no person asked for."""

    def __init__(self, text: str) -> None:
        """Reads ``08:00-18:00`` or ``Mon-Fri 08:00-18:00, Sat 09:00-12:00``; one that ends before it begins
        goes on to the next day. Empty: there are none. Raises SettingsError.
        """
        self._windows = [_window(part.strip()) for part in text.split(",") if part.strip()]

    def left(self, now: datetime) -> float:
        """Seconds until the quiet hours are over that ``now`` lies in, 0 outside of them; a week when they
        never end.
        """
        at, ends = now, [window.end(now) for window in self._windows]
        while later := [end for end in ends if end is not None and end > at]:
            at = max(later)
            if at - now >= _WEEK:
                return _WEEK.total_seconds()
            ends = [window.end(at) for window in self._windows]
        return (at - now).total_seconds()


def _window(text: str) -> _Window:
    found = _WINDOW.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        first = DAYS.index((found["first"] or "mon").lower())
        last = DAYS.index((found["last"] or found["first"] or "sun").lower())
        begin, end = _minutes(found["begin"]), _minutes(found["end"])
        if begin == 24 * 60:
            raise ValueError
    except ValueError as error:
        raise SettingsError(
            f"Setting jobs.quiet_hours: {text!r} is no time span.",
            "Write 08:00-18:00 or Mon-Fri 08:00-18:00.",
        ) from error
    days = frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))
    minutes = (end - begin) % (24 * 60) or 24 * 60
    return _Window(days, time(begin // 60, begin % 60), timedelta(minutes=minutes))


def _minutes(text: str) -> int:
    hours, minutes = (int(part) for part in text.split(":"))
    if hours > 24 or minutes > 59 or (hours == 24 and minutes):
        raise ValueError(text)
    return 60 * hours + minutes
