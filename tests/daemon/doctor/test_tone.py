"""The tone of the loop-back check, in silence, in noise, and among other sounds."""

from __future__ import annotations

import math
import random
from array import array

import pytest

from daemon.audio.pcm import FLOOR_DBFS
from daemon.doctor.tone import TONE_DBFS, Tone, find, levels, tone

RATES_HZ = (8000, 16000, 44100, 48000)


def recording(rate_hz: int, *, at_ms: int | None, gain_db: float = 0.0, noise_dbfs: float = -60.0) -> bytes:
    """A second and a half of noise, with the tone in it."""
    chance = random.Random(1)
    peak = 32768 * 10 ** (noise_dbfs / 20) * math.sqrt(3)  # of an even distribution with this level
    samples = [chance.uniform(-peak, peak) for _ in range(rate_hz * 3 // 2)]
    if at_ms is not None:
        for i, sample in enumerate(array("h", tone(rate_hz)), rate_hz * at_ms // 1000):
            samples[i] += sample * 10 ** (gain_db / 20)
    return array("h", [round(max(-32768, min(32767, sample))) for sample in samples]).tobytes()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_tone_is_found_where_it_is_and_as_loud(rate_hz: int) -> None:
    found = find(levels(recording(rate_hz, at_ms=500, gain_db=-6), rate_hz), played_ms=400)
    assert found is not None
    assert 490 <= found.starts_ms <= 510
    assert found.dbfs == pytest.approx(TONE_DBFS - 6, abs=0.5)


@pytest.mark.parametrize("noise_dbfs", [-90.0, -60.0, -30.0])
def test_noise_alone_is_no_tone(noise_dbfs: float) -> None:
    assert find(levels(recording(16000, at_ms=None, noise_dbfs=noise_dbfs), 16000), played_ms=400) is None


def test_tone_that_was_there_before_it_was_played_is_another_one() -> None:
    assert find(levels(recording(16000, at_ms=100), 16000), played_ms=450) is None


def test_faint_tone_above_a_faint_floor_is_found() -> None:
    windows = levels(recording(16000, at_ms=500, gain_db=-40, noise_dbfs=-80), 16000)
    assert find(windows, played_ms=400) is not None


def test_short_sound_at_the_same_pitch_is_no_tone() -> None:
    windows = [-60.0] * 40 + [-20.0] * 15 + [-60.0] * 40
    assert find(windows, played_ms=300) is None


def test_tone_at_the_end_of_the_recording_is_found() -> None:
    assert find([-60.0] * 40 + [-20.0] * 25, played_ms=300) == Tone(400, -20.0)


@pytest.mark.parametrize("pcm", [b"", b"\0", bytes(100)])
def test_too_little_sound_holds_nothing(pcm: bytes) -> None:
    windows = levels(pcm, 16000)
    assert windows == []
    assert find(windows, played_ms=0) is None


def test_silence_is_at_the_floor() -> None:
    assert levels(bytes(640), 16000) == [FLOOR_DBFS, FLOOR_DBFS]
