"""Tells speech from silence by loudness alone. Pure."""

from __future__ import annotations

import math
from operator import mul

from hw.ports import SAMPLE_BYTES

_FULL_SCALE = 32768.0
# A pause lets the floor fall to it within some 100 ms; a fan switched on is taken for the new silence after
# 20 s at most, yet a sentence of 5 s lifts the floor by no more than 5 dB.
_FALL_DB_PER_S = 60.0
_RISE_DB_PER_S = 1.0
_LOWEST_DB = -96.0


class EnergyVoiceDetector:
    """Speech is what is `margin_db` louder than the noise floor and above `threshold_dbfs` at all.

    The floor follows quieter sound at once and louder sound slowly. Any noise that begins suddenly counts as
    speech at first: for a quiet room, or where webrtcvad cannot be had. `threshold_dbfs` is the RMS level
    relative to a full-scale square wave, below 0.
    """

    def __init__(
        self,
        *,
        rate_hz: int = 16000,
        window_ms: int = 20,
        threshold_dbfs: float = -45.0,
        margin_db: float = 10.0,
    ) -> None:
        self._rate_hz = rate_hz
        self._window_frames = max(1, rate_hz * window_ms // 1000)
        self._threshold_db = threshold_dbfs
        self._margin_db = margin_db
        window_s = self._window_frames / rate_hz
        self._fall_db = _FALL_DB_PER_S * window_s
        self._rise_db = _RISE_DB_PER_S * window_s
        self._floor_db = threshold_dbfs - margin_db

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def window_frames(self) -> int:
        return self._window_frames

    def is_speech(self, window: bytes) -> bool:
        if len(window) != self._window_frames * SAMPLE_BYTES:
            raise ValueError(f"a window is {self._window_frames} frames of mono PCM, got {len(window)} bytes")
        level_db = _level_db(window)
        speech = level_db > max(self._threshold_db, self._floor_db + self._margin_db)
        if level_db < self._floor_db:
            self._floor_db = max(level_db, self._floor_db - self._fall_db)
        else:
            self._floor_db = min(level_db, self._floor_db + self._rise_db)
        return speech


def _level_db(window: bytes) -> float:
    """RMS of 16-bit PCM relative to full scale, at least -96 dB."""
    samples = memoryview(window).cast("h").tolist()
    mean_square = sum(map(mul, samples, samples)) / len(samples)
    if mean_square == 0:
        return _LOWEST_DB
    return max(_LOWEST_DB, 10 * math.log10(mean_square / _FULL_SCALE**2))
