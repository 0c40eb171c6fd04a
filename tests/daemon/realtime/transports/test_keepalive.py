"""Signs of life, judged by time in which they could have been heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.realtime.transports.keepalive import Keepalive, Pulse


def wait(keepalive: Keepalive, now: float, until: float) -> tuple[float, Pulse]:
    """Step at every deadline; the time and the kind of the first thing to do, or `until` and nothing."""
    while (due := keepalive.next_deadline()) is not None and due <= until:
        now = max(now, due)
        if (pulse := keepalive.step(now)) is not Pulse.NOTHING:
            return now, pulse
    return until, Pulse.NOTHING


def asked(interval_s: float = 10.0, timeout_s: float | None = 10.0) -> tuple[Keepalive, float]:
    """One that has just asked, and when."""
    keepalive = Keepalive(interval_s, timeout_s, 0.0)
    now, pulse = wait(keepalive, 0.0, 1000.0)
    assert pulse is Pulse.ASK
    return keepalive, now


def test_asks_at_the_interval_and_again_after_every_answer() -> None:
    keepalive, now = asked()
    assert now == 10.0
    keepalive.answered(10.1)
    assert wait(keepalive, 10.1, 100.0) == (20.1, Pulse.ASK)


def test_no_answer_in_time_is_a_lost_connection() -> None:
    keepalive, now = asked()
    lost_at, pulse = wait(keepalive, now, 100.0)
    assert pulse is Pulse.LOST
    assert lost_at == pytest.approx(20.0, abs=0.1)


@pytest.mark.parametrize("stall_s", [11.0, 30.0, 3600.0])
def test_a_loop_that_was_stuck_does_not_count_as_silence(stall_s: float) -> None:
    keepalive, now = asked()
    woken = now + stall_s
    assert keepalive.step(woken) is Pulse.NOTHING
    keepalive.answered(woken)
    assert wait(keepalive, woken, woken + 5) == (woken + 5, Pulse.NOTHING)


def test_a_connection_that_died_while_the_loop_was_stuck_is_found_dead() -> None:
    keepalive, now = asked()
    lost_at, pulse = wait(keepalive, now + 60, 1000.0)
    assert pulse is Pulse.LOST
    assert lost_at == pytest.approx(now + 60 + 9, abs=0.2)


def test_a_connection_that_delivers_is_not_dead_although_the_answer_is_late() -> None:
    keepalive, now = asked()
    for second in range(60):
        keepalive.heard()
        assert wait(keepalive, now + second, now + second + 1)[1] is Pulse.NOTHING
    assert wait(keepalive, now + 60, now + 75)[1] is Pulse.LOST


def test_a_probe_asks_at_once_and_waits_shorter() -> None:
    keepalive = Keepalive(10.0, 10.0, 0.0)
    keepalive.probe(5.0)
    assert keepalive.step(1.0) is Pulse.ASK
    lost_at, pulse = wait(keepalive, 1.0, 100.0)
    assert pulse is Pulse.LOST
    assert lost_at == pytest.approx(6.0, abs=0.1)


def test_a_probe_answered_leaves_everything_as_before() -> None:
    keepalive = Keepalive(10.0, 10.0, 0.0)
    keepalive.probe(5.0)
    keepalive.step(1.0)
    keepalive.answered(1.2)
    assert wait(keepalive, 1.2, 100.0) == (11.2, Pulse.ASK)
    assert wait(keepalive, 11.2, 18.0)[1] is Pulse.NOTHING


@pytest.mark.parametrize(("waited_s", "lost_after_s"), [(2.0, 5.0), (7.0, 3.0)])
def test_a_probe_of_a_question_under_way_only_shortens_it(waited_s: float, lost_after_s: float) -> None:
    keepalive, now = asked()
    wait(keepalive, now, now + waited_s)
    keepalive.probe(5.0)
    lost_at, pulse = wait(keepalive, now + waited_s, 100.0)
    assert pulse is Pulse.LOST
    assert lost_at - now - waited_s == pytest.approx(lost_after_s, abs=0.6)


def test_without_time_limits_nothing_is_due_and_a_probe_still_works() -> None:
    keepalive = Keepalive(None, None, 0.0)
    assert keepalive.next_deadline() is None
    keepalive.probe(5.0)
    assert keepalive.step(0.0) is Pulse.ASK
    keepalive.answered(0.1)
    assert keepalive.next_deadline() is None


@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=50), st.floats(0.5, 30.0))
def test_never_lost_before_it_was_listened_for_ten_times(stalls: list[float], timeout_s: float) -> None:
    keepalive = Keepalive(1.0, timeout_s, 0.0)
    now = 1.0
    assert keepalive.step(now) is Pulse.ASK
    for looks, stall_s in enumerate(stalls, 1):
        now += stall_s
        if keepalive.step(now) is Pulse.LOST:
            assert looks >= 10
            return
