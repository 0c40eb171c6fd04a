"""Days, months, and clocks that are wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.money.dates import (
    BEHIND_HOLD_S,
    EARLIEST_UNIX,
    STEP_BACK_S,
    ClockJudge,
    day_after,
    is_day,
    is_month,
    month_after,
    month_name,
    month_of,
)

NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC


@pytest.mark.parametrize(
    ("day", "after"),
    [
        ("2026-11-21", "2026-11-22"),
        ("2026-11-30", "2026-12-01"),
        ("2026-12-31", "2027-01-01"),
        ("2028-02-28", "2028-02-29"),
        ("2027-02-28", "2027-03-01"),
    ],
)
def test_day_after(day: str, after: str) -> None:
    assert day_after(day) == after


def test_months() -> None:
    assert month_of("2026-11-21") == "2026-11"
    assert month_after("2026-09") == "2026-10"
    assert month_after("2026-12") == "2027-01"
    assert month_name("2026-11") == "November"


@given(st.dates())
def test_days_are_known_from_other_text(date: object) -> None:
    assert is_day(str(date))
    assert is_month(month_of(str(date)))
    assert not is_day(month_of(str(date)))


@pytest.mark.parametrize("text", ["", "2026-13-01", "2026-00-01", "2026-1-1", "2026-11-32", "٢٠٢٦-11-21"])
def test_other_text_is_no_day(text: str) -> None:
    assert not is_day(text)


def test_clock_that_was_never_set_is_not_believed_however_long_it_runs() -> None:
    judge = ClockJudge(0)
    assert not any(judge.believes(float(after_s), float(after_s)) for after_s in range(0, 10**6, 1000))
    assert not judge.believes(EARLIEST_UNIX - 1, 10.0**6)


def test_clock_that_goes_on_is_believed() -> None:
    judge = ClockJudge(NOON)
    assert judge.believes(NOON, 0)
    assert judge.believes(NOON + 1e6, 1)
    assert judge.latest_unix == NOON + 1e6


def test_clock_a_little_behind_is_believed() -> None:
    assert ClockJudge(NOON).believes(NOON - STEP_BACK_S, 0)


def test_clock_behind_the_last_booking_is_believed_when_it_stays_there() -> None:
    judge = ClockJudge(NOON)
    assert not judge.believes(NOON - 86_400, 50)
    assert not judge.believes(NOON - 86_400, 50 + BEHIND_HOLD_S - 1)
    assert judge.believes(NOON - 86_400, 50 + BEHIND_HOLD_S)
    assert judge.latest_unix == NOON - 86_400


def test_clock_set_in_time_begins_the_next_wait_anew() -> None:
    judge = ClockJudge(NOON)
    assert not judge.believes(NOON - 86_400, 0)
    assert judge.believes(NOON + 5, 5)
    assert not judge.believes(NOON - 86_400, BEHIND_HOLD_S)
