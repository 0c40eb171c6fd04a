"""How far a window of sound stands out of the noise around it. Pure."""

from __future__ import annotations

import math
from collections import deque
from operator import sub
from typing import NamedTuple

from hw.ports import SAMPLE_BYTES

SILENCE_DBFS = -96.0
FULL_SCALE = 32768.0

MEMORY_MS = 3000
"""Speech falls back to the noise for a moment within this time; what never does is a new kind of noise."""

_PARTS = 12  # of the memory: it forgets one at a time
_SMOOTH_MS = 60  # one quiet window is chance, these are a pause
_QUIET_ROOM_DBFS = -65.0  # what is taken for the floor until there is a memory: rather hear too much
_BRIGHT_DB = 6.0  # an "s" counts this much below the threshold: a word of -40 dBFS begins with one of -60
_RATE_HZ = 16000  # sampled no finer than this: a level needs no more


class Excess(NamedTuple):
    """How many dB a window is above the noise; minus infinity below the threshold."""

    plain_db: float
    bright_db: float


class NoiseFloor:
    """The level of what is always there: the lowest smoothed level of the last `MEMORY_MS`.

    A pause is followed at once, a fan switched on after `MEMORY_MS`. Bound: the memory is `_PARTS` numbers.
    """

    def __init__(self, window_ms: float) -> None:
        smooth = max(1, round(_SMOOTH_MS / window_ms))
        self._recent = deque([_QUIET_ROOM_DBFS] * smooth, smooth)
        self._parts = deque([_QUIET_ROOM_DBFS] * _PARTS, _PARTS)
        self._part_windows = max(1, round(MEMORY_MS / _PARTS / window_ms))
        self._windows = 0
        self._lowest = math.inf  # of the part that is being filled
        self._lowest_before = _QUIET_ROOM_DBFS
        self.db = _QUIET_ROOM_DBFS

    def feed(self, level_db: float) -> None:
        """The level of the next window."""
        self._recent.append(level_db)
        self._lowest = min(self._lowest, sum(self._recent) / len(self._recent))
        self._windows += 1
        if self._windows >= self._part_windows:
            self._parts.append(self._lowest)
            self._lowest_before = min(self._parts)
            self._windows, self._lowest = 0, math.inf
        self.db = min(self._lowest, self._lowest_before)


class Prominence:
    """Measures windows of mono PCM of one length, one after the other, against the noise before them.

    Two levels, each with a floor of its own: the plain one, which vowels raise, and a bright one, of the
    differences between samples, which "s" and "f" raise long before the vowel comes. Neither sees a DC
    offset. 0.8 ms of CPU per second of sound in windows of 10 ms on a server core, at any rate.
    """

    def __init__(self, rate_hz: int, window_frames: int, threshold_dbfs: float) -> None:
        """Below `threshold_dbfs` (RMS against a full-scale square wave) nothing stands out."""
        self._step = max(1, rate_hz // _RATE_HZ)
        self._threshold_db = threshold_dbfs
        window_ms = 1000 * window_frames / rate_hz
        self._plain_floor = NoiseFloor(window_ms)
        self._bright_floor = NoiseFloor(window_ms)

    def feed(self, window: bytes) -> Excess:
        plain_db, bright_db = _levels_db(window, self._step)
        excess = Excess(
            _excess(plain_db, self._plain_floor.db, self._threshold_db),
            _excess(bright_db, self._bright_floor.db, self._threshold_db - _BRIGHT_DB),
        )
        self._plain_floor.feed(plain_db)
        self._bright_floor.feed(bright_db)
        return excess


def require_window(window: bytes, window_frames: int) -> None:
    """Raises `ValueError` unless `window` is `window_frames` of mono PCM."""
    if len(window) != window_frames * SAMPLE_BYTES:
        raise ValueError(f"a window is {window_frames} frames of mono PCM, got {len(window)} bytes")


def _excess(level_db: float, floor_db: float, threshold_db: float) -> float:
    return level_db - floor_db if level_db > threshold_db else -math.inf


def _levels_db(window: bytes, step: int) -> tuple[float, float]:
    """Of every second sample and of its difference to the next: half the work, the same level."""
    samples = memoryview(window).cast("h")[::step]
    evens, odds = samples[0::2].tolist(), samples[1::2].tolist()
    count = max(1, len(odds))
    mean = sum(evens) / max(1, len(evens))
    power = math.hypot(*evens) ** 2 / max(1, len(evens)) - mean**2
    return _db(power), _db(math.hypot(*map(sub, odds, evens)) ** 2 / count)


def _db(power: float) -> float:
    """Relative to full scale, at least -96 dB."""
    return max(SILENCE_DBFS, 10 * math.log10(power / FULL_SCALE**2)) if power > 0 else SILENCE_DBFS
