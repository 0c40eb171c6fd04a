from __future__ import annotations

import random
from array import array

import pytest

from hw.vad.energy import EnergyVoiceDetector

WINDOW_S = 0.01
FRAMES = 160


def _noise(amplitude: int, seconds: float, seed: int = 1) -> list[bytes]:
    chance = random.Random(seed)
    windows = range(round(seconds / WINDOW_S))
    return [
        array("h", (chance.randint(-amplitude, amplitude) for _ in range(FRAMES))).tobytes() for _ in windows
    ]


def _syllables(amplitude: int, seconds: float) -> list[bytes]:
    """Loud for 150 ms, almost silent for 80: as level goes, somebody who speaks without a pause."""
    loud, quiet = _noise(amplitude, 0.15), _noise(60, 0.08)
    return (loud + quiet) * round(seconds / 0.23)


def _share(detector: EnergyVoiceDetector, windows: list[bytes]) -> float:
    return sum(map(detector.is_speech, windows)) / len(windows)


@pytest.mark.parametrize(("amplitude", "speech"), [(0, 0.0), (20, 0.0), (8000, 1.0), (32767, 1.0)])
def test_in_a_quiet_room_loudness_decides(amplitude: int, speech: float) -> None:
    assert _share(EnergyVoiceDetector(), _noise(amplitude, 0.5)) == speech


def test_whoever_speaks_for_a_minute_is_heard_to_the_end() -> None:
    detector = EnergyVoiceDetector()
    _share(detector, _syllables(4000, 60.0))
    assert _share(detector, _noise(4000, 0.15)) == 1.0


def test_a_fan_becomes_the_new_silence_and_a_voice_above_it_is_heard() -> None:
    detector = EnergyVoiceDetector()
    assert _share(detector, _noise(1500, 3.0)) > 0.9
    assert _share(detector, _noise(1500, 1.0, seed=2)) < 0.3
    assert _share(detector, _noise(1500, 3.0, seed=3)) == 0.0
    assert _share(detector, _noise(12000, 0.5)) == 1.0


def test_after_the_fan_stops_a_quiet_voice_is_heard_again_at_once() -> None:
    detector = EnergyVoiceDetector()
    _share(detector, _noise(1500, 10.0) + _noise(30, 0.1))
    assert _share(detector, _noise(1500, 0.2)) == 1.0


def test_an_offset_is_no_sound() -> None:
    detector = EnergyVoiceDetector()
    offset = array("h", [9000] * FRAMES).tobytes()
    assert _share(detector, [offset] * 100) == 0.0


def test_threshold_is_what_nothing_below_it_passes() -> None:
    whisper = _noise(300, 0.2)  # -45.5 dBFS
    assert _share(EnergyVoiceDetector(threshold_dbfs=-50.0), whisper) == 1.0
    assert _share(EnergyVoiceDetector(threshold_dbfs=-35.0), whisper) == 0.0


def test_hiss_of_an_s_counts_though_a_hum_is_as_loud() -> None:
    hum = array("h", (round(1500 * (-1) ** (i // 80)) for i in range(FRAMES))).tobytes()
    hiss = array("h", [sample + (-1) ** i * 300 for i, sample in enumerate(array("h", hum))]).tobytes()
    detector = EnergyVoiceDetector()
    _share(detector, [hum] * 400)
    assert _share(detector, [hum] * 10) == 0.0
    assert _share(detector, [hiss] * 10) == 1.0
