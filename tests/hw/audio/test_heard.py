from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.audio.heard import HeardPosition

RATE_HZ = 1000  # a frame a millisecond


def _two_buffers() -> HeardPosition:
    position = HeardPosition(RATE_HZ)
    position.buffer_pulled(20, lead_s=0.040, now=10.000)
    position.buffer_pulled(20, lead_s=0.040, now=10.020)
    return position


@pytest.mark.parametrize(
    ("now", "heard"),
    [(10.020, 0), (10.0401, 0), (10.0501, 10), (10.0601, 20), (10.0701, 30), (10.081, 40), (99.0, 40)],
)
def test_heard_follows_the_clock_between_buffers(now: float, heard: int) -> None:
    assert _two_buffers().at(now) == heard


def test_nothing_is_heard_before_the_first_buffer() -> None:
    assert HeardPosition(RATE_HZ).at(123.0) == 0


def test_a_buffer_that_arrives_late_does_not_take_back_what_was_heard() -> None:
    position = _two_buffers()
    assert position.at(10.0601) == 20
    position.buffer_pulled(20, lead_s=0.080, now=10.061)
    assert position.at(10.062) == 21
    assert position.at(10.1511) == 50


def test_what_was_held_when_stopped_is_never_heard() -> None:
    position = _two_buffers()
    position.stopped(10.0501)
    assert position.at(99.0) == 10


def test_a_restart_counts_what_was_dropped_as_past() -> None:
    position = _two_buffers()
    position.stopped(10.0501)
    position.restarted(RATE_HZ)
    assert position.at(20.0) == 40
    position.buffer_pulled(20, lead_s=0.0, now=20.0)
    assert position.at(20.0101) == 50


def test_a_restart_at_another_rate_follows_that_one() -> None:
    position = _two_buffers()
    position.stopped(10.1)
    position.restarted(2 * RATE_HZ)
    position.buffer_pulled(20, lead_s=0.0, now=20.0)
    assert position.at(20.0051) == 50


@given(
    st.lists(
        st.tuples(st.floats(0, 0.1), st.floats(0, 0.2), st.sampled_from(["pull", "ask", "stop", "restart"]))
    )
)
def test_heard_never_falls_and_never_passes_pulled(steps: list[tuple[float, float, str]]) -> None:
    position, now, before = HeardPosition(RATE_HZ), 0.0, 0
    for elapsed_s, lead_s, act in steps:
        now += elapsed_s
        if act == "pull":
            position.buffer_pulled(20, lead_s, now)
        elif act == "stop":
            position.stopped(now)
        elif act == "restart":
            position.restarted(RATE_HZ)
        heard = position.at(now)
        assert before <= heard <= position.pulled_frames
        before = heard
