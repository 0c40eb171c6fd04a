"""What every voice detector driver promises in hw/ports.py."""

from __future__ import annotations

import random
from array import array

import pytest

from hw import load
from hw.ports import VoiceDetector


@pytest.fixture(params=list(load.VOICE_DETECTORS))
def detector(request: pytest.FixtureRequest) -> VoiceDetector:
    return load.voice_detector(request.param)


def _noise(detector: VoiceDetector, amplitude: int) -> bytes:
    chance = random.Random(3)
    return array(
        "h", (chance.randint(-amplitude, amplitude) for _ in range(detector.window_frames))
    ).tobytes()


def test_a_window_is_10_to_30_ms(detector: VoiceDetector) -> None:
    assert 0.010 <= detector.window_frames / detector.rate_hz <= 0.030


def test_silence_is_no_speech(detector: VoiceDetector) -> None:
    assert not any(detector.is_speech(bytes(2 * detector.window_frames)) for _ in range(50))


def test_loud_broadband_sound_after_silence_counts_as_speech(detector: VoiceDetector) -> None:
    for _ in range(50):
        detector.is_speech(bytes(2 * detector.window_frames))
    loud = _noise(detector, 12000)
    assert sum(detector.is_speech(loud) for _ in range(10)) >= 8


def test_the_answer_is_a_bool(detector: VoiceDetector) -> None:
    assert {type(detector.is_speech(_noise(detector, a))) for a in (0, 12000)} == {bool}


@pytest.mark.parametrize("excess_bytes", [-2, -1, 1, 2])
def test_a_window_of_another_size_is_refused(detector: VoiceDetector, excess_bytes: int) -> None:
    with pytest.raises(ValueError, match=f"{detector.window_frames} frames"):
        detector.is_speech(bytes(2 * detector.window_frames + excess_bytes))


def test_an_empty_window_is_refused(detector: VoiceDetector) -> None:
    with pytest.raises(ValueError, match=f"{detector.window_frames} frames"):
        detector.is_speech(b"")
