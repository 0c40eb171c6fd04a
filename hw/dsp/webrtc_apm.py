"""Cancels echo, suppresses noise and evens out the level as browsers do. Shell around pywebrtc-audio."""

from __future__ import annotations

from types import ModuleType

from hw.errors import DeviceError, Fault
from hw.ports import SAMPLE_BYTES

NOISE_SUPPRESSION = ("off", "low", "moderate", "high", "very_high")
"""WebRTC's levels: 6, 12, 18 and 21 dB."""

MIN_RATE_HZ = 8000
MAX_RATE_HZ = 96000
_WINDOWS_PER_S = 100

_INSTALL = "Install it: pip install 'harkd[aec]' (pywebrtc-audio), or switch echo cancellation and noise off."


class WebrtcVoiceProcessor:
    """WebRTC's audio processing module: AEC3, its noise suppressor, AGC2 and its high-pass filter.

    `noise_suppression` is one of `NOISE_SUPPRESSION`. `high_pass` takes rumble off below about 100 Hz; echo
    cancellation does so anyway. The sound comes out later by 8 to 11 ms with echo cancellation (11 at 8 kHz,
    10 at 44.1 kHz, 9 at 24 and 48 kHz, 8 at 16 and 32 kHz) and by 6 ms more with noise suppression.

    Echo is found within about a second for delays of 0 to 250 ms; a delay that jumps by 20 ms costs half a
    second. CPU on a server core, per second of sound: 7 ms at 16 kHz, 10 at 24 and 48 kHz; a Pi Zero 2 W is
    some 20 to 30 times slower (estimated). The library runs without the interpreter's lock.

    Raises `DeviceError`: UNSUPPORTED for a rate or level it does not know, LIBRARY_MISSING.
    """

    def __init__(
        self,
        *,
        rate_hz: int = 16000,
        echo_cancellation: bool = True,
        noise_suppression: str = "low",
        agc: bool = False,
        high_pass: bool = True,
    ) -> None:
        _check(rate_hz, noise_suppression)
        self._numpy, library = _libraries()
        self._library = library.AudioProcessor(
            sample_rate=rate_hz,
            echo_cancellation=echo_cancellation,
            noise_suppression=noise_suppression != "off",
            ns_level=max(0, NOISE_SUPPRESSION.index(noise_suppression) - 1),
            auto_gain_control=agc,
            high_pass_filter=high_pass,
        )
        self._agc = agc
        self._rate_hz = rate_hz
        self._window_frames = rate_hz // _WINDOWS_PER_S
        self._far: bytes | None = None

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def window_frames(self) -> int:
        return self._window_frames

    @property
    def gain_db(self) -> float:
        return float(self._library.gain_db) if self._agc else 0.0

    def far(self, window: bytes) -> None:
        self._require_whole(window)
        self._far = window

    def near(self, window: bytes) -> bytes:
        self._require_whole(window)
        far, self._far = self._far, None
        if far is None:
            raise RuntimeError("webrtc: a near window without the far window that belongs before it")
        samples = self._numpy.frombuffer
        int16 = self._numpy.int16
        processed: bytes = self._library.process(samples(window, int16), samples(far, int16)).tobytes()
        return processed

    def reset(self) -> None:
        self._far = None
        self._library.reset()

    def _require_whole(self, window: bytes) -> None:
        if len(window) != self._window_frames * SAMPLE_BYTES:
            raise ValueError(f"a window is {self._window_frames} frames of mono PCM, got {len(window)} bytes")


def _check(rate_hz: int, noise_suppression: str) -> None:
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ or rate_hz % _WINDOWS_PER_S:
        detail = f"rate_hz {rate_hz} is not possible"
        remedy = f"Use a multiple of {_WINDOWS_PER_S} from {MIN_RATE_HZ} to {MAX_RATE_HZ}."
        raise DeviceError(Fault.UNSUPPORTED, "webrtc", detail, remedy)
    if noise_suppression not in NOISE_SUPPRESSION:
        detail = f"noise_suppression {noise_suppression!r} is not possible"
        raise DeviceError(Fault.UNSUPPORTED, "webrtc", detail, f"Use one of {', '.join(NOISE_SUPPRESSION)}.")


def _libraries() -> tuple[ModuleType, ModuleType]:
    """numpy, which the binding takes its samples in, and the binding."""
    try:
        import numpy
        import pywebrtc_audio
    except ImportError as error:
        raise DeviceError(Fault.LIBRARY_MISSING, "webrtc", f"pywebrtc-audio: {error}", _INSTALL) from error
    return numpy, pywebrtc_audio
