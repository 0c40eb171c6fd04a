"""The high-pass: what it lets through, what it stops, and that nobody hears where it was cut."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings

from daemon.audio.highpass import HighPass

RATES_HZ = [8000, 16000, 44100, 48000]


def gain_db(high_pass: HighPass, tone_hz: float, rate_hz: int) -> float:
    """Of a tone, once the filter has settled."""
    at = np.arange(rate_hz) * tone_hz / rate_hz
    filtered = high_pass.process(np.sin(2 * np.pi * at))
    turning = np.exp(-2j * np.pi * at)[rate_hz // 2 :]
    return 20 * math.log10(2 * abs(np.mean(filtered[rate_hz // 2 :] * turning)))


def reference(samples: np.ndarray, corner_hz: float, rate_hz: int) -> np.ndarray:
    """The textbook's biquad, sample by sample (RBJ cookbook, Q = 1/sqrt 2), at rest before the first one."""
    w = 2 * math.pi * corner_hz / rate_hz
    alpha = math.sin(w) / math.sqrt(2)
    b, a1, a2 = (1 + math.cos(w)) / 2, -2 * math.cos(w), 1 - alpha
    x1 = x2 = float(samples[0])
    y1 = y2 = 0.0
    out = []
    for x in samples:
        y = (b * (x - 2 * x1 + x2) - a1 * y1 - a2 * y2) / (1 + alpha)
        x1, x2, y1, y2 = x, x1, y, y1
        out.append(y)
    return np.array(out)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("corner_hz", [80, 90, 100])
def test_corner_is_3_db_down_and_speech_is_left_alone(rate_hz, corner_hz):
    assert gain_db(HighPass(corner_hz, rate_hz), corner_hz, rate_hz) == pytest.approx(-3.01, abs=0.05)
    for tone_hz in (2 * corner_hz, 300, 1000, 3500):
        assert -0.5 < gain_db(HighPass(corner_hz, rate_hz), tone_hz, rate_hz) < 0.05


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("corner_hz", "at_25_hz_db"), [(80, -20), (90, -22), (100, -24)])
def test_rumble_is_stopped(rate_hz, corner_hz, at_25_hz_db):
    assert gain_db(HighPass(corner_hz, rate_hz), 25, rate_hz) < at_25_hz_db


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("corner_hz", [20, 90, 400])
def test_it_is_the_textbooks_filter(rate_hz, corner_hz):
    samples = np.random.default_rng(1).normal(0, 3000, rate_hz // 2)
    ours = HighPass(corner_hz, rate_hz).process(samples)
    assert np.max(np.abs(ours - reference(samples, corner_hz, rate_hz))) < 1e-3


def test_offset_is_gone_from_the_first_sample_on_without_a_click():
    assert np.max(np.abs(HighPass(90, 48000).process(np.full(4800, 5000.0)))) < 1e-6


def test_offset_that_changes_is_gone_after_20_ms():
    high_pass = HighPass(90, 48000)
    high_pass.process(np.zeros(960))
    assert np.max(np.abs(high_pass.process(np.full(4800, 5000.0))[960:])) < 5


@settings(max_examples=examples(50))
@given(cuts=st.lists(st.integers(0, 9600), max_size=12), corner_hz=st.sampled_from([20.0, 90.0, 400.0]))
def test_pieces_are_filtered_as_the_whole(cuts, corner_hz):
    samples = np.random.default_rng(2).normal(0, 8000, 9600)
    whole = HighPass(corner_hz, 48000).process(samples)
    streaming = HighPass(corner_hz, 48000)
    pieces = [streaming.process(piece) for piece in np.split(samples, sorted(cuts))]
    assert np.max(np.abs(np.concatenate(pieces) - whole)) < 1e-3


@pytest.mark.long
def test_hour_of_periods_does_not_drift_from_the_textbook():
    high_pass = HighPass(90, 8000)
    for _ in range(60_000):  # of 160 samples: 20 minutes; the state has long forgotten where it began
        high_pass.process(np.full(160, 12345.0))
    samples = np.random.default_rng(3).normal(0, 3000, 1600)
    samples[0] = 12345.0
    assert np.max(np.abs(high_pass.process(samples) - reference(samples, 90, 8000))) < 1e-3


def test_reset_forgets_what_was_before():
    high_pass = HighPass(90, 16000)
    high_pass.process(np.full(160, 20000.0))
    high_pass.reset()
    assert np.max(np.abs(high_pass.process(np.full(160, -20000.0)))) < 1e-6


def test_nothing_in_nothing_out():
    assert len(HighPass(90, 16000).process(np.zeros(0))) == 0


@pytest.mark.parametrize("corner_hz", [0, -1, 4000])
def test_impossible_corner_is_refused(corner_hz):
    with pytest.raises(ValueError, match="corner_hz"):
        HighPass(corner_hz, 16000)
