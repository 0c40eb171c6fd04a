"""A loudspeaker and a microphone with clocks of their own, in simulated time: when which sound passes.

Frame 0 of both is at the device at time 1000. The loudspeaker asks for sound `lead_ms` before it is heard;
the microphone delivers a period `latency_ms` after its last frame. A busy machine reports late, in bursts;
never so late that sound would be lost.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from room import resampled

from daemon.audio.echo_reference import EchoReference

START = 1000.0


@dataclass(frozen=True, slots=True)
class Clock:
    """A device's: `ppm` fast."""

    rate_hz: int
    ppm: float = 0.0
    period_ms: int = 20

    @property
    def period_frames(self) -> int:
        return self.rate_hz * self.period_ms // 1000

    def at(self, frame: float) -> float:
        return START + frame / (self.rate_hz * (1 + self.ppm * 1e-6))

    def frame(self, at: float) -> float:
        return (at - START) * self.rate_hz * (1 + self.ppm * 1e-6)


@dataclass(frozen=True, slots=True)
class Machine:
    """How late it is: about `jitter_ms` always, and up to `stall_ms` about once in `stall_every_s`."""

    jitter_ms: float = 1.0
    stall_ms: float = 0.0
    stall_every_s: float = 2.0
    lead_error_ms: float = 0.5  # of what a loudspeaker says about when it will be heard


@dataclass(frozen=True, slots=True)
class Pull:
    at: float
    first_frame: int
    heard_at: float  # as the driver says


@dataclass(frozen=True, slots=True)
class Delivery:
    at: float
    first_frame: int


class TwoCards:
    def __init__(
        self,
        speaker: Clock,
        microphone: Clock,
        machine: Machine | None = None,
        *,
        lead_ms: float = 60.0,
        latency_ms: float = 5.0,
        seed: int = 1,
    ) -> None:
        self.speaker = speaker
        self.microphone = microphone
        self._machine = machine or Machine()
        self._lead_s = lead_ms / 1000
        self._latency_s = latency_ms / 1000
        self._chance = random.Random(seed)

    def events(self, seconds: float) -> Iterator[Pull | Delivery]:
        """What the devices do, in the order in which they report it."""
        happened = [*self._pulls(seconds), *self._deliveries(seconds)]
        return iter(sorted(happened, key=lambda event: event.at))

    def heard(self, played: bytes) -> bytes:
        """`played` in time with the microphone's clock, at its rate, as it reaches it without any way."""
        return resampled(played, self.microphone.frame(START + 1) / self.speaker.frame(START + 1))

    def run(self, reference: EchoReference, played: bytes, seconds: float) -> Iterator[tuple[int, bytes]]:
        """Each window of 10 ms: the number of the captured frame it begins with, and its reference."""
        frames = self.microphone.rate_hz // 100
        for event in self.events(seconds):
            if isinstance(event, Pull):
                start, end = event.first_frame, event.first_frame + self.speaker.period_frames
                reference.played(played[2 * start : 2 * end], event.heard_at)
                continue
            reference.captured(self.microphone.period_frames, event.at)
            for first in range(0, self.microphone.period_frames, frames):
                yield event.first_frame + first, reference.window(frames)

    def _pulls(self, seconds: float) -> Iterator[Pull]:
        clock, last_at = self.speaker, 0.0
        for first in range(0, int(seconds * clock.rate_hz), clock.period_frames):
            heard_at = clock.at(first)
            late_s = min(self._late_s(heard_at), 0.9 * self._lead_s)
            last_at = max(last_at, heard_at - self._lead_s + late_s)
            error_s = self._chance.uniform(-1, 1) * self._machine.lead_error_ms / 1000
            yield Pull(last_at, first, heard_at + error_s)

    def _deliveries(self, seconds: float) -> Iterator[Delivery]:
        clock, last_at = self.microphone, 0.0
        for first in range(0, int(seconds * clock.rate_hz), clock.period_frames):
            ready_at = clock.at(first + clock.period_frames) + self._latency_s
            last_at = max(last_at, ready_at + self._late_s(ready_at))
            yield Delivery(last_at, first)

    def _late_s(self, at: float) -> float:
        """A stall ends at the same time for everybody who waits."""
        machine = self._machine
        since_stall_s = at % machine.stall_every_s
        stalled_s = max(0.0, machine.stall_ms / 1000 - since_stall_s)
        return stalled_s + self._chance.expovariate(1000 / machine.jitter_ms)
