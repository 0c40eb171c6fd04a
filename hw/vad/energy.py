"""Tells speech from silence by loudness alone. Pure."""

from __future__ import annotations

from hw.vad.levels import Prominence, require_window, require_windows

PLAIN_DB = 8.0
BRIGHT_DB = 6.0
"""Above what steady noise reaches by chance: in 20 minutes each of white, pink, brown and fan noise no five
of eight windows of 10 ms did; over 5 dB, those of brown and fan noise do now and then."""


class EnergyVoiceDetector:
    """Speech is what stands out of the noise and is above `threshold_dbfs` at all.

    Steady noise becomes the new silence within 3 s. Anything else that is loud for more than a click counts
    as speech: a door, a dish, music. For a quiet room, or where webrtcvad cannot be had. `threshold_dbfs` is
    the RMS level relative to a full-scale square wave, below 0.
    """

    def __init__(self, *, rate_hz: int = 16000, window_ms: int = 10, threshold_dbfs: float = -55.0) -> None:
        self._rate_hz = rate_hz
        self._window_frames = max(1, rate_hz * window_ms // 1000)
        self._prominence = Prominence(rate_hz, self._window_frames, threshold_dbfs)

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def window_frames(self) -> int:
        return self._window_frames

    def is_speech(self, window: bytes) -> bool:
        require_window(window, self._window_frames)
        return self.are_speech(window)[0]

    def are_speech(self, windows: bytes) -> list[bool]:
        """Of each of some windows in a row. Raises `ValueError` unless they are whole."""
        require_windows(windows, self._window_frames)
        excess = self._prominence.feed(windows)
        return [plain_db >= PLAIN_DB or bright_db >= BRIGHT_DB for plain_db, bright_db in excess]
