import time

import pytest

from rag.timer import Step, Timer


@pytest.fixture
def clock(monkeypatch):
    """Sets the time, in seconds."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


def test_steps_are_added_up(clock):
    timer = Timer()
    for seconds in (0.01, 0.02):
        with timer.step("check"):
            clock(seconds)
    clock(0.5)
    assert timer.total() == {"check": 30.0, "total": 530.0}


def test_what_runs_inside_of_a_step_can_be_left_out(clock):
    timer = Timer()
    with timer.step("check"):
        clock(1)
    with timer.without("generate", "check"):
        clock(2)
        with timer.step("check"):
            clock(4)
    assert timer.total() == {"check": 5000.0, "generate": 2000.0, "total": 7000.0}


def test_a_step_that_fails_is_counted(clock):
    timer = Timer()

    def fail():
        with timer.without("generate", "check"):
            clock(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert timer.total()["generate"] == 1000.0


def test_the_first_time_counts(clock):
    timer = Timer()
    for _ in range(2):
        clock(1)
        timer.first("first_sentence")
    assert timer.total()["first_sentence"] == 1000.0


def test_steps_have_a_place_in_time(clock, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    timer = Timer()
    clock(1)
    for seconds in (2, 3):
        with timer.step("check"):
            clock(seconds)
    timer.total()
    begun = 10**18
    assert timer.steps == [
        Step("check", begun + 1_000_000_000, begun + 3_000_000_000),
        Step("check", begun + 3_000_000_000, begun + 6_000_000_000),
        Step("total", begun, begun + 6_000_000_000),
    ]
