"""What becomes of a captured period before anything else hears it."""

from __future__ import annotations

from array import array

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from daemon.audio.capture import CapturePath, CaptureSettings

RAW = {"high_pass_hz": 0.0}


def pcm(*samples: int) -> bytes:
    return array("h", samples).tobytes()


def path(channels: int = 1, rate_hz: int = 48000, **settings: object) -> CapturePath:
    return CapturePath(CaptureSettings(**settings), rate_hz, channels)


@pytest.mark.parametrize(("channel", "mono"), [(0, (1, 4)), (2, (3, 6)), (None, (2, 5))])
def test_one_channel_comes_out(channel, mono):
    assert path(3, channel=channel, **RAW).feed(pcm(1, 2, 3, 4, 5, 6)) == pcm(*mono)


def test_the_other_channels_are_not_heard_by_the_filter():
    ours = np.random.default_rng(1).integers(-3000, 3000, 960).astype(np.int16)
    for other in (np.full(960, 30000, np.int16), np.zeros(960, np.int16)):
        both = np.column_stack([other, ours]).tobytes()
        assert path(2, channel=1).feed(both) == path().feed(ours.tobytes())


def test_with_nothing_to_do_samples_pass_as_they_are():
    period = pcm(-32768, 5, 32767)
    assert path(**RAW).feed(period) is period


@given(
    st.lists(st.integers(1, 1000), max_size=8),
    st.sampled_from([0.0, 90.0]),
    st.sampled_from([-20.0, 0.0, 40.0]),
    st.sampled_from([1, 2, 6]),
)
def test_as_many_frames_come_out_as_go_in(lengths, high_pass_hz, gain_db, channels):
    capture = path(channels, high_pass_hz=high_pass_hz, gain_db=gain_db)
    for frames in lengths:
        assert len(capture.feed(bytes(2 * channels * frames))) == 2 * frames


def test_nothing_is_delayed():
    click = pcm(*[0] * 100, 20000, *[0] * 100)
    heard = array("h", path().feed(click))
    assert heard.index(max(heard)) == 100


def test_pieces_come_out_as_the_whole():
    period = np.random.default_rng(2).integers(-9000, 9000, 4800).astype(np.int16).tobytes()
    whole, pieces = path(gain_db=3.0), path(gain_db=3.0)
    cut = b"".join(pieces.feed(period[at : at + 960]) for at in range(0, len(period), 960))
    assert np.max(np.abs(np.frombuffer(whole.feed(period), "<i2") - np.frombuffer(cut, "<i2"))) <= 1


@pytest.mark.parametrize(("gain_db", "loud"), [(-20, 100), (0, 1000), (6.0206, 2000), (20, 10000)])
def test_gain(gain_db, loud):
    assert path(gain_db=gain_db, **RAW).feed(pcm(1000, -1000)) == pcm(loud, -loud)


def test_what_does_not_fit_is_clipped_and_counted():
    capture = path(gain_db=20, **RAW)
    assert capture.feed(pcm(4000, -4000, 3000)) == pcm(32767, -32768, 30000)
    assert capture.clipped_samples == 2
    capture.feed(pcm(32767, 0))
    assert capture.clipped_samples == 3


def test_full_scale_that_fits_is_not_counted():
    capture = path(gain_db=-0.0001, **RAW)
    capture.feed(pcm(32767, -32768))
    assert capture.clipped_samples == 0


def test_mix_is_before_the_gain():
    capture = path(2, channel=None, gain_db=6.0206, **RAW)
    assert capture.feed(pcm(30000, -20000)) == pcm(10000)
    assert capture.clipped_samples == 0


def test_after_a_gap_there_is_no_click():
    capture = path()
    capture.feed(pcm(*[9000] * 480))
    capture.reset()
    assert not any(capture.feed(pcm(*[-9000] * 480)))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("gain_db", 41),
        ("gain_db", -21),
        ("gain_db", float("nan")),
        ("high_pass_hz", 10),
        ("high_pass_hz", -1),
    ],
)
def test_impossible_setting_is_refused_with_what_is_allowed(setting, value):
    with pytest.raises(ValueError, match=f"{setting} is .* allowed"):
        CaptureSettings(**{setting: value})


@pytest.mark.parametrize("channel", [2, -1])
def test_channel_that_is_not_there_is_refused(channel):
    with pytest.raises(ValueError, match=f"channel is {channel}, allowed: 0 to 1"):
        path(2, channel=channel)


def test_half_a_frame_is_refused():
    with pytest.raises(ValueError, match="whole"):
        path(2).feed(pcm(1, 2, 3))
