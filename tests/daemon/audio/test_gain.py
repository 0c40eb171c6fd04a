"""The volume, sample by sample."""

from __future__ import annotations

import math
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.audio.gain import Gain, gain_of

RATE_HZ = 24_000  # so that a fade takes 480 samples, and unducking 24000
EDGES = [-32768, -32767, -257, -256, -255, -129, -128, -127, -1, 0, 1, 127, 128, 255, 256, 257, 32767]


def samples(pcm: bytes) -> list[int]:
    return list(array("h", pcm))


@pytest.mark.parametrize(("percent", "db"), [(1, -39.6), (40, -24.0), (50, -20.0), (75, -10.0), (100, 0.0)])
def test_volume_in_decibels(percent: int, db: float) -> None:
    assert 20 * math.log10(gain_of(percent)) == pytest.approx(db)


def test_every_step_of_one_percent_sounds_equally_large() -> None:
    steps = [gain_of(percent + 1) / gain_of(percent) for percent in range(1, 100)]
    assert max(steps) == pytest.approx(min(steps))


def test_full_volume_passes_the_very_same_bytes() -> None:
    pcm = array("h", EDGES).tobytes()
    assert Gain(100).apply(pcm) is pcm


def test_zero_is_true_silence() -> None:
    assert Gain(0).apply(array("h", EDGES).tobytes()) == bytes(2 * len(EDGES))


@pytest.mark.parametrize("rate_hz", [24_000, 48_000])
@pytest.mark.parametrize("percent", range(1, 100))
def test_every_volume_keeps_silence_silent_and_signs_right(percent: int, rate_hz: int) -> None:
    scaled = samples(Gain(percent, rate_hz).apply(array("h", EDGES).tobytes()))
    assert scaled[EDGES.index(0)] == 0
    gain = gain_of(percent)
    assert all(abs(y - x * gain) < 2 for x, y in zip(EDGES, scaled, strict=True))


@given(
    st.lists(st.integers(-32768, 32767), max_size=64),
    st.integers(0, 100),
    st.sampled_from([24_000, 48_000]),
)
def test_scaled_samples_are_within_two_steps(given: list[int], percent: int, rate_hz: int) -> None:
    scaled = samples(Gain(percent, rate_hz).apply(array("h", given).tobytes()))
    assert len(scaled) == len(given)
    assert all(abs(y - x * gain_of(percent)) < 2 for x, y in zip(given, scaled, strict=True))


def test_change_ramps_over_one_fade_without_a_step() -> None:
    gain = Gain(100, RATE_HZ)
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
    gain = Gain(0, RATE_HZ)
    loud = array("h", [20_000] * 480).tobytes()
    gain.set_percent(100)
    gain.set_percent(50)  # before anything was played at 100
    ramp = samples(gain.apply(loud))
    assert 0 <= ramp[0] < 50
    assert ramp[-1] == 2000


def test_change_within_a_long_period_ends_inside_it() -> None:
    gain = Gain(100, RATE_HZ)
    gain.duck(True)
    ducked = samples(gain.apply(array("h", [20_000] * 960).tobytes()))
    assert ducked[240] == pytest.approx(11_000, abs=50)
    assert ducked[479] == pytest.approx(2000, abs=1)
    assert len(set(ducked[480:])) == 1
    assert len(ducked) == 960


def test_duck_is_twenty_decibels_below_any_volume() -> None:
    loud = array("h", [20_000] * 480).tobytes()
    for percent in (100, 60, 5, 0):
        gain = Gain(percent, RATE_HZ)
        gain.duck(True)
        gain.apply(loud)
        assert samples(gain.apply(loud))[0] == pytest.approx(2000 * gain_of(percent), abs=2)
        assert gain.percent == percent


def test_unducked_sound_comes_back_within_a_second_bit_for_bit() -> None:
    gain = Gain(100, RATE_HZ)
    loud = array("h", [20_000] * 480).tobytes()
    gain.duck(True)
    gain.apply(loud)
    gain.duck(False)
    ends = [samples(gain.apply(loud))[-1] for _ in range(50)]
    assert ends[24] == pytest.approx(11_000, abs=50)
    assert [end for end in ends if end == 20_000] == [20_000]  # the last one of the second
    assert gain.apply(loud) is loud


def test_volume_set_while_the_sound_comes_back_does_not_hurry_it() -> None:
    gain = Gain(100, RATE_HZ)
    loud = array("h", [20_000] * 480).tobytes()
    gain.duck(True)
    gain.apply(loud)
    gain.duck(False)
    halfway = [samples(gain.apply(loud))[-1] for _ in range(25)][-1]
    gain.set_percent(50)
    ends = [halfway] + [samples(gain.apply(loud))[-1] for _ in range(50)]
    assert max(abs(b - a) for a, b in pairwise(ends)) < 400  # 9000 to go in 25 periods
    assert ends[-1] == pytest.approx(2000, abs=2)


def test_duck_taken_back_before_the_next_period_changes_nothing() -> None:
    gain = Gain(100, RATE_HZ)
    gain.duck(True)
    gain.duck(False)
    pcm = array("h", EDGES).tobytes()
    assert gain.apply(pcm) is pcm


WISHES = st.lists(st.tuples(st.sampled_from([True, False, 100, 80, 30, 1, 0]), st.integers(1, 6)), max_size=8)
SLOW_HZ = 4_800  # so that a fade takes 96 samples, and unducking 4800
FADE_STEP = 1 / 96


def played(wave: list[int], wishes: list[tuple[bool | int, int]], period: int) -> list[int]:
    """The wave, over and over, while each wish is followed by its number of periods."""
    gain = Gain(100, SLOW_HZ)
    heard: list[int] = []
    for wish, periods in wishes:
        gain.duck(wish) if isinstance(wish, bool) else gain.set_percent(wish)
        for _ in range(periods):
            start = len(heard) % len(wave)
            pcm = (wave * (period // len(wave) + 2))[start : start + period]
            heard += samples(gain.apply(array("h", pcm).tobytes()))
    return heard


@given(WISHES, st.sampled_from([48, 96, 193]))
def test_sine_never_steps_further_than_itself_and_a_fade_do(
    wishes: list[tuple[bool | int, int]], period: int
) -> None:
    sine = [round(16_000 * math.sin(2 * math.pi * i / 80)) for i in range(80)]
    heard = played(sine, wishes, period)
    bound = 16_000 * (2 * math.pi / 80 + FADE_STEP) + 3
    assert max((abs(b - a) for a, b in pairwise(heard)), default=0) <= bound


@given(WISHES, st.sampled_from([48, 96, 193]))
def test_gain_itself_never_steps_further_than_a_fade_does(
    wishes: list[tuple[bool | int, int]], period: int
) -> None:
    heard = played([20_000], wishes, period)
    assert max((abs(b - a) for a, b in pairwise(heard)), default=0) <= 20_000 * FADE_STEP + 2


@given(WISHES)
def test_whatever_was_asked_full_volume_comes_back_bit_for_bit(wishes: list[tuple[bool | int, int]]) -> None:
    gain = Gain(100, SLOW_HZ)
    pcm = array("h", EDGES).tobytes()
    for wish, periods in wishes:
        gain.duck(wish) if isinstance(wish, bool) else gain.set_percent(wish)
        for _ in range(periods):
            gain.apply(bytes(192))
    gain.duck(False)
    gain.set_percent(100)
    gain.apply(bytes(2 * SLOW_HZ))
    assert gain.apply(pcm) is pcm


@pytest.mark.parametrize("percent", [-1, 101, 50.0, True, "50", None])
def test_impossible_volume_is_refused_with_what_is_allowed(percent: object) -> None:
    with pytest.raises(ValueError, match="allowed: a whole number from 0 to 100"):
        Gain().set_percent(percent)


def test_empty_and_odd_lengths_of_periods() -> None:
    gain = Gain(30)
    for frames in range(12):
        assert len(gain.apply(bytes(frames * 2))) == frames * 2


def test_silence_is_silence_of_the_same_length_and_sound_after_it_is_scaled() -> None:
    gain, sound = Gain(50), array("h", [1000, -1000]).tobytes()
    scaled = gain.apply(sound)
    assert gain.apply(bytes(2 * 480)) == bytes(2 * 480)
    assert gain.apply(bytes(2 * 720)) == bytes(2 * 720)
    assert gain.apply(sound) == scaled != sound
