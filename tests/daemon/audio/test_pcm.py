"""Channels, durations and levels of PCM."""

from __future__ import annotations

import math
from array import array

import hypothesis.strategies as st
import pytest
from hypothesis import given

from daemon.audio.pcm import (
    FLOOR_DBFS,
    frames_to_ms,
    mix_channels,
    ms_to_frames,
    peak_dbfs,
    pick_channel,
    rms_dbfs,
)

SAMPLE = st.integers(-32768, 32767)


def pcm(*samples: int) -> bytes:
    return array("h", samples).tobytes()


@pytest.mark.parametrize(
    ("frames", "rate_hz", "ms"),
    [(0, 24000, 0), (23, 24000, 0), (24, 24000, 1), (47, 24000, 1), (44100, 44100, 1000)],
)
def test_frames_to_ms_rounds_down(frames, rate_hz, ms):
    assert frames_to_ms(frames, rate_hz) == ms


@pytest.mark.parametrize(
    ("ms", "rate_hz", "frames"), [(0, 24000, 0), (20, 48000, 960), (1, 44100, 44), (7, 11025, 77)]
)
def test_ms_to_frames_rounds_down(ms, rate_hz, frames):
    assert ms_to_frames(ms, rate_hz) == frames


def test_samples_are_little_endian():
    assert pick_channel(b"\x01\x00\x00\x80", 2, 1) == b"\x00\x80"
    assert peak_dbfs(b"\x00\x80") == 0.0


def test_pick_channel_takes_one_of_the_interleaved():
    assert pick_channel(pcm(1, 2, 3, 4, 5, 6), 2, 0) == pcm(1, 3, 5)
    assert pick_channel(pcm(1, 2, 3, 4, 5, 6), 3, 2) == pcm(3, 6)


def test_pick_channel_of_mono_is_the_same():
    assert pick_channel(pcm(1, 2), 1, 0) == pcm(1, 2)


@pytest.mark.parametrize(("channels", "index"), [(1, 1), (2, -1), (2, 2)])
def test_pick_channel_that_is_not_there_is_refused(channels, index):
    with pytest.raises(ValueError, match=f"channel index {index} is not one of 0..{channels - 1}"):
        pick_channel(pcm(1, 2), channels, index)


def test_half_a_frame_is_refused():
    with pytest.raises(ValueError, match="6 bytes are not whole"):
        pick_channel(pcm(1, 2, 3), 2, 0)
    with pytest.raises(ValueError, match="3 bytes are not whole"):
        mix_channels(b"abc", 1)


@given(st.lists(st.tuples(SAMPLE, SAMPLE, SAMPLE), max_size=20))
def test_mix_is_the_floored_mean_of_the_channels(frames):
    interleaved = [sample for frame in frames for sample in frame]
    assert mix_channels(pcm(*interleaved), 3) == pcm(*(sum(frame) // 3 for frame in frames))


def test_mix_of_the_loudest_does_not_overflow():
    assert mix_channels(pcm(-32768, -32768, 32767, 32767), 2) == pcm(-32768, 32767)


@pytest.mark.parametrize("level", [rms_dbfs, peak_dbfs])
@pytest.mark.parametrize("silence", [b"", pcm(0, 0, 0)])
def test_level_of_silence_is_the_floor(level, silence):
    assert level(silence) == FLOOR_DBFS


@pytest.mark.parametrize("level", [rms_dbfs, peak_dbfs])
def test_level_of_a_square_wave_is_its_amplitude(level):
    assert level(pcm(-32768, -32768)) == 0.0
    assert level(pcm(3277, -3277)) == pytest.approx(-20, abs=0.01)


def test_rms_of_a_sine_is_3_db_below_its_peak():
    sine = pcm(*(round(16000 * math.sin(2 * math.pi * n / 48)) for n in range(480)))
    assert peak_dbfs(sine) - rms_dbfs(sine) == pytest.approx(3.01, abs=0.01)


def test_rms_below_the_floor_reads_as_the_floor():
    assert rms_dbfs(pcm(1, *[0] * 99)) == FLOOR_DBFS


@given(st.lists(SAMPLE, min_size=1, max_size=50))
def test_rms_is_never_above_the_peak(samples):
    assert FLOOR_DBFS <= rms_dbfs(pcm(*samples)) <= peak_dbfs(pcm(*samples)) + 1e-9 <= 1e-9
