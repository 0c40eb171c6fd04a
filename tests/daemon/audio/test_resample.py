"""Sample rate conversion of a stream: exact counts, same samples, a clean band, little delay."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from examples import examples
from hypothesis import given, settings

from daemon.audio.pcm import mix_channels, pick_channel
from daemon.audio.resample import Resampler

np = pytest.importorskip("numpy")

DEVICE_RATES = [8000, 16000, 32000, 44100, 48000]
CAPTURE = [(rate_hz, 24000) for rate_hz in DEVICE_RATES]
PLAYBACK = [(24000, rate_hz) for rate_hz in DEVICE_RATES]
DETECTION = [(rate_hz, 16000) for rate_hz in DEVICE_RATES if rate_hz != 16000]
RATES = [*CAPTURE, *PLAYBACK, *DETECTION]
NOISE = random.Random(1).randbytes(4000)


def converted(resampler: Resampler, pieces: list[bytes]) -> bytes:
    return b"".join(map(resampler.feed, pieces)) + resampler.flush()


def cut(audio: bytes, piece_bytes: int) -> list[bytes]:
    return [audio[at : at + piece_bytes] for at in range(0, len(audio), piece_bytes)]


def sine(hz: float, rate_hz: int, seconds: float = 1.0, amplitude: int = 16000) -> bytes:
    phase = 2 * np.pi * hz / rate_hz * np.arange(int(rate_hz * seconds))
    return np.rint(amplitude * np.sin(phase)).astype(np.int16).tobytes()


def sweep(band_hz: tuple[float, float], rate_hz: int, seconds: float = 1.0, amplitude: int = 16000) -> bytes:
    """A sine whose frequency rises steadily from one end of the band to the other."""
    low_hz, high_hz = band_hz
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    phase = 2 * np.pi * (low_hz * t + (high_hz - low_hz) / seconds * t**2 / 2)
    return np.rint(amplitude * np.sin(phase)).astype(np.int16).tobytes()


def samples(audio: bytes):
    return np.frombuffer(audio, np.int16).astype(float)


def level_db(signal) -> float:
    """Against a sine of 16000."""
    return 20 * np.log10(max(1e-9, np.sqrt(2 * np.mean(signal**2))) / 16000)


def gain_db(hz: float, from_hz: int, to_hz: int) -> float:
    """How loud a sine comes out, its first and last 50 ms left aside."""
    out = samples(converted(Resampler(from_hz, to_hz), [sine(hz, from_hz)]))
    return level_db(out[to_hz // 20 : -to_hz // 20])


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@given(frames=st.integers(0, 2000))
@settings(max_examples=examples(15))
def test_count_is_exact(from_hz, to_hz, frames):
    out = converted(Resampler(from_hz, to_hz), [bytes(2 * frames)])
    assert len(out) == 2 * int(frames * to_hz / from_hz + 0.5)


def test_half_a_frame_is_rounded_up():
    assert len(converted(Resampler(24000, 44100), [bytes(2 * 120)])) == 2 * 221


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@given(cuts=st.lists(st.integers(0, len(NOISE)), max_size=12))
@settings(max_examples=examples(15))
def test_any_cutting_gives_the_same_samples(from_hz, to_hz, cuts):
    edges = [0, *sorted(cuts), len(NOISE)]
    pieces = [NOISE[start:end] for start, end in pairwise(edges)]
    assert converted(Resampler(from_hz, to_hz), pieces) == converted(Resampler(from_hz, to_hz), [NOISE])


def test_flush_begins_a_new_stream():
    resampler = Resampler(48000, 24000)
    first = converted(resampler, [NOISE, b"\x01"])
    assert converted(resampler, [NOISE]) == first


def band_end_hz(from_hz, to_hz):
    """7 kHz, or 7/8 of what the lower rate can carry: 3.5 kHz at 8 kHz."""
    return min(7000, min(from_hz, to_hz) / 2 * 7 / 8)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@pytest.mark.parametrize("of_band", [0.01, 0.15, 0.5, 0.75, 0.9, 1])
def test_band_is_level(from_hz, to_hz, of_band):
    hz = of_band * band_end_hz(from_hz, to_hz)
    assert gain_db(hz, from_hz, to_hz) == pytest.approx(0, abs=0.05)  # the bar is 0.5


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_sweep_through_the_band_comes_out_as_it_went_in(from_hz, to_hz):
    """In 20 ms pieces: a ripple, an alias, an image, a shift or a click would all show in the difference."""
    band = (50, band_end_hz(from_hz, to_hz))
    out = samples(converted(Resampler(from_hz, to_hz), cut(sweep(band, from_hz), from_hz // 50 * 2)))
    error = (out - samples(sweep(band, to_hz)))[to_hz // 20 : -to_hz // 20]
    assert level_db(error) < -55
    assert 20 * np.log10(abs(error).max() / 16000) < -50


@pytest.mark.parametrize(("from_hz", "to_hz"), [rates for rates in RATES if rates[0] > rates[1]])
def test_sweep_above_the_band_does_not_alias(from_hz, to_hz):
    out = samples(converted(Resampler(from_hz, to_hz), [sweep((to_hz / 2, from_hz / 2), from_hz)]))
    assert 20 * np.log10(abs(out[to_hz // 20 : -to_hz // 20]).max() / 16000) < -55


@pytest.mark.parametrize(("from_hz", "to_hz"), [rates for rates in RATES if rates[0] < rates[1]])
def test_sweep_leaves_no_image_above_its_band(from_hz, to_hz):
    out = samples(converted(Resampler(from_hz, to_hz), [sweep((50, from_hz / 2), from_hz)]))
    spectrum = np.fft.rfft(out * np.hanning(len(out)))
    spectrum[: round(from_hz / 2 / to_hz * len(out)) + 50] = 0  # Hann's slopes, 50 Hz wide
    assert level_db(np.fft.irfft(spectrum)) < -50


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(("from_hz", "to_hz"), CAPTURE)
def test_one_channel_of_many_is_as_clean_as_one_alone(from_hz, to_hz, channels):
    wanted = sweep((50, band_end_hz(from_hz, to_hz)), from_hz)
    frames = np.random.default_rng(3).integers(-32768, 32767, (len(wanted) // 2, channels), np.int16)
    frames[:, channels - 1] = samples(wanted)
    resampler = Resampler(from_hz, to_hz)
    periods = cut(frames.tobytes(), from_hz // 50 * 2 * channels)
    out = [resampler.feed(pick_channel(period, channels, channels - 1)) for period in periods]
    assert b"".join(out) + resampler.flush() == converted(Resampler(from_hz, to_hz), [wanted])


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(("from_hz", "to_hz"), CAPTURE)
def test_the_mean_of_many_channels_is_as_clean_as_one_alone(from_hz, to_hz, channels):
    band = (50, band_end_hz(from_hz, to_hz))
    frames = np.repeat(samples(sweep(band, from_hz)).astype(np.int16), channels).tobytes()
    resampler = Resampler(from_hz, to_hz)
    periods = cut(frames, from_hz // 50 * 2 * channels)
    out = [resampler.feed(mix_channels(period, channels)) for period in periods]
    error = samples(b"".join(out) + resampler.flush()) - samples(sweep(band, to_hz))
    assert level_db(error[to_hz // 20 : -to_hz // 20]) < -55


@pytest.mark.long
@pytest.mark.parametrize(("from_hz", "to_hz"), [*CAPTURE, *PLAYBACK[-2:]])
def test_ten_minutes_do_not_drift(from_hz, to_hz):
    second = sine(1000, from_hz)  # 1000 whole waves: it goes on without a seam
    resampler = Resampler(from_hz, to_hz)
    out_frames = 0
    for _ in range(600):
        last = resampler.feed(second)
        out_frames += len(last) // 2
    rest = resampler.flush()
    assert out_frames + len(rest) // 2 == 600 * to_hz
    late_by = len(rest) // 2  # `last` ends so many frames before the ten minutes are over
    ideal = samples(sine(1000, to_hz))[to_hz // 2 - late_by : to_hz - late_by]
    assert abs(samples(last)[-to_hz // 2 :] - ideal).max() <= 16  # 16 of 16000: a sixth of a degree


@pytest.mark.parametrize("period_ms", [10, 20, 40])
@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_29_frames_of_the_lower_rate_are_held_back_at_most(from_hz, to_hz, period_ms):
    resampler, frames_in, frames_out = Resampler(from_hz, to_hz), 0, 0
    for period in cut(sine(1000, from_hz), from_hz * period_ms // 1000 * 2):
        frames_in += len(period) // 2
        frames_out += len(resampler.feed(period)) // 2
        assert 0 <= frames_in * to_hz / from_hz - frames_out <= 29 * to_hz / min(from_hz, to_hz) + 1


@pytest.mark.parametrize("level", [1000, -1000])
def test_steady_level_is_rounded_to_itself(level):
    out = converted(Resampler(24000, 48000), [level.to_bytes(2, "little", signed=True) * 2400])
    assert set(samples(out)[500:-500]) == {level}


def test_full_scale_square_wave_clips_and_does_not_wrap():
    wave = np.repeat(np.tile(np.array([32767, -32768], np.int16), 20), 48).tobytes()
    out = samples(converted(Resampler(24000, 48000), [wave]))
    for half_wave in range(1, 39):
        middle = out[half_wave * 96 + 8 : half_wave * 96 + 88]
        assert (middle > 20000).all() if half_wave % 2 == 0 else (middle < -20000).all()


def test_equal_rates_pass_through():
    resampler = Resampler(24000, 24000)
    assert resampler.feed(b"abcd") == b"abcd"
    assert resampler.feed(b"efg") == b"ef"
    assert resampler.feed(b"hij") == b"ghij"
    assert resampler.flush() == b""


def test_half_a_sample_at_the_end_is_dropped():
    resampler = Resampler(24000, 24000)
    resampler.feed(b"a")
    assert resampler.flush() == b""
    assert resampler.feed(b"bc") == b"bc"


@pytest.mark.parametrize("rates", [(0, 24000), (24000, -1)])
def test_impossible_rates_are_refused(rates):
    with pytest.raises(ValueError, match="rates must be above 0"):
        Resampler(*rates)


def test_rates_without_a_sensible_ratio_are_refused():
    with pytest.raises(ValueError, match="48000 and 44101 Hz have too little in common"):
        Resampler(48000, 44101)


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_equal_rates_do_not_import_numpy():
    code = "import sys; from daemon.audio.resample import Resampler; Resampler(24000, 24000).feed(b'ab')"
    assert python(code + "; print('numpy' in sys.modules)") == "False\n"


def test_missing_numpy_is_named_with_its_cure():
    code = """
import sys
sys.modules["numpy"] = None
from daemon.audio.resample import Resampler
try:
    Resampler(48000, 24000)
except ImportError as error:
    print(error)
"""
    assert python(code) == (
        "converting audio from 48000 to 24000 Hz needs numpy: pip install 'harkd[resample]', "
        "or choose equal rates\n"
    )
