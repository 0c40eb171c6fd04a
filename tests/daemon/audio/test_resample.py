"""Sample rate conversion of a stream: exact counts, same samples, a clean band, little delay."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from daemon.audio.resample import Resampler

np = pytest.importorskip("numpy")
pytest.importorskip("soxr")

RATES = [
    (24000, 48000),
    (48000, 24000),
    (16000, 24000),
    (24000, 16000),
    (48000, 16000),
    (44100, 24000),
    (24000, 44100),
]
NOISE = random.Random(1).randbytes(4000)


def converted(resampler: Resampler, pieces: list[bytes]) -> bytes:
    return b"".join(map(resampler.feed, pieces)) + resampler.flush()


def cut(audio: bytes, piece_bytes: int) -> list[bytes]:
    return [audio[at : at + piece_bytes] for at in range(0, len(audio), piece_bytes)]


def sine(hz: float, rate_hz: int, seconds: float = 1.0, amplitude: int = 16000) -> bytes:
    phase = 2 * np.pi * hz / rate_hz * np.arange(int(rate_hz * seconds))
    return np.rint(amplitude * np.sin(phase)).astype(np.int16).tobytes()


def samples(audio: bytes):
    return np.frombuffer(audio, np.int16).astype(float)


def gain_db(hz: float, from_hz: int, to_hz: int) -> float:
    """How loud a sine comes out, its first and last 50 ms left aside."""
    out = samples(converted(Resampler(from_hz, to_hz), [sine(hz, from_hz)]))[to_hz // 20 : -to_hz // 20]
    return 20 * np.log10(max(1e-9, np.sqrt(2 * np.mean(out**2)) / 16000))


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@given(frames=st.integers(0, 2000))
@settings(max_examples=30)
def test_count_is_exact(from_hz, to_hz, frames):
    out = converted(Resampler(from_hz, to_hz), [bytes(2 * frames)])
    assert len(out) == 2 * int(frames * to_hz / from_hz + 0.5)


def test_count_is_exact_where_soxr_rounds_a_half_down():
    assert len(converted(Resampler(24000, 44100), [bytes(2 * 120)])) == 2 * 221


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@given(cuts=st.lists(st.integers(0, len(NOISE)), max_size=12))
@settings(max_examples=30)
def test_any_cutting_gives_the_same_samples(from_hz, to_hz, cuts):
    edges = [0, *sorted(cuts), len(NOISE)]
    pieces = [NOISE[start:end] for start, end in pairwise(edges)]
    assert converted(Resampler(from_hz, to_hz), pieces) == converted(Resampler(from_hz, to_hz), [NOISE])


def test_flush_begins_a_new_stream():
    resampler = Resampler(48000, 24000)
    first = converted(resampler, [NOISE, b"\x01"])
    assert converted(resampler, [NOISE]) == first


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@pytest.mark.parametrize("hz", [100, 1000, 3400])
def test_speech_band_keeps_its_level(from_hz, to_hz, hz):
    assert gain_db(hz, from_hz, to_hz) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(("from_hz", "to_hz", "hz"), [(48000, 24000, 16000), (24000, 16000, 11000)])
def test_tone_above_the_new_band_does_not_alias(from_hz, to_hz, hz):
    assert gain_db(hz, from_hz, to_hz) < -70


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_sine_in_20_ms_pieces_comes_out_without_a_click(from_hz, to_hz):
    out = samples(converted(Resampler(from_hz, to_hz), cut(sine(1000, from_hz), from_hz // 50 * 2)))
    error = (out - samples(sine(1000, to_hz)))[to_hz // 20 : -to_hz // 20]
    assert abs(error).max() <= 16  # -60 dB of the sine; a click would stand far above its steady error


@pytest.mark.parametrize(
    ("from_hz", "to_hz", "limit_ms"),
    [(24000, 48000, 1.3), (48000, 24000, 1.3), (16000, 24000, 6.3), (48000, 16000, 6.3)],
)
def test_little_is_held_back(from_hz, to_hz, limit_ms):
    resampler = Resampler(from_hz, to_hz)
    out = b"".join(map(resampler.feed, cut(sine(1000, from_hz), from_hz // 100 * 2)))
    held_back_ms = (to_hz - len(out) // 2) * 1000 / to_hz
    assert 0 <= held_back_ms <= limit_ms


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


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_equal_rates_import_neither_soxr_nor_numpy():
    code = "import sys; from daemon.audio.resample import Resampler; Resampler(24000, 24000).feed(b'ab')"
    assert python(code + "; print({'soxr', 'numpy'} & set(sys.modules))") == "set()\n"


def test_missing_soxr_is_named_with_its_cure():
    code = """
import sys
sys.modules["soxr"] = None
from daemon.audio.resample import Resampler
try:
    Resampler(48000, 24000)
except ImportError as error:
    print(error)
"""
    assert python(code) == (
        "converting audio from 48000 to 24000 Hz needs soxr and numpy: pip install 'harkd[resample]', "
        "or choose equal rates\n"
    )
