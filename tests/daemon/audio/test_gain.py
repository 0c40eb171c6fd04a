"""The volume, sample by sample."""

from __future__ import annotations

from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.audio.gain import Gain, gain_of

EDGES = [-32768, -32767, -257, -256, -255, -129, -128, -127, -1, 0, 1, 127, 128, 255, 256, 257, 32767]


def samples(pcm: bytes) -> list[int]:
    return list(array("h", pcm))


@pytest.mark.parametrize(("percent", "gain"), [(0, 0.0), (50, 0.125), (80, 0.512), (100, 1.0)])
def test_gain_follows_the_cube(percent: int, gain: float) -> None:
    assert gain_of(percent) == pytest.approx(gain)


def test_full_volume_passes_the_very_same_bytes() -> None:
    pcm = array("h", EDGES).tobytes()
    assert Gain(100).apply(pcm) is pcm


def test_zero_is_true_silence() -> None:
    assert Gain(0).apply(array("h", EDGES).tobytes()) == bytes(2 * len(EDGES))


@pytest.mark.parametrize("percent", range(1, 100))
def test_every_volume_keeps_silence_silent_and_signs_right(percent: int) -> None:
    scaled = samples(Gain(percent).apply(array("h", EDGES).tobytes()))
    assert scaled[EDGES.index(0)] == 0
    gain = gain_of(percent)
    assert all(abs(y - x * gain) < 2 for x, y in zip(EDGES, scaled, strict=True))


@given(
    st.lists(st.integers(-32768, 32767), max_size=64),
    st.integers(0, 100),
)
def test_scaled_samples_are_within_two_steps(given: list[int], percent: int) -> None:
    scaled = samples(Gain(percent).apply(array("h", given).tobytes()))
    assert len(scaled) == len(given)
    assert all(abs(y - x * gain_of(percent)) < 2 for x, y in zip(given, scaled, strict=True))


def test_change_ramps_over_one_period_without_a_step() -> None:
    gain = Gain(100)
    loud = array("h", [20_000] * 480).tobytes()
    gain.set_percent(0)
    ramp = samples(gain.apply(loud))
    assert ramp[0] > 19_900
    assert ramp[-1] == 0
    assert max(a - b for a, b in pairwise(ramp)) <= 20_000 / 480 + 1
    assert gain.apply(loud) == bytes(960)
    gain.set_percent(100)
    assert samples(gain.apply(loud))[-1] == 20_000
    assert gain.apply(loud) is loud


def test_ramp_starts_where_the_last_change_ended() -> None:
    gain = Gain(0)
    loud = array("h", [20_000] * 480).tobytes()
    gain.set_percent(100)
    gain.set_percent(50)  # before anything was played at 100
    ramp = samples(gain.apply(loud))
    assert 0 <= ramp[0] < 50
    assert ramp[-1] == 2500


@pytest.mark.parametrize("percent", [-1, 101, 50.0, True, "50", None])
def test_impossible_volume_is_refused_with_what_is_allowed(percent: object) -> None:
    with pytest.raises(ValueError, match="allowed: a whole number from 0 to 100"):
        Gain().set_percent(percent)


def test_empty_and_odd_lengths_of_periods() -> None:
    gain = Gain(30)
    for frames in range(12):
        assert len(gain.apply(bytes(frames * 2))) == frames * 2
