from __future__ import annotations

import pytest

from hw.errors import DeviceError, Fault
from hw.vad.webrtc import WebrtcVoiceDetector


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("rate_hz", 24000, "8000, 16000, 32000, 48000"),
        ("window_ms", 25, "10, 20, 30"),
        ("aggressiveness", 4, "0, 1, 2, 3"),
    ],
)
def test_what_the_library_does_not_know_is_refused_with_what_it_knows(
    option: str, value: int, allowed: str
) -> None:
    with pytest.raises(DeviceError, match=f"{option} {value}.*{allowed}") as caught:
        WebrtcVoiceDetector(**{option: value})
    assert caught.value.fault is Fault.UNSUPPORTED


@pytest.mark.parametrize("rate_hz", [8000, 16000, 32000, 48000])
@pytest.mark.parametrize("window_ms", [10, 20, 30])
def test_every_allowed_combination_works(rate_hz: int, window_ms: int) -> None:
    detector = WebrtcVoiceDetector(rate_hz=rate_hz, window_ms=window_ms)
    assert detector.is_speech(bytes(2 * detector.window_frames)) is False
