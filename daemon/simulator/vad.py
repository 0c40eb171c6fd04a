"""Server-side turn detection by energy, on a clock of appended audio. Pure.

Positions are milliseconds of *audio written to the input buffer* since the session began, never wall time: a
client that sends faster than real time gets the same answers. The service's own detector is a model; this one
compares the level of 20 ms frames with a threshold, which tells speech from silence well enough here.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from operator import mul
from typing import Any

RATE_HZ = 24000
FRAME_MS = 20
FRAME_BYTES = RATE_HZ // 1000 * FRAME_MS * 2
ONSET_FRAMES = 2  # consecutive loud frames before speech counts as begun: a click is one
# Stand-ins for the semantic detector, which waits longer the less eager it is (API: at most 8, 4 and 2 s).
SEMANTIC_SILENCE_MS = {"low": 1500, "medium": 800, "auto": 800, "high": 400}


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """`audio_start_ms` is `prefix_padding_ms` before the first loud frame, never before committed audio."""

    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """`audio_end_ms` is where the silence was long enough, silence included."""

    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class VadSettings:
    level: float  # RMS, 0 to 32768
    prefix_padding_ms: int
    silence_ms: int


def settings_from(turn_detection: Mapping[str, Any]) -> VadSettings:
    """From a complete `turn_detection` object. Threshold 0.0, 0.5 and 1.0 stand for -60, -40 and -20 dBFS."""
    if turn_detection["type"] == "semantic_vad":
        return VadSettings(_level(0.5), 300, SEMANTIC_SILENCE_MS[turn_detection["eagerness"]])
    return VadSettings(
        _level(turn_detection["threshold"]),
        turn_detection["prefix_padding_ms"],
        turn_detection["silence_duration_ms"],
    )


def _level(threshold: float) -> float:
    return 32768 * math.pow(10, (-60 + 40 * threshold) / 20)


class EnergyVad:
    """Feed 24 kHz PCM in any portions; get the speech edges found in them, in order."""

    def __init__(self, settings: VadSettings, position_ms: int = 0) -> None:
        self._settings = settings
        self._position_ms = position_ms
        self._earliest_start_ms = position_ms
        self._pending = bytearray()
        self._loud_frames = 0
        self._quiet_ms = 0
        self.speaking = False

    def feed(self, pcm: bytes) -> list[SpeechStarted | SpeechStopped]:
        self._pending += pcm
        edges: list[SpeechStarted | SpeechStopped] = []
        whole = len(self._pending) - len(self._pending) % FRAME_BYTES
        for offset in range(0, whole, FRAME_BYTES):
            edge = self._frame(rms(self._pending[offset : offset + FRAME_BYTES]) >= self._settings.level)
            if edge is not None:
                edges.append(edge)
        del self._pending[:whole]
        return edges

    def _frame(self, loud: bool) -> SpeechStarted | SpeechStopped | None:
        self._position_ms += FRAME_MS
        self._loud_frames = self._loud_frames + 1 if loud else 0
        self._quiet_ms = 0 if loud else self._quiet_ms + FRAME_MS
        if not self.speaking and self._loud_frames >= ONSET_FRAMES:
            self.speaking = True
            first_loud_ms = self._position_ms - ONSET_FRAMES * FRAME_MS
            return SpeechStarted(
                max(first_loud_ms - self._settings.prefix_padding_ms, self._earliest_start_ms)
            )
        if self.speaking and self._quiet_ms >= max(self._settings.silence_ms, FRAME_MS):
            self.speaking = False
            self._earliest_start_ms = self._position_ms
            return SpeechStopped(self._position_ms)
        return None


def rms(pcm: bytes | bytearray) -> float:
    """Root mean square of 16-bit little-endian samples, 0 for none."""
    samples = array("h", bytes(pcm))
    return math.sqrt(sum(map(mul, samples, samples)) / len(samples)) if samples else 0.0
