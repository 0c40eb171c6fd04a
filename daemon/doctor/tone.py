"""A tone, and whether and when it is in a recording. Pure."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from operator import mul
from statistics import median

from daemon.audio.pcm import FLOOR_DBFS, FULL_SCALE, dbfs
from daemon.records import dataclass

TONE_HZ = 1000
TONE_MS = 300
TONE_DBFS = -20.0
"""As loud as speech: to be heard across a desk, and not in the next room."""

FADE_MS = 10
WINDOW_MS = 10
"""Ten periods of the tone, at 44.1 kHz too: nothing leaks from one window's edge into its level."""

HEARD_MS = 200
"""So much of it in one piece: a spoon on a cup rings shorter."""
ABOVE_FLOOR_DB = 10.0
FAINTEST_DBFS = -75.0


@dataclass(frozen=True, slots=True)
class Tone:
    """`starts_ms` from the start of the recording, to a window."""

    starts_ms: int
    dbfs: float


def tone(rate_hz: int) -> bytes:
    """The tone, mono."""
    frames, fade = rate_hz * TONE_MS // 1000, rate_hz * FADE_MS // 1000
    peak = FULL_SCALE * 10 ** (TONE_DBFS / 20)
    step = 2 * math.pi * TONE_HZ / rate_hz
    return array(
        "h",
        (
            round(peak * min(1.0, i / fade, (frames - 1 - i) / fade) * math.sin(step * i))
            for i in range(frames)
        ),
    ).tobytes()


def levels(pcm: bytes, rate_hz: int) -> list[float]:
    """The peak of the tone in each window of mono `pcm`, in dB against full scale."""
    samples = array("h", pcm[: len(pcm) & ~1])
    size = rate_hz * WINDOW_MS // 1000
    step = 2 * math.pi * TONE_HZ / rate_hz
    cosine, sine = [math.cos(step * i) for i in range(size)], [math.sin(step * i) for i in range(size)]
    found = []
    for start in range(0, len(samples) - size + 1, size):
        window = samples[start : start + size]
        magnitude = math.hypot(sum(map(mul, window, cosine)), sum(map(mul, window, sine)))
        found.append(dbfs(2 * magnitude / size))
    return found


def floor_dbfs(before: Sequence[float]) -> float:
    """What there is at the tone's pitch without it: of the windows before it."""
    return median(before) if before else FLOOR_DBFS


def find(windows: Sequence[float], played_ms: float) -> Tone | None:
    """Where the tone begins that was handed to the loudspeaker at `played_ms` of the recording."""
    first = max(0, math.ceil(played_ms / WINDOW_MS))
    threshold = max(floor_dbfs(windows[:first]) + ABOVE_FLOOR_DB, FAINTEST_DBFS)
    begin = first
    for at in range(first, len(windows) + 1):
        if at < len(windows) and windows[at] >= threshold:
            continue
        if (at - begin) * WINDOW_MS >= HEARD_MS:
            return Tone(begin * WINDOW_MS, median(windows[begin:at]))
        begin = at + 1
    return None
