"""Captured sound while nobody speaks: most of it forgotten, a voice whole, and all in order."""

from __future__ import annotations

import math
import random
from array import array

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from daemon.audio.lull import Lull

RATE_HZ = 16000
PERIOD_S = 0.02
FRAMES = 320
LEARNING = 150  # periods: 3 s


def noise(amplitude: int, seed: int) -> bytes:
    even = array("b", random.Random(seed).randbytes(FRAMES))
    return array("h", (sample * amplitude // 128 for sample in even)).tobytes()


def room(amplitude: int, periods: int, seed: int = 0) -> list[bytes]:
    return [noise(amplitude, 1000 * seed + n) for n in range(periods)]


def hum(periods: int, hiss: int = 0) -> list[bytes]:
    """50 Hz, in phase from period to period."""
    sample = [round(3000 * math.sin(2 * math.pi * i / FRAMES)) + (-1) ** i * hiss for i in range(FRAMES)]
    return [array("h", sample).tobytes()] * periods


def a_lull(channels: int = 1, channel: int | None = 0, period_s: float = PERIOD_S) -> Lull:
    return Lull(RATE_HZ, channels, channel, period_s)


def bursts(lull: Lull, periods: list[bytes]) -> list[list[int]]:
    """With each period, how many periods each burst had that went on."""
    return [[len(burst) // (2 * FRAMES) for burst in lull.feed(period, hurry=False)] for period in periods]


def settled(periods: list[bytes]) -> Lull:
    """It has learnt these, and keeps the last second of them."""
    lull = a_lull()
    bursts(lull, periods)
    return lull


@pytest.mark.parametrize("amplitude", [0, 2, 60, 3000])
def test_at_first_all_goes_on_in_bursts_of_200_ms(amplitude):
    assert bursts(a_lull(), room(amplitude, LEARNING)) == [*[[]] * 9, [10]] * 15


@pytest.mark.parametrize("amplitude", [0, 2, 60, 3000])
def test_of_steady_noise_one_burst_of_twenty_goes_on(amplitude):
    heard = bursts(a_lull(), room(amplitude, LEARNING + 50 + 600))[LEARNING + 50 :]
    assert [burst for at_once in heard for burst in at_once] == [10] * 3


def test_what_stands_out_goes_on_within_200_ms_with_the_second_before():
    lull = settled(room(60, 400))
    assert bursts(lull, room(180, 10)) == [*[[]] * 9, [10] * 6]
    assert bursts(lull, room(180, 10)) == [*[[]] * 9, [10]]


def test_a_hiss_over_a_louder_hum_stands_out():
    assert bursts(settled(hum(400)), hum(10, hiss=300))[-1] == [10] * 6


def test_a_short_hiss_stands_out():
    lull = settled(room(60, 400))
    assert bursts(lull, [*room(60, 8), noise(110, 1), noise(110, 2)])[-1] == [10] * 6


def test_rumble_does_not_stand_out():
    lull = settled(room(60, 400))
    waves = [round(300 * math.sin(2 * math.pi * i / FRAMES / 10)) for i in range(10 * FRAMES)]  # 5 Hz
    loud = [a + b for a, b in zip(array("h", b"".join(room(60, 10))), waves, strict=True)]
    periods = [array("h", loud[at : at + FRAMES]).tobytes() for at in range(0, len(loud), FRAMES)]
    assert not any(bursts(lull, periods))


def test_a_fan_switched_on_becomes_the_new_silence_within_4_s():
    lull = settled(room(100, 400))
    heard = bursts(lull, room(1000, 700, seed=1))
    assert heard[9] == [10] * 6
    assert sum(map(len, heard[200:])) <= 3


def test_noise_that_rises_by_a_decibel_a_second_is_told_of_in_time():
    """4 dB until it stands out, and the second that is kept: a detector takes no noise so little louder for a
    voice."""
    lull = settled(room(100, 400))
    told, behind_db = 100, []
    for n in range(30 * 50):
        amplitude = round(100 * 10 ** (n / 50 / 20))
        for burst in lull.feed(noise(amplitude, n), hurry=False):
            told = max(array("h", burst))
        behind_db.append(20 * math.log10(amplitude / told))
    assert max(behind_db) < 5


def test_a_voice_after_a_fan_went_off_stands_out_at_once():
    lull = settled(room(1000, 400))
    bursts(lull, room(60, 10))
    assert bursts(lull, room(200, 10))[-1] == [10] * 6


def test_only_the_channel_that_is_listened_to_counts():
    def stereo(left: bytes, right: bytes) -> bytes:
        both = array("h", bytes(4 * FRAMES))
        both[0::2], both[1::2] = array("h", left), array("h", right)
        return both.tobytes()

    def heard(channel: int | None) -> int:
        lull = a_lull(2, channel)
        for n in range(400):
            lull.feed(stereo(noise(60, n), noise(60, n + 1000)), hurry=False)
        return max(len(lull.feed(stereo(noise(60, n), noise(600, n)), hurry=False)) for n in range(10))

    assert [heard(0), heard(1), heard(None)] == [0, 6, 6]


def test_in_a_hurry_all_that_is_kept_goes_on():
    lull = settled(room(60, 400))
    assert [len(burst) // 640 for burst in lull.feed(noise(60, 1), hurry=True)] == [10] * 5 + [1]


def test_long_periods_are_bursts_of_their_own():
    lull = a_lull(period_s=0.4)
    assert [len(lull.feed(noise(60, n) * 10, hurry=False)) for n in range(3)] == [1, 1, 1]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from([0, 60, 5000]), st.integers(1, 120), st.booleans()), max_size=8))
def test_what_goes_on_is_in_order_and_whole_around_what_stands_out(parts):
    lull = a_lull()
    numbered = [
        (amplitude, hurry and n == length - 1) for amplitude, length, hurry in parts for n in range(length)
    ]
    periods = [n.to_bytes(2, "little") + noise(amplitude, n)[2:] for n, (amplitude, _) in enumerate(numbered)]
    heard = b"".join(
        b"".join(lull.feed(period, hurry=hurry)) for period, (_, hurry) in zip(periods, numbered, strict=True)
    )
    heard += b"".join(lull.feed(noise(60, 0), hurry=True))[: -2 * FRAMES]
    numbers = [int.from_bytes(heard[at : at + 2], "little") for at in range(0, len(heard), 2 * FRAMES)]
    assert numbers == sorted(set(numbers))
    assert set(range(len(periods))[-50:]) <= set(numbers)
    loud = {n for n, (amplitude, _) in enumerate(numbered) if amplitude == 5000}
    # A shorter pause is in no burst of its own.
    begins = {n for n in loud if not loud & set(range(n - 20, n))}
    assert begins <= set(numbers)
