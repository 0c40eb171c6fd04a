"""The bar of barge-in, on files: 60 interruptions and ten minutes of answers, in rooms that all differ.

Deterministic, and the daemon's own code. One recorded woman lends her voice to everybody, as a larger or a
smaller person; `docs/barge-in.md` has the figures for other voices, people among them.
"""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from room import Room, speech

from daemon.audio.double_talk import InterruptionDetector

RATE_HZ = 16000
WINDOW_BYTES = RATE_HZ // 100 * 2
ANSWER_DBFS = -22.0
ECHO_DBFS = ANSWER_DBFS - 6  # at a gain of 0.5
PEOPLE = (0.75, 0.85, 1.0, 1.15)  # as `speech` takes them


@dataclass(frozen=True)
class Scene:
    """An answer in a room, and from `onset_s` on somebody who speaks over it."""

    far: bytes
    near: bytes
    onset_s: float


def scene(seed: int, gain: float, seconds: float = 8.0, *, interrupted: bool = True) -> Scene:
    chance = random.Random(seed)
    answering, asking = chance.sample(PEOPLE, 2)
    far = said(answering, seconds, seed % 6)
    room = Room(
        RATE_HZ,
        delay_ms=chance.uniform(5, 120),
        gain=gain,
        rt60_s=chance.uniform(0.25, 0.3),
        seed=seed,
    )
    if not interrupted:
        return Scene(far, room.hear(far), seconds)
    voice = softer(said(asking, 1.5, 10 + seed % 8), ANSWER_DBFS - ECHO_DBFS - chance.uniform(0, 6))
    begins = round(chance.uniform(3.0, seconds - 2) * RATE_HZ)
    near = room.hear(far, (bytes(2 * begins) + voice).ljust(len(far), b"\0"))
    return Scene(far, near, begins / RATE_HZ + onset_s(voice))


@cache
def said(person: float, seconds: float, seed: int) -> bytes:
    return speech(RATE_HZ, seconds, seed=seed, pitch=person, rms_dbfs=ANSWER_DBFS)


def softer(pcm: bytes, by_db: float) -> bytes:
    return (np.frombuffer(pcm, "<i2") * 10 ** (-by_db / 20)).astype("<i2").tobytes()


def onset_s(voice: bytes) -> float:
    """Where the first 10 ms begin within 25 dB of the voice, of five that hold three such."""
    windows = np.frombuffer(voice, "<i2").astype(np.float64)[: len(voice) // WINDOW_BYTES * 160]
    power = np.mean(windows.reshape(-1, 160) ** 2, axis=1)
    active = np.mean(power[power > np.max(power) * 1e-4])
    loud = power > active * 10**-2.5
    return next(at / 100 for at in np.flatnonzero(loud) if np.sum(loud[at : at + 5]) >= 3)


def decided_s(told: Scene) -> float | None:
    """When it was said first that somebody interrupts."""
    detector = InterruptionDetector(RATE_HZ)
    for at in range(0, len(told.far), WINDOW_BYTES):
        window = slice(at, at + WINDOW_BYTES)
        if detector.hear(told.near[window], told.far[window]).interrupted:
            return (at + WINDOW_BYTES) / 2 / RATE_HZ
    return None


@pytest.mark.parametrize(
    ("gain", "of", "at_least"),
    [pytest.param(0.5, 60, 57, id="half as loud as played"), pytest.param(1.0, 20, 17, id="as loud")],
)
def test_interruptions_are_decided_in_time(gain: float, of: int, at_least: int) -> None:
    latencies_ms = []
    for seed in range(of):
        told = scene(seed, gain)
        decided = decided_s(told)
        assert decided is None or decided > told.onset_s, f"scene {seed}: decided before anybody spoke"
        latencies_ms.append(float("inf") if decided is None else (decided - told.onset_s) * 1000)
    late = {seed: latency for seed, latency in enumerate(latencies_ms) if latency > 400}
    assert len(latencies_ms) - len(late) >= at_least, late
    assert statistics.median(latencies_ms) <= 300


@pytest.mark.parametrize("seed", range(20))
def test_half_a_minute_of_answers_does_not_interrupt_itself(seed: int) -> None:
    assert decided_s(scene(100 + seed, gain=0.5, seconds=30.0, interrupted=False)) is None
