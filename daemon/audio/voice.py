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
    """Asks a detector about mono PCM16 periods of any length at `rate_hz`.

    Let it hear all that is captured, not turns alone: a detector learns the noise from what is between them.
    """

    def __init__(self, detector: Detector, rate_hz: int) -> None:
        self.window_ms = 1000 * detector.window_frames / detector.rate_hz
        self._detector = detector
        self._rate_hz = rate_hz
        self.reset()

    def reset(self) -> None:
        """Forget what was heard: there is a gap before the next period. The detector keeps the noise."""
        self._resampler = Resampler(self._rate_hz, self._detector.rate_hz)
        self._windows = Rechunker(self._detector.window_frames * SAMPLE_BYTES)
        self._speech = False

    def listen(self, pcm: bytes) -> list[bool]:
        """Whether each window that ends in this period holds speech; there may be none."""
        windows = self._windows.feed(self._resampler.feed(pcm))
        verdicts = [self._detector.is_speech(window) for window in windows]
        if verdicts:
            self._speech = any(verdicts)
        return verdicts

    def hears(self, pcm: bytes) -> bool:
        """True if a window that ends in this period holds speech.

        A period in which no window ends keeps the last verdict.
        """
        self.listen(pcm)
        return self._speech
