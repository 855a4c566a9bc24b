"""Cron expressions and quiet hours."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.jobs_times import QuietHours, check_cron, due
from rag.errors import IngestError, SettingsError

TUESDAY = datetime(2026, 11, 24)


def at(hours, minutes=0, days=0):
    return TUESDAY + timedelta(days=days, hours=hours, minutes=minutes)


@pytest.mark.parametrize("cron", ["30 2 * * *", "*/5 * * * *", "0 9-17 * * mon-fri", "0 0 1 1 *"])
def test_what_is_a_cron_expression(cron):
    check_cron("hr", cron)


@pytest.mark.parametrize(
    "cron", ["", "30 2 * *", "99 * * * *", "* * * * * *", "each night", "@daily", "a b c d e"]
)
def test_what_is_none(cron):
    with pytest.raises(IngestError, match="source 人事: its schedule") as raised:
        check_cron("人事", cron)
    assert "minute" in raised.value.remedy


@pytest.mark.parametrize(
    ("since", "now", "moment"),
    [
        (at(0), at(2), None),
        (at(0), at(2, 30), at(2, 30)),
        (at(0), at(9), at(2, 30)),
        (at(2, 30), at(9), None),  # it was started already
        (at(0, days=-9), at(9), at(2, 30)),  # nine were missed: one is made up for
    ],
)
def test_due(since, now, moment):
    assert due("30 2 * * *", since, now) == moment


@given(st.integers(0, 10_000), st.lists(st.integers(1, 5000), min_size=1, max_size=30))
def test_however_often_it_is_looked_at_each_moment_comes_once(start, steps):
    since = now = TUESDAY + timedelta(minutes=start)
    met = []
    for step in steps:
        now += timedelta(minutes=step)
        moment = due("0 */6 * * *", since, now)
        if moment is not None:
            met.append(moment)
            since = moment
    assert met == sorted(set(met))
    assert all(moment.hour % 6 == 0 and moment.minute == 0 for moment in met)
    assert not met or now - met[-1] < timedelta(hours=6)


@pytest.mark.parametrize(
    ("text", "now", "hours"),
    [
        ("", at(9), 0),
        ("08:00-18:00", at(7, 59), 0),
        ("08:00-18:00", at(8), 10),
        ("08:00-18:00", at(17, 30), 0.5),
        ("08:00-18:00", at(18), 0),
        ("Mon-Fri 08:00-18:00", at(9), 9),
        ("Mon-Fri 08:00-18:00", at(9, days=4), 0),  # Saturday
        ("Sat-Mon 08:00-18:00", at(9, days=5), 9),
        ("Sat-Mon 08:00-18:00", at(9), 0),
        ("sat 9:00 - 12:00, Sun 10:00-11:00", at(10, days=5), 1),
        ("22:00-06:00", at(23), 7),
        ("22:00-06:00", at(5), 1),
        ("Fri 22:00-06:00", at(5, days=4), 1),  # the night from Friday to Saturday
        ("Fri 22:00-06:00", at(5, days=3), 0),
        ("08:00-12:00,12:00-18:00", at(9), 9),  # one goes over into the other
        ("20:00-24:00", at(23), 1),
        ("00:00-24:00", at(9), 7 * 24),
        ("08:00-08:00", at(9), 7 * 24),
    ],
)
def test_quiet_hours(text, now, hours):
    assert QuietHours(text).left(now) == hours * 3600


@pytest.mark.parametrize(
    "text",
    ["8-18", "08:00", "25:00-26:00", "08:60-09:00", "24:30-25:00", "24:00-06:00", "Mox 08:00-18:00", "Mon"],
)
def test_what_are_no_quiet_hours(text):
    with pytest.raises(SettingsError, match=r"jobs\.quiet_hours"):
        QuietHours(text)
