"""How much of the echo is taken away, measured while it happens: the echo return loss enhancement. Pure."""

from __future__ import annotations

import math
from collections import deque

from daemon.audio.pcm import FLOOR_DBFS
from daemon.records import dataclass

SPAN_S = 5.0
MEASURED_EVERY_S = 0.02
_BLOCK_WINDOWS = 5  # 0.1 s: longer than a loudspeaker is away, shorter than a word
_SPAN_BLOCKS = 50  # SPAN_S
_TAIL_BLOCKS = 3  # an echo of what was played 0.2 s ago still counts
_SILENT_BLOCKS = 4  # until also an echo that comes a second late is no noise
_PATH_BLOCKS = 100  # 10 s, half of which the user is taken to be silent
_COUNTED_BLOCKS = 40  # of a span: the fifth with the loudest output may hold a word that was not noticed

FAR_ACTIVE_DBFS = -50.0
FAR_SILENT_DBFS = -70.0
NEAR_SPEECH_DB = 6.0
"""By so much more than the echo usually has, compared with what is played, the microphone hears somebody."""

NOISE_SHARE_MAX_DB = 6.0
"""So much of what is left may be put down to noise: what was taken for it may have been somebody's voice."""

MAX_DB = 40.0
"""More is not told apart: what is left of the echo disappears in the noise."""

_NOISE_RISE = 10**0.01  # 0.1 dB a block: one who speaks for a minute must not become noise


@dataclass(frozen=True, slots=True)
class WindowLevels:
    """10 ms: what was played, what the microphone heard, what was made of it (without gain); dBFS."""

    far_dbfs: float
    near_dbfs: float
    out_dbfs: float


@dataclass(frozen=True, slots=True)
class EchoMeasure:
    """Over the last `SPAN_S` in which the loudspeaker spoke alone.

    `erle_db`: by how much less echo is left. `echo_db`: how far what the microphone hears stands out of the
    room's noise, or rises and falls; near 0 there is no echo. Both 0..`MAX_DB`.
    """

    erle_db: float
    echo_db: float


class ErleMeter:
    """Fed with a window every `MEASURED_EVERY_S` while the loudspeaker may be heard, with fewer in silence.

    `measure` is None until the loudspeaker has spoken alone for `SPAN_S`.

    Windows in which somebody in the room speaks are told from the rest by the microphone's level against
    the loudspeaker's, which an echo keeps. Noise is measured while nothing is played, and taken off both
    sides.
    """

    def __init__(self) -> None:
        self.measure: EchoMeasure | None = None
        self._block: list[tuple[float, float, float]] = []  # powers of the windows so far
        self._tail: deque[tuple[float, float]] = deque(maxlen=_TAIL_BLOCKS)  # far and near power
        self._paths_db: deque[float] = deque(maxlen=_PATH_BLOCKS)  # near against far
        self._far_only: deque[tuple[float, float]] = deque(maxlen=_SPAN_BLOCKS)  # near and out power
        self._noise: tuple[float, float] | None = None  # near and out power
        self._was_far_only = False
        self._silent_blocks = 0

    def window(self, levels: WindowLevels) -> None:
        self._block.append((_power(levels.far_dbfs), _power(levels.near_dbfs), _power(levels.out_dbfs)))
        if len(self._block) == _BLOCK_WINDOWS:
            far, near, out = (math.fsum(powers) / _BLOCK_WINDOWS for powers in zip(*self._block, strict=True))
            self._block.clear()
            self._judge(far, near, out)

    def _judge(self, far: float, near: float, out: float) -> None:
        self._tail.append((far, near))
        loudest_far = max(far for far, _ in self._tail)
        silent = loudest_far < _power(FAR_SILENT_DBFS)
        self._silent_blocks = self._silent_blocks + 1 if silent else 0
        if silent:
            self._was_far_only = False
            if self._silent_blocks >= _SILENT_BLOCKS:
                self._note_noise(near, out)
        elif loudest_far >= _power(FAR_ACTIVE_DBFS):
            far_only = self._is_far_only()
            # the output is a little late: a block after somebody spoke still holds the end of it
            if far_only and self._was_far_only:
                self._far_only.append((near, out))
                if len(self._far_only) == _SPAN_BLOCKS:
                    self.measure = self._measured()
            self._was_far_only = far_only

    def _measured(self) -> EchoMeasure:
        counted = sorted(self._far_only, key=lambda powers: powers[1])[:_COUNTED_BLOCKS]
        near, out = (math.fsum(powers) / _COUNTED_BLOCKS for powers in zip(*counted, strict=True))
        near_noise, out_noise = self._noise or (_power(FLOOR_DBFS), _power(FLOOR_DBFS))
        plainly_db = _db_between(near, out)
        erle_db = min(_db_between(near - near_noise, out - out_noise), plainly_db + NOISE_SHARE_MAX_DB)
        by_level = sorted(near for near, _ in counted)
        spread_db = _db_between(by_level[-_COUNTED_BLOCKS // 10], by_level[_COUNTED_BLOCKS // 10])
        return EchoMeasure(min(MAX_DB, erle_db), max(_db_between(near, near_noise), spread_db))

    def _is_far_only(self) -> bool:
        far, near = (math.fsum(powers) for powers in zip(*self._tail, strict=True))
        path_db = 10 * math.log10(near / far)
        self._paths_db.append(path_db)
        usual_db = sorted(self._paths_db)[len(self._paths_db) // 2]
        return path_db <= usual_db + NEAR_SPEECH_DB

    def _note_noise(self, near: float, out: float) -> None:
        """The quietest counts, for a voice is no noise; a room that gets loud is believed in time."""
        if self._noise is not None and near > self._noise[0] * _NOISE_RISE:
            near, out = (power * _NOISE_RISE for power in self._noise)
        self._noise = (near, out)


def _power(dbfs: float) -> float:
    return float(10 ** (dbfs / 10))


def _db_between(more: float, less: float) -> float:
    """0 to `MAX_DB`."""
    least = _power(FLOOR_DBFS)
    return min(MAX_DB, max(0.0, 10 * math.log10(max(more, least) / max(less, least))))
