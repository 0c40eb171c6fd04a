"""Is somebody speaking in this captured period? Fits any period to what a voice detector takes. Pure."""

from __future__ import annotations

from typing import Protocol

from daemon.audio.pcm import SAMPLE_BYTES
from daemon.audio.rechunk import Rechunker
from daemon.audio.resample import Resampler


class Detector(Protocol):
    """The part of a voice detector driver that is needed here."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def window_frames(self) -> int: ...

    def is_speech(self, window: bytes) -> bool: ...


class VoiceMeter:
    """Asks a detector about mono PCM16 periods of any length at `rate_hz`."""

    def __init__(self, detector: Detector, rate_hz: int) -> None:
        self._detector = detector
        self._rate_hz = rate_hz
        self.reset()

    def reset(self) -> None:
        """Forget what was heard: a new turn begins."""
        self._resampler = Resampler(self._rate_hz, self._detector.rate_hz)
        self._windows = Rechunker(self._detector.window_frames * SAMPLE_BYTES)
        self._speaking = False

    def hears(self, pcm: bytes) -> bool:
        """True if a window that ends in this period holds speech.

        A period in which no window ends keeps the last verdict.
        """
        windows = self._windows.feed(self._resampler.feed(pcm))
        if windows:
            self._speaking = any(self._detector.is_speech(window) for window in windows)
        return self._speaking
