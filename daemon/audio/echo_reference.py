"""What the loudspeaker lets out, on the microphone's time line: the other half of echo cancellation. Pure."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from daemon.audio.pcm import SAMPLE_BYTES
from daemon.audio.resample import Resampler

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

KEPT_S = 1.0
"""How much of what was played is kept until the microphone comes to it: devices hold up to half a second."""

MARGIN_S = 0.01
"""By how much the reference comes before an echo that had no way to go: twice the error of a heard position.
AEC3 cancels no echo before its reference, and every one up to 0.25 s after it.
"""

CLOCK_SPAN_S = 0.4
"""The most punctual report of this long tells what a clock shows: longer than a busy machine stands still."""

SETTLE_S = 0.5
CORRECTION_S = 10.0
CORRECTION_MAX = 500e-6
"""A pairing error is corrected by 1/10 of it a second, at most by 500 ppm: cards drift apart by up to 200.
AEC3 follows that without loss, where a jump of 20 ms leaves half a second uncancelled.
"""

JUMP_S = 0.005
"""No drift makes a larger error: a device has lost or inserted sound. To correct 20 ms in small steps leaves
AEC3 at half its strength for as long as that takes, a minute; to jump, for a second.
"""

ASTRAY_FOR_S = 0.45
"""An error that lasts longer than `CLOCK_SPAN_S` is none of a single report."""

SPEAKER_RESTART_S = 0.1
MICROPHONE_RESTART_S = 0.5
"""A period that is this much off its turn begins a new time line. A stalled machine delays what is captured,
but not what a driver says about when a period will be heard."""

_TAPS = 16
_PHASES = 64
_FIRST_TAP = _TAPS // 2 - 1


class EchoReference:
    """Pairs each captured window with what was to be heard meanwhile, by `MARGIN_S` ahead.

    The pairing is steady: windows go on where the last one ended, like those of a queue, while a regulator
    compares both devices' clocks and stretches or squeezes the reference imperceptibly. So neither periods
    that come in bursts nor cards that drift apart move the echo against its reference. Times are monotonic
    seconds. Bound: `KEPT_S` of sound; the oldest goes first.
    """

    def __init__(self, speaker_rate_hz: int, microphone_rate_hz: int) -> None:
        """Raises `ValueError` as `Resampler` does, `ImportError` where numpy is missing."""
        import numpy

        self._numpy = numpy
        self._taps = _fractional_delays()
        self._speaker_rate_hz = speaker_rate_hz
        self._rate_hz = microphone_rate_hz
        self._resampler = Resampler(speaker_rate_hz, microphone_rate_hz)
        self._kept = bytearray()  # at the microphone's rate
        self._kept_from = 0  # the number of its first frame, counted from the first ever played
        self._speaker = _TimeLine()
        self._played_frames = 0  # at the loudspeaker's rate
        self._microphone = _TimeLine()
        self._captured_frames = 0
        self._window_from = 0  # the number of the next captured frame that is asked about
        self._ahead_frames: float | None = None  # reference frame minus captured frame of a pair
        self._settling_frames = 0
        self._astray_frames = 0

    def played(self, pcm: bytes, heard_at: float) -> None:
        """The loudspeaker pulled `pcm`, mono at its rate, whose first frame will be heard at `heard_at`.

        It holds at least `MARGIN_S` of sound when it pulls, as every card with two periods or more does.
        """
        position_s = self._played_frames / self._speaker_rate_hz
        expected_at = self._speaker.at(position_s)
        if expected_at is not None and abs(heard_at - expected_at) > SPEAKER_RESTART_S:
            self._restart_speaker()
        self._speaker.saw(position_s, heard_at)
        self._played_frames += len(pcm) // SAMPLE_BYTES
        self._kept += self._resampler.feed(pcm)
        self._drop_before(self._kept_from + self._kept_frames - round(KEPT_S * self._rate_hz))

    def captured(self, frames: int, at: float) -> None:
        """The microphone delivered `frames`, at `at`."""
        ends_s = (self._captured_frames + frames) / self._rate_hz
        expected_at = self._microphone.at(ends_s)
        if expected_at is not None and at - expected_at > MICROPHONE_RESTART_S:
            self._restart_microphone()
        self._captured_frames += frames
        self._microphone.saw(ends_s, at)

    def lost(self, frames: int) -> None:
        """`frames` were captured, but nobody will ask about them."""
        self._captured_frames += frames
        self._window_from += frames

    def window(self, frames: int) -> bytes:
        """The reference of the next `frames` captured ones; silence where nothing was played."""
        self._regulate(frames)
        start = self._window_from + (self._ahead_frames or 0.0)
        self._window_from += frames
        if self._ahead_frames is None:
            return bytes(frames * SAMPLE_BYTES)
        first = math.floor(start)
        phase = round((start - first) * _PHASES)
        window = self._interpolated(first, frames, phase)
        self._drop_before(first + frames - _TAPS)
        return window

    def restart(self) -> None:
        """Nobody listened for a while: what comes next does not follow on what came before.

        Captured frames that nobody has asked about are forgotten.
        """
        self._captured_frames = self._window_from
        self._restart_speaker()
        self._restart_microphone()

    def _restart_speaker(self) -> None:
        self._kept_from += self._kept_frames
        self._kept.clear()
        self._speaker = _TimeLine()
        self._ahead_frames = None

    def _restart_microphone(self) -> None:
        self._microphone = _TimeLine()
        self._ahead_frames = None

    def _regulate(self, frames: int) -> None:
        if self._microphone.offset_s is None or self._speaker.offset_s is None:
            return
        wanted = (self._microphone.offset_s - self._speaker.offset_s + MARGIN_S) * self._rate_hz
        if self._ahead_frames is None:
            self._settling_frames = round(SETTLE_S * self._rate_hz)
        if self._ahead_frames is None or self._settling_frames > 0:
            self._ahead_frames = wanted
            self._settling_frames -= frames
            return
        error = wanted - self._ahead_frames
        if abs(error) <= JUMP_S * self._rate_hz:
            self._astray_frames = 0
            share = error / (CORRECTION_S * self._rate_hz)
            self._ahead_frames += max(-CORRECTION_MAX, min(CORRECTION_MAX, share)) * frames
            return
        self._astray_frames += frames
        if self._astray_frames > ASTRAY_FOR_S * self._rate_hz:
            self._astray_frames = 0
            self._ahead_frames = wanted

    def _interpolated(self, first: int, frames: int, phase: int) -> bytes:
        """`frames` from `first` and `phase` / `_PHASES` of a frame."""
        if phase in (0, _PHASES):
            return self._kept_pcm(first + phase // _PHASES, frames)
        around = self._kept_pcm(first - _FIRST_TAP, frames + _TAPS - 1)
        if around.count(0) == len(around):
            return around[: frames * SAMPLE_BYTES]
        np = self._numpy
        samples = np.frombuffer(around, np.int16).astype(np.float32)
        between = np.convolve(samples, self._taps[phase], "valid")
        np.rint(between, out=between)
        np.minimum(between, 32767, out=between)
        np.maximum(between, -32768, out=between)
        pcm: bytes = between.astype(np.int16).tobytes()
        return pcm

    def _kept_pcm(self, first: int, frames: int) -> bytes:
        """With silence for what is not there any more, or not yet."""
        missing = max(0, min(frames, self._kept_from - first))
        start = max(0, first - self._kept_from)
        there = self._kept[SAMPLE_BYTES * start : SAMPLE_BYTES * (start + frames - missing)]
        return (bytes(SAMPLE_BYTES * missing) + there).ljust(SAMPLE_BYTES * frames, b"\0")

    @property
    def _kept_frames(self) -> int:
        return len(self._kept) // SAMPLE_BYTES

    def _drop_before(self, frame: int) -> None:
        gone = min(self._kept_frames, frame - self._kept_from)
        if gone > 0:
            del self._kept[: SAMPLE_BYTES * gone]
            self._kept_from += gone


class _TimeLine:
    """When which position of a stream is at the device, from reports that may be late, never early.

    The earliest of the last `CLOCK_SPAN_S` counts: what a busy machine delays does not move it.
    """

    def __init__(self) -> None:
        # (reported at, offset) of those no later one was earlier than; CLOCK_SPAN_S long
        self._earliest: deque[tuple[float, float]] = deque()
        self.offset_s: float | None = None  # time minus position

    def saw(self, position_s: float, at: float) -> None:
        offset = at - position_s
        while self._earliest and self._earliest[-1][1] >= offset:
            self._earliest.pop()
        self._earliest.append((at, offset))
        while self._earliest[0][0] < at - CLOCK_SPAN_S:
            self._earliest.popleft()
        self.offset_s = self._earliest[0][1]

    def at(self, position_s: float) -> float | None:
        return None if self.offset_s is None else self.offset_s + position_s


def _fractional_delays() -> list[npt.NDArray[np.float32]]:
    """For each phase, taps (reversed, as convolution takes them) that read between two frames.

    A sinc under a Hann window: flat to 0.75 of half the rate.
    """
    import numpy as np

    taps = []
    for phase in range(_PHASES):
        distance = np.arange(_TAPS) - _FIRST_TAP - phase / _PHASES
        tap = np.sinc(distance) * np.cos(np.pi * distance / _TAPS) ** 2
        taps.append((tap / tap.sum())[::-1].astype(np.float32))
    return taps
