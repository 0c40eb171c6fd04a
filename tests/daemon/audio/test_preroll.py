"""The last moments before a press."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from daemon.audio.preroll import PreRoll


def test_take_gives_the_last_ms_in_order_and_empties():
    preroll = PreRoll(max_ms=4, rate_hz=1000)
    preroll.push(b"aabbcc")
    preroll.push(b"ddee")
    assert preroll.take() == b"bbccddee"
    assert preroll.take() == b""


def test_one_push_longer_than_the_preroll_keeps_its_end():
    preroll = PreRoll(max_ms=2, rate_hz=1000)
    preroll.push(b"aabbccdd")
    assert preroll.take() == b"ccdd"


def test_preroll_of_0_ms_keeps_nothing():
    preroll = PreRoll(max_ms=0, rate_hz=48000)
    preroll.push(b"aabb")
    assert preroll.take() == b""


def test_clear_forgets():
    preroll = PreRoll(max_ms=10, rate_hz=1000)
    preroll.push(b"aabb")
    preroll.clear()
    preroll.push(b"cc")
    assert preroll.take() == b"cc"


def test_what_was_taken_does_not_change_afterwards():
    preroll = PreRoll(max_ms=2, rate_hz=1000)
    preroll.push(b"aabb")
    taken = preroll.take()
    preroll.push(b"ccdd")
    assert taken == b"aabb"


@pytest.mark.parametrize(("max_ms", "rate_hz"), [(-1, 48000), (300, 0)])
def test_impossible_preroll_is_refused(max_ms, rate_hz):
    with pytest.raises(ValueError, match="pre-roll"):
        PreRoll(max_ms, rate_hz)


@given(st.integers(0, 30), st.lists(st.binary(max_size=20).map(lambda b: b + b)))
def test_preroll_is_the_end_of_everything_pushed(max_ms, pushes):
    preroll = PreRoll(max_ms, rate_hz=1000)
    for pcm in pushes:
        preroll.push(pcm)
    everything = b"".join(pushes)
    assert preroll.take() == everything[max(0, len(everything) - 2 * max_ms) :]


def test_preroll_of_0_ms_holds_on_to_nothing_even_before_it_is_taken():
    preroll = PreRoll(max_ms=0, rate_hz=48000)
    preroll.push(b"aabb")
    assert not preroll._periods


@given(st.lists(st.binary(max_size=20).map(lambda b: b + b), max_size=50))
def test_preroll_keeps_no_period_that_it_does_not_need(pushes):
    preroll = PreRoll(5, rate_hz=1000)
    for pcm in pushes:
        preroll.push(pcm)
        assert sum(map(len, list(preroll._periods)[1:])) < preroll.max_bytes
