"""From the server's count of audio to the moments of its capture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.sent_clock import JITTER_S, STRETCHES, SentClock

SECOND = 24000


def clock(*sent: tuple[int, float]) -> SentClock:
    made = SentClock()
    for frames, ended_at in sent:
        made.note_sent(frames, ended_at)
    return made


def test_without_a_gap_the_clocks_run_together() -> None:
    ours = clock((SECOND, 101.0), (SECOND, 102.0))
    assert ours.sent_ms == 2000
    assert ours.capture_time(0) == 100.0
    assert ours.capture_time(1500) == 101.5
    assert ours.capture_time(2000) == 102.0


def test_behind_a_gap_the_map_jumps() -> None:
    ours = clock((SECOND, 101.0), (SECOND, 131.0))
    assert ours.capture_time(999) == pytest.approx(100.999)
    assert ours.capture_time(1000) == 130.0
    assert ours.capture_time(1500) == 130.5


@pytest.mark.parametrize("position", [-1, 2001])
def test_what_was_not_sent_has_no_time(position: int) -> None:
    assert clock((2 * SECOND, 102.0)).capture_time(position) is None
    assert SentClock().capture_time(position) is None


def test_new_session_begins_at_0() -> None:
    ours = clock((SECOND, 101.0))
    ours.restart()
    ours.note_sent(SECOND, 501.0)
    assert (ours.sent_ms, ours.capture_time(0)) == (1000, 500.0)


def test_bursts_are_no_gaps() -> None:
    ours = clock((480, 100.02), (480, 100.08), (480, 100.08), (480, 100.08))
    assert ours.capture_time(80) == pytest.approx(100.08)


def test_what_is_too_long_ago_has_no_time_any_more() -> None:
    ours = clock(*((SECOND, 100.0 * gap) for gap in range(1, STRETCHES + 2)))
    assert ours.capture_time(999) is None
    assert ours.capture_time(1000) == 199.0


@given(st.lists(st.tuples(st.integers(1, 2000), st.floats(0, 3)), min_size=1, max_size=60))
def test_every_position_is_within_the_jitter_of_the_truth(sent: list[tuple[int, float]]) -> None:
    ours, now, truth, frames_sent = SentClock(), 1000.0, [], 0
    for frames, gap_s in sent:
        truth.append((frames_sent * 1000 / SECOND, now + gap_s))
        now += gap_s + frames / SECOND
        frames_sent += frames
        ours.note_sent(frames, now)
    for position, captured_at in truth:
        answer = ours.capture_time(position)
        assert answer is not None
        assert abs(answer - captured_at) <= JITTER_S + 1e-6
