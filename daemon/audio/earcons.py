"""The short sounds that tell what the box has done, and how they are made. Pure.

They are made by `docs/sounds.py` and lie in `daemon/sounds`, so that a small board only reads them.
"""

from __future__ import annotations

import math
from array import array
from enum import Enum
from typing import NamedTuple

RATE_HZ = 24_000
MAX_S = 0.12
PEAK = 8231
"""-12 dB of full scale: heard, and startling nobody."""

ATTACK_S = 0.004
RELEASE_S = 0.012
"""A note that begins or ends at once clicks."""

OVERTONE = 0.2
"""Of the octave above each note: without it, it sounds like a hearing test."""

DECAY_PER_S = 12.0
"""A note falls by 1 dB in 10 ms, as something does that was struck."""


class Earcon(Enum):
    REFUSED = "refused"
    MUTED = "muted"
    UNMUTED = "unmuted"
    TICK = "tick"  # this loud now
    CONSENT_WANTED = "consent-wanted"
    OFFLINE = "offline"
    ONLINE = "online"
    STARTUP = "startup"


class Note(NamedTuple):
    pitch_hz: float
    length_s: float


# A speaker of 3 cm has nothing below 600 Hz, an old ear little above 3 kHz.
DIS5, A5, C6, E6, G6 = 622.25, 880.0, 1046.5, 1318.5, 1568.0
C7, E7 = 2093.0, 2637.0

NOTES: dict[Earcon, tuple[Note, ...]] = {
    Earcon.REFUSED: (Note(DIS5, 0.06), Note(DIS5, 0.06)),
    Earcon.MUTED: (Note(E6, 0.06), Note(A5, 0.06)),
    Earcon.UNMUTED: (Note(A5, 0.06), Note(E6, 0.06)),
    Earcon.TICK: (Note(G6, 0.03),),
    Earcon.CONSENT_WANTED: (Note(C6, 0.04), Note(C6, 0.04), Note(G6, 0.04)),
    Earcon.OFFLINE: (Note(G6, 0.04), Note(E6, 0.04), Note(C6, 0.04)),
    Earcon.ONLINE: (Note(C6, 0.04), Note(E6, 0.04), Note(G6, 0.04)),
    Earcon.STARTUP: (Note(C6, 0.03), Note(G6, 0.03), Note(C7, 0.03), Note(E7, 0.03)),
}
"""What belongs together sounds alike, and opposites are each other's reverse: what goes away falls."""


def synthesise(earcon: Earcon) -> bytes:
    """Mono 16-bit PCM at `RATE_HZ`, at most `MAX_S` long, beginning and ending in silence."""
    mixed = [value for note in NOTES[earcon] for value in _struck(note)]
    scale = PEAK / max(map(abs, mixed))
    return array("h", [round(value * scale) for value in mixed]).tobytes()


def _struck(note: Note) -> list[float]:
    frames = round(note.length_s * RATE_HZ)
    turn = 2 * math.pi * note.pitch_hz / RATE_HZ
    return [
        (math.sin(turn * i) + OVERTONE * math.sin(2 * turn * i))
        * math.exp(-DECAY_PER_S * i / RATE_HZ)
        * _edge(i / RATE_HZ, ATTACK_S)
        * _edge((frames - 1 - i) / RATE_HZ, RELEASE_S)
        for i in range(frames)
    ]


def _edge(distance_s: float, length_s: float) -> float:
    """0 at the edge, 1 from `length_s` away, without a corner on the way."""
    return 1.0 if distance_s >= length_s else (1 - math.cos(math.pi * distance_s / length_s)) / 2
