"""How far a window of sound stands out of the noise around it. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from operator import sub

from hw.ports import SAMPLE_BYTES

SILENCE_DBFS = -96.0
FULL_SCALE = 32768.0
_FULL_SCALE_DB = 90.30899869919436  # 20 log10(FULL_SCALE)
_SILENCE = FULL_SCALE**2 * 10 ** (SILENCE_DBFS / 10)

MEMORY_MS = 3000
"""Speech falls back to the noise for a moment within this time; what never does is a new kind of noise."""

_PARTS = 12  # of the memory: it forgets one at a time
_SMOOTH_MS = 60  # one quiet window is chance, these are a pause
_QUIET_ROOM_DBFS = -65.0  # what is taken for the floor until there is a memory: rather hear too much
_BRIGHT_DB = 6.0  # an "s" counts this much below the threshold: a word of -40 dBFS begins with one of -60
_RATE_HZ = 16000  # sampled no finer than this: a level needs no more


Excess = tuple[float, float]
"""How many dB a window is above the noise, plain and bright; minus infinity below the threshold."""

Powers = tuple[list[float], list[float]]
"""Of each window, plain and bright; a full-scale square wave has `FULL_SCALE` squared."""


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

    def feed(self, levels_db: Sequence[float]) -> list[float]:
        """The levels of the next windows; answers what the floor was before each of them."""
        recent, lowest, before = self._recent, self._lowest, self._lowest_before
        total, smooth, windows = sum(recent), len(recent), self._windows
        db, floors_db = self.db, []
        for level_db in levels_db:
            floors_db.append(db)
            total += level_db - recent[0]
            recent.append(level_db)
            smoothed = total / smooth
            if smoothed < lowest:
                lowest = smoothed
            windows += 1
            if windows >= self._part_windows:
                self._parts.append(lowest)
                before, windows, lowest = min(self._parts), 0, math.inf
            db = lowest if lowest < before else before
        self.db, self._windows, self._lowest, self._lowest_before = db, windows, lowest, before
        return floors_db


class Prominence:
    """Measures windows of mono PCM of one length, one after the other, against the noise before them.

    Two levels, each with a floor of its own: the plain one, which vowels raise, and a bright one, of the
    differences between samples, which "s" and "f" raise long before the vowel comes. Neither sees a DC
    offset.
    """

    def __init__(self, rate_hz: int, window_frames: int, threshold_dbfs: float) -> None:
        """Below `threshold_dbfs` (RMS against a full-scale square wave) nothing stands out."""
        self._step = max(1, rate_hz // _RATE_HZ)
        self._window_frames = window_frames
        self._powers = _best_powers()
        self._threshold_db = threshold_dbfs
        window_ms = 1000 * window_frames / rate_hz
        self._plain_floor = NoiseFloor(window_ms)
        self._bright_floor = NoiseFloor(window_ms)

    def feed(self, windows: bytes) -> list[Excess]:
        """Of each of some windows in a row. Many at once cost much less than one after the other."""
        powers = self._powers(windows, self._window_frames, self._step)
        plain_db, bright_db = ([_db(power) for power in of_windows] for of_windows in powers)
        plain_floors_db = self._plain_floor.feed(plain_db)
        bright_floors_db = self._bright_floor.feed(bright_db)
        plain_threshold_db, bright_threshold_db = self._threshold_db, self._threshold_db - _BRIGHT_DB
        return [
            (
                plain - plain_floor if plain > plain_threshold_db else -math.inf,
                bright - bright_floor if bright > bright_threshold_db else -math.inf,
            )
            for plain, plain_floor, bright, bright_floor in zip(
                plain_db, plain_floors_db, bright_db, bright_floors_db, strict=True
            )
        ]


def require_windows(windows: bytes, window_frames: int) -> None:
    """Raises `ValueError` unless `windows` are whole ones of `window_frames` of mono PCM, at least one."""
    if not windows or len(windows) % (window_frames * SAMPLE_BYTES):
        raise ValueError(f"a window is {window_frames} frames of mono PCM, got {len(windows)} bytes")


def require_window(window: bytes, window_frames: int) -> None:
    """Raises `ValueError` unless `window` is `window_frames` of mono PCM."""
    if len(window) != window_frames * SAMPLE_BYTES:
        raise ValueError(f"a window is {window_frames} frames of mono PCM, got {len(window)} bytes")


def _best_powers() -> Callable[[bytes, int, int], Powers]:
    """By numpy where it is, as other rates and the high-pass load it anyway."""
    try:
        import numpy as np
    except ImportError:
        return powers_plainly

    def powers(windows: bytes, window_frames: int, step: int) -> Powers:
        samples = np.frombuffer(windows, np.int16).astype(np.float64).reshape(-1, window_frames)
        if step > 1:
            samples = samples[:, ::step]
        count = samples.shape[1] // 2
        if not count:
            return [0.0] * len(samples), [0.0] * len(samples)
        pairs = samples[:, : 2 * count].reshape(-1, count, 2)
        products = np.matmul(pairs.transpose(0, 2, 1), pairs).tolist()  # few calls: each costs thousands
        sums = np.ones(count).dot(pairs)[:, 0].tolist()
        plain = [
            even[0] / count - (total / count) ** 2 for (even, _), total in zip(products, sums, strict=True)
        ]
        return plain, [(even[0] - 2 * even[1] + odd[1]) / count for even, odd in products]

    return powers


def powers_plainly(windows: bytes, window_frames: int, step: int) -> Powers:
    """Without numpy: of each window, of every second sample, its offset left out, and of its difference to
    the next. Half the work, the same power. `step`: of each so many samples one is looked at.
    """
    samples = memoryview(windows).cast("h").tolist()
    starts = range(0, len(samples), window_frames)
    both = [_power_plainly(samples[start : start + window_frames : step]) for start in starts]
    return [plain for plain, _ in both], [bright for _, bright in both]


def _power_plainly(samples: list[int]) -> tuple[float, float]:
    count = len(samples) // 2
    if not count:
        return 0.0, 0.0
    evens, odds = samples[0 : 2 * count : 2], samples[1::2]
    mean = sum(evens) / count
    return math.hypot(*evens) ** 2 / count - mean**2, math.hypot(*map(sub, odds, evens)) ** 2 / count


def _db(power: float) -> float:
    """Relative to full scale, at least -96 dB."""
    return 10 * math.log10(power) - _FULL_SCALE_DB if power > _SILENCE else SILENCE_DBFS
