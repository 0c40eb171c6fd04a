"""What a light can show: patterns as values, and the colours of any moment of them. Pure.

Times are whole milliseconds since the pattern began. A pattern says when it looks different next, so that
whoever draws it sleeps until then: for ever if nothing moves, exactly until the next step of a rhythm, and to
the next multiple of `FRAME_MS` for what changes smoothly.
"""

from __future__ import annotations

import math
from enum import Enum

from daemon.records import dataclass

Colour = tuple[int, int, int]
"""Red, green, blue, each 0..255 as the eye takes it."""

FRAME_MS = 40
"""25 frames a second: smooth enough for a lamp, and less than 2 % of a small board's time."""

EMPTY_BAR = 0.1
"""The first pixel of a bar that stands at nothing: a light that goes out looks like a fault."""


# ---- rhythms: how bright, when -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Steady:
    """Always full."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Full for the first duration, down for the second, and so on, over and over; an even number of them.

    `down`: how bright it is then, 0..1. A lamp that cannot dim is dark then.
    """

    durations_ms: tuple[int, ...]
    down: float = 0.0


@dataclass(frozen=True, slots=True)
class Swell:
    """From full to dark and back in `period_ms`, over and over. A lamp that cannot dim takes two steps."""

    period_ms: int


@dataclass(frozen=True, slots=True)
class Fade:
    """From full to dark within `over_ms`, once. A lamp that cannot dim goes out half way."""

    over_ms: int


Rhythm = Steady | Steps | Swell | Fade


# ---- patterns --------------------------------------------------------------------------------------------


class Shape(Enum):
    """Which pixels of several take part."""

    WHOLE = "all of them"
    CHASE = "every third one, moving on with each step"
    BAR = "as many as the level fills"


@dataclass(frozen=True, slots=True)
class Pattern:
    """`fill` is the level of a bar, 0..1. A single pixel shows the rhythm, and that level as brightness."""

    colour: Colour
    rhythm: Rhythm = Steady()
    shape: Shape = Shape.WHOLE
    fill: float = 1.0


def frame(pattern: Pattern, pixels: int, t_ms: int, *, dims: bool = True) -> tuple[Colour, ...]:
    """One colour per pixel at `t_ms` >= 0. `dims` is false for lamps that are either on or off."""
    if pattern.shape is Shape.CHASE and pixels > 1 and isinstance(pattern.rhythm, Steps):
        step, _ = _step(pattern.rhythm, t_ms)
        apart = min(pixels, 3)
        return tuple(_scaled(pattern.colour, (pixel - step) % apart == 0) for pixel in range(pixels))
    level = _level(pattern.rhythm, t_ms, dims)
    if pattern.shape is Shape.BAR:
        return tuple(_scaled(pattern.colour, level * share) for share in _bar(pattern.fill, pixels, dims))
    return (_scaled(pattern.colour, level),) * pixels


def next_frame_ms(pattern: Pattern, t_ms: int, *, dims: bool = True) -> int | None:
    """When after `t_ms` the pattern may look different; None when it stays as it is."""
    rhythm = pattern.rhythm if dims else _without_dimming(pattern.rhythm)
    match rhythm:
        case Steps():
            _, until_ms = _step(rhythm, t_ms)
            return until_ms
        case Swell():
            return _grid(t_ms) + FRAME_MS
        case Fade():
            if t_ms >= rhythm.over_ms:
                return None
            return min(_grid(t_ms) + FRAME_MS, rhythm.over_ms) if dims else _fade_ends_ms(rhythm, t_ms)
        case Steady():
            return None


def dimmed(colours: tuple[Colour, ...], brightness_percent: int) -> tuple[Colour, ...]:
    """The same at `brightness_percent` (1..100) of their brightness; what is lit stays lit."""
    share = brightness_percent / 100
    return tuple(_scaled(colour, share) for colour in colours)


def _level(rhythm: Rhythm, t_ms: int, dims: bool) -> float:
    if not dims:
        rhythm = _without_dimming(rhythm)
    match rhythm:
        case Steps():
            step, _ = _step(rhythm, t_ms)
            return 1.0 if step % 2 == 0 else rhythm.down
        case Swell():
            return 0.5 + 0.5 * math.cos(2 * math.pi * _grid(t_ms) / rhythm.period_ms)
        case Fade():
            if not dims:
                return 1.0 if _fade_ends_ms(rhythm, t_ms) else 0.0
            return 1.0 - _grid(t_ms) / rhythm.over_ms if t_ms < rhythm.over_ms else 0.0
        case Steady():
            return 1.0


def _without_dimming(rhythm: Rhythm) -> Rhythm:
    match rhythm:
        case Steps():
            return Steps(rhythm.durations_ms)
        case Swell():
            return Steps((rhythm.period_ms // 2, rhythm.period_ms - rhythm.period_ms // 2))
        case _:
            return rhythm


def _fade_ends_ms(rhythm: Fade, t_ms: int) -> int | None:
    """Where a lamp that cannot dim goes out; None once it has."""
    half_ms = rhythm.over_ms // 2
    return half_ms if t_ms < half_ms else None


def _step(rhythm: Steps, t_ms: int) -> tuple[int, int]:
    """Which step since the beginning it is, from 0, and when the next one begins."""
    rounds, into_ms = divmod(t_ms, sum(rhythm.durations_ms))
    begins_ms = t_ms - into_ms
    for number, duration_ms in enumerate(rhythm.durations_ms):
        begins_ms += duration_ms
        if t_ms < begins_ms:
            return rounds * len(rhythm.durations_ms) + number, begins_ms
    raise AssertionError("the rest of a division is less than the divisor")


def _bar(fill: float, pixels: int, dims: bool) -> list[float]:
    shares = [min(1.0, max(0.0, fill * pixels - pixel)) for pixel in range(pixels)]
    if not dims:
        shares = [float(share >= 0.5) for share in shares]
    shares[0] = max(EMPTY_BAR, shares[0])
    return shares


def _grid(t_ms: int) -> int:
    return t_ms - t_ms % FRAME_MS


def _scaled(colour: Colour, share: float) -> Colour:
    red, green, blue = colour
    return (math.ceil(red * share), math.ceil(green * share), math.ceil(blue * share))
