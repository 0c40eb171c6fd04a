from __future__ import annotations

import random
from array import array

import pytest

from hw.vad.energy import EnergyVoiceDetector

WINDOW_S = 0.02
FRAMES = 320


def _noise(amplitude: int, seconds: float) -> list[bytes]:
    chance = random.Random(1)
    windows = range(round(seconds / WINDOW_S))
    return [
        array("h", (chance.randint(-amplitude, amplitude) for _ in range(FRAMES))).tobytes() for _ in windows
    ]


def _share(detector: EnergyVoiceDetector, windows: list[bytes]) -> float:
    return sum(map(detector.is_speech, windows)) / len(windows)


@pytest.mark.parametrize(("amplitude", "speech"), [(0, 0.0), (100, 0.0), (8000, 1.0), (32767, 1.0)])
def test_in_a_quiet_room_loudness_decides(amplitude: int, speech: float) -> None:
    assert _share(EnergyVoiceDetector(), _noise(amplitude, 0.5)) == speech


def test_a_sentence_of_five_seconds_is_speech_to_its_end() -> None:
    detector = EnergyVoiceDetector()
    _share(detector, _noise(60, 1.0))
    assert _share(detector, _noise(4000, 5.0)) == 1.0


def test_a_fan_becomes_the_new_silence_and_a_voice_above_it_is_heard() -> None:
    detector = EnergyVoiceDetector()
    _share(detector, _noise(1500, 20.0))
    assert _share(detector, _noise(1500, 1.0)) == 0.0
    assert _share(detector, _noise(12000, 1.0)) == 1.0


def test_after_the_fan_stops_a_quiet_voice_is_heard_again() -> None:
    detector = EnergyVoiceDetector()
    _share(detector, _noise(1500, 30.0) + _noise(30, 1.0))
    assert _share(detector, _noise(1500, 0.2)) == 1.0
