"""The microphone's meters."""

from __future__ import annotations

import math
from array import array

import hypothesis.strategies as st
import pytest
from hypothesis import given

from daemon.audio.level import LevelMeter, _best_measure, measure_plainly
from daemon.audio.pcm import FLOOR_DBFS, dbfs

RATE_HZ = 8000
PERIOD = 160  # 20 ms


def pcm(*samples: int) -> bytes:
    return array("h", samples).tobytes()


def sine(amplitude: float, frames: int = PERIOD, offset: float = 0.0) -> bytes:
    return pcm(*(round(offset + amplitude * math.sin(2 * math.pi * n / 16)) for n in range(frames)))


def fed(*periods: bytes) -> LevelMeter:
    meter = LevelMeter(RATE_HZ)
    for period in periods:
        meter.feed(period)
    return meter


@pytest.mark.parametrize(
    ("period", "peak"), [(pcm(0, 5, -7), 7), (pcm(0, 0), 0), (pcm(-32768), 32768), (b"", 0)]
)
def test_each_period_is_answered_with_its_peak(period, peak):
    assert LevelMeter(RATE_HZ).feed(period) == peak


def test_sine_reads_3_db_below_its_peak():
    levels = fed(sine(16384)).levels()
    assert levels.peak_dbfs == pytest.approx(-6.02, abs=0.01)
    assert levels.rms_dbfs == pytest.approx(-9.03, abs=0.01)


def test_before_the_first_period_and_in_silence_the_meters_are_at_the_floor():
    for meter in (LevelMeter(RATE_HZ), fed(bytes(2 * PERIOD))):
        assert (meter.levels().rms_dbfs, meter.levels().peak_dbfs) == (FLOOR_DBFS, FLOOR_DBFS)


def test_rms_follows_within_a_second_and_the_peak_falls_by_12_db():
    meter = fed(*[sine(16384)] * 50, *[sine(16)] * 50)
    assert meter.levels().rms_dbfs == pytest.approx(-9.03 - 14.5, abs=0.2)  # e^-(1/0.3) of the power
    assert meter.levels().peak_dbfs == pytest.approx(-6.02 - 12, abs=0.01)


def test_decay_goes_by_time_not_by_periods():
    long, short = fed(sine(16384), sine(16, 8000)), fed(sine(16384), *[sine(16)] * 50)
    assert long.levels().rms_dbfs == pytest.approx(short.levels().rms_dbfs, abs=0.1)
    assert long.levels().peak_dbfs == pytest.approx(short.levels().peak_dbfs, abs=0.1)


def test_offset_is_shown_and_does_not_count_as_sound():
    levels = fed(*[sine(1000, offset=3277)] * 50).levels()
    assert levels.dc_percent == pytest.approx(10, abs=0.1)
    assert levels.rms_dbfs == pytest.approx(dbfs(1000) - 3.01, abs=0.05)


def test_samples_at_the_end_of_the_range_are_counted_for_good():
    meter = fed(pcm(32767, -32768, 32766, -32767), pcm(32767), pcm(0xFF, 0x7F, 0x80))
    assert meter.levels().full_scale_samples == 3
    meter.reset()
    assert meter.levels().full_scale_samples == 3


def test_only_whole_periods_of_zeros_count_as_zeros():
    meter = fed(*[bytes(2 * PERIOD)] * 3)
    assert meter.levels().zeros_ms == 60
    meter.feed(pcm(*[0] * (PERIOD - 1), 1))
    assert meter.levels().zeros_ms == 0


def test_reset_begins_anew():
    meter = fed(sine(16384, offset=500))
    meter.reset()
    assert meter.levels() == LevelMeter(RATE_HZ).levels()


@pytest.mark.long
@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=50))
def test_numpy_and_plain_python_measure_the_same(samples):
    pytest.importorskip("numpy")
    assert _best_measure() is not measure_plainly
    ours, plain = _best_measure()(pcm(*samples)), measure_plainly(pcm(*samples))
    assert (ours.lowest, ours.highest, ours.total, ours.at_an_end) == (
        (plain.lowest, plain.highest, plain.total, plain.at_an_end)
    )
    assert ours.squares == pytest.approx(plain.squares, rel=1e-9)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=50))
def test_rms_is_never_above_the_peak(samples):
    levels = fed(pcm(*samples)).levels()
    assert FLOOR_DBFS <= levels.rms_dbfs <= levels.peak_dbfs + 1e-9 <= 1e-9
