"""Channels, durations and levels of PCM."""

from __future__ import annotations

from array import array

import hypothesis.strategies as st
import pytest
from hypothesis import given

from daemon.audio.pcm import FLOOR_DBFS, frames_to_ms, mix_channels, ms_to_frames, pick_channel, rms_dbfs

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


def test_pick_channel_keeps_both_bytes_of_a_sample():
    assert pick_channel(b"\x01\x00\x00\x80", 2, 1) == b"\x00\x80"


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


@given(st.lists(st.tuples(SAMPLE, SAMPLE), max_size=20))
def test_mix_of_two_is_their_floored_mean_too(frames):
    interleaved = [sample for frame in frames for sample in frame]
    assert mix_channels(pcm(*interleaved), 2) == pcm(*(sum(frame) // 2 for frame in frames))


@pytest.mark.parametrize("silence", [b"", pcm(0, 0, 0), pcm(1, *[0] * 99)])
def test_level_of_silence_is_the_floor(silence):
    assert rms_dbfs(silence) == FLOOR_DBFS


def test_level_of_a_square_wave_is_its_amplitude():
    assert rms_dbfs(pcm(-32768, -32768)) == 0.0
    assert rms_dbfs(pcm(3277, -3277)) == pytest.approx(-20, abs=0.01)
