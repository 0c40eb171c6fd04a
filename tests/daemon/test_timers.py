"""When timers ring."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.timers import MAX_S, MAX_TIMERS, RING_S, Timer, TimerBook, TimerError

NOON = 1_700_000_000.0


def test_timer_rings_when_it_is_due_until_a_quarter_of_an_hour_later() -> None:
    book = TimerBook()
    tea = book.set(180, "tea", NOON)
    assert tea == Timer(1, "tea", NOON + 180)
    for at, ringing in [(0, []), (179.9, []), (180, [tea]), (180 + RING_S - 1, [tea]), (180 + RING_S, [])]:
        assert book.due(NOON + at) == ringing
    assert book.lapse(NOON + 180 + RING_S - 1) == []
    assert book.lapse(NOON + 180 + RING_S) == [tea]
    assert book.timers == ()


def test_deadlines_are_the_next_begin_or_end_of_a_ring() -> None:
    book = TimerBook()
    assert book.next_deadline(NOON) is None
    book.set(600, "b", NOON)
    book.set(60, "a", NOON)
    assert book.next_deadline(NOON) == NOON + 60
    assert book.next_deadline(NOON + 60) == NOON + 600
    assert book.next_deadline(NOON + 700) == NOON + 60 + RING_S


def test_dismiss_takes_only_those_that_ring() -> None:
    book = TimerBook()
    first, second, later = (book.set(s, "", NOON) for s in (10, 20, 300))
    assert book.dismiss(NOON + 30) == [first, second]
    assert book.timers == (later,)


def test_cancel_takes_one_and_tells_which_there_are() -> None:
    book = TimerBook()
    tea, egg = book.set(10, "tea", NOON), book.set(5, "egg", NOON)
    assert book.cancel(tea.id) == tea
    with pytest.raises(TimerError, match=f"no timer {tea.id}; there are: {egg.id}"):
        book.cancel(tea.id)


def test_ids_are_never_used_again_in_a_run_or_after_a_restart() -> None:
    book = TimerBook([Timer(7, "old", NOON + 60)])
    book.cancel(7)
    assert book.set(5, "", NOON).id == 8


@pytest.mark.parametrize("seconds", [0, -1, MAX_S + 1, float("nan"), float("inf")])
def test_impossible_time_is_refused(seconds: float) -> None:
    with pytest.raises(TimerError, match="allowed: more than 0, at most 7 days"):
        TimerBook().set(seconds, "", NOON)


def test_one_more_than_the_bound_is_refused() -> None:
    book = TimerBook()
    for _ in range(MAX_TIMERS):
        book.set(60, "", NOON)
    with pytest.raises(TimerError, match="cancel one first"):
        book.set(60, "", NOON)


def test_label_is_one_short_line() -> None:
    assert TimerBook().set(1, " green\n tea " + "x" * 200, NOON).label == "green tea " + "x" * 70


def test_clock_set_forward_does_not_shorten_a_timer_of_this_run() -> None:
    book = TimerBook()
    book.set(600, "egg", NOON)
    book.clock_jumped(7200)
    assert book.due(NOON + 7200 + 599) == []
    assert len(book.due(NOON + 7200 + 600)) == 1


def test_clock_set_right_after_boot_finds_the_timer_of_the_last_run_due() -> None:
    """The board woke up with the time at which it was switched off, four minutes ago."""
    egg = Timer(1, "egg", NOON + 180)
    book = TimerBook([egg])
    assert book.due(NOON) == []
    book.clock_jumped(240)
    assert book.due(NOON + 240) == [egg]


def test_label_can_always_be_written_down() -> None:
    assert TimerBook().set(1, "\ud83d", NOON).label == "?"


@given(st.lists(st.tuples(st.floats(1, MAX_S), st.floats(0, 2 * MAX_S)), max_size=20))
def test_every_timer_ends_and_deadlines_lead_to_the_end(given: list[tuple[float, float]]) -> None:
    book = TimerBook()
    for seconds, at in given:
        book.set(seconds, "", NOON + at)
    now = NOON
    for _ in range(2 * len(given) + 1):
        due = book.next_deadline(now)
        if due is None:
            break
        assert due > now
        now = due
        book.lapse(now)
    assert book.timers == ()
