"""Tells speech from silence with WebRTC's detector. Shell around webrtcvad."""

from __future__ import annotations

from hw.errors import DeviceError, Fault
from hw.ports import SAMPLE_BYTES

# The C code behind it knows these only: webrtc/common_audio/vad/include/webrtc_vad.h
RATES_HZ = (8000, 16000, 32000, 48000)
WINDOWS_MS = (10, 20, 30)
AGGRESSIVENESS = (0, 1, 2, 3)


class WebrtcVoiceDetector:
    """`aggressiveness` 0 lets doubtful sound pass as speech, 3 does not.

    About 0.1 ms of CPU per second of audio on a server core. White noise passes for speech at every
    aggressiveness: a fan wants an energy threshold besides.

    Raises `DeviceError`: UNSUPPORTED for a rate, window or aggressiveness it does not know, LIBRARY_MISSING.
    """

    def __init__(self, *, rate_hz: int = 16000, window_ms: int = 20, aggressiveness: int = 2) -> None:
        _require("rate_hz", rate_hz, RATES_HZ)
        _require("window_ms", window_ms, WINDOWS_MS)
        _require("aggressiveness", aggressiveness, AGGRESSIVENESS)
        try:
            import webrtcvad
        except ImportError as error:
            remedy = "Install it: pip install 'harkd[vad]' (webrtcvad-wheels), or use the driver 'energy'."
            raise DeviceError(Fault.LIBRARY_MISSING, "webrtc", f"webrtcvad: {error}", remedy) from error
        self._vad = webrtcvad.Vad(aggressiveness)
        self._rate_hz = rate_hz
        self._window_frames = rate_hz * window_ms // 1000

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def window_frames(self) -> int:
        return self._window_frames

    def is_speech(self, window: bytes) -> bool:
        if len(window) != self._window_frames * SAMPLE_BYTES:
            raise ValueError(f"a window is {self._window_frames} frames of mono PCM, got {len(window)} bytes")
        return bool(self._vad.is_speech(window, self._rate_hz))


def _require(name: str, value: int, allowed: tuple[int, ...]) -> None:
    if value not in allowed:
        remedy = f"Use one of {', '.join(map(str, allowed))}."
        raise DeviceError(Fault.UNSUPPORTED, "webrtc", f"{name} {value} is not possible", remedy)
