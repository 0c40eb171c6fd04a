"""Captured periods in bursts while nobody speaks: none lost, none out of order, a voice at once."""

from __future__ import annotations

import math
import random
from array import array

import hypothesis.strategies as st
import pytest
from hypothesis import given

from daemon.audio.lull import Lull

PERIOD_S = 0.02


def noise(amplitude: int, seed: int) -> bytes:
    chance = random.Random(seed)
    return array("h", (chance.randint(-amplitude, amplitude) for _ in range(320))).tobytes()


def lengths(lull: Lull, periods: list[bytes]) -> list[int]:
    """How many periods went on with each."""
    return [len(lull.feed(period, hurry=False)) // 640 for period in periods]


@pytest.mark.parametrize("amplitude", [0, 2, 60, 3000])
def test_steady_noise_comes_in_bursts_of_100_ms(amplitude):
    assert lengths(Lull(PERIOD_S), [noise(amplitude, n) for n in range(20)]) == [0, 0, 0, 0, 5] * 4


def test_what_stands_out_goes_on_at_once_with_what_was_kept_back():
    lull = Lull(PERIOD_S)
    assert lengths(lull, [noise(60, 1), noise(60, 2), noise(120, 3), noise(60, 4)]) == [0, 0, 3, 0]


def test_a_hiss_over_a_louder_hum_stands_out():
    hum = [round(3000 * math.sin(2 * math.pi * i / 320)) for i in range(320)]
    hiss = [sample + (-1) ** i * 300 for i, sample in enumerate(hum)]
    periods = [array("h", samples).tobytes() for samples in (hum, hum, hiss)]
    assert lengths(Lull(PERIOD_S), periods) == [0, 0, 3]


def test_a_fan_switched_on_becomes_the_new_silence_within_seconds():
    lull = Lull(PERIOD_S)
    lengths(lull, [noise(100, n) for n in range(20)] + [noise(1000, n) for n in range(450)])
    assert max(lengths(lull, [noise(1000, n) for n in range(10)])) == 5


def test_periods_longer_than_a_burst_are_never_kept_back():
    assert lengths(Lull(0.2), [noise(60, n) for n in range(3)]) == [1, 1, 1]


@given(st.lists(st.tuples(st.sampled_from([0, 60, 5000]), st.booleans()), max_size=40))
def test_everything_goes_on_once_and_in_order(steps):
    lull = Lull(PERIOD_S)
    periods = [noise(amplitude, n) for n, (amplitude, _) in enumerate(steps)]
    heard = [lull.feed(period, hurry=hurry) for period, (_, hurry) in zip(periods, steps, strict=True)]
    heard.append(lull.feed(noise(1, 0), hurry=True))
    assert b"".join(heard) == b"".join(periods) + noise(1, 0)
