"""The way of a captured period through the voice processor, with its reference beside it. Pure."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from typing import Protocol

from daemon.audio.echo_reference import EchoReference
from daemon.audio.erle import EchoMeasure, ErleMeter, WindowLevels
from daemon.audio.pcm import SAMPLE_BYTES, rms_dbfs
from daemon.audio.rechunk import Rechunker
from daemon.records import dataclass

_log = logging.getLogger(__name__)

MAX_ERRORS = 5
ERRORS_WITHIN_S = 60.0
_FAR_TAIL_WINDOWS = 30  # the echo of 0.3 s ago is still measured
_MEASURED_SHARE = 2  # one window in so many is measured: levels cost more than all else here
_SILENCE_SHARE = 10  # and while nothing is played


class Processor(Protocol):
    """The part of a voice processor driver that is needed here."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def window_frames(self) -> int: ...

    @property
    def gain_db(self) -> float: ...

    def far(self, window: bytes) -> None: ...

    def near(self, window: bytes) -> bytes: ...

    def reset(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Processed:
    """Some whole windows of 10 ms, mono at the processor's rate, all three of the same length.

    `near` is what the microphone captured, `far` what the loudspeaker let out meanwhile (zeros for nothing),
    `pcm` what the processor made of it, which is later than `near` by what the driver states.
    """

    pcm: bytes
    near: bytes
    far: bytes
    captured_at: float


class DspChain:
    """Exactly as many frames come out as go in, less what is waiting for its window of 10 ms to be full.

    A window the processor fails on passes as it was captured; after `MAX_ERRORS` within a minute so does
    everything, and `bypassed` says why. A microphone is never dead for it.
    """

    def __init__(self, processor: Processor, speaker_rate_hz: int) -> None:
        """Raises as `EchoReference` does."""
        self.bypassed = ""
        self._processor = processor
        self._reference = EchoReference(speaker_rate_hz, processor.rate_hz)
        self._windows = Rechunker(processor.window_frames * SAMPLE_BYTES)
        self._meter = ErleMeter()
        self._errors_at: deque[float] = deque(maxlen=MAX_ERRORS)
        self._silent_windows = 0
        self._unmeasured_windows = 0

    def played(self, pcm: bytes, heard_at: float) -> None:
        """The loudspeaker pulled `pcm`, mono, whose first frame will be heard at `heard_at`."""
        self._reference.played(pcm, heard_at)

    def captured(self, pcm: bytes, at: float) -> Processed:
        """The microphone delivered `pcm`, mono at the processor's rate, at `at`."""
        self._reference.captured(len(pcm) // SAMPLE_BYTES, at)
        near = self._windows.feed(pcm)
        far = [self._reference.window(len(window) // SAMPLE_BYTES) for window in near]
        out = [self._processed(*pair, at) for pair in zip(near, far, strict=True)]
        return Processed(b"".join(out), b"".join(near), b"".join(far), at)

    def lost(self, frames: int) -> None:
        """`frames` were captured and dropped before they came here."""
        self._reference.lost(frames)

    def restart(self) -> None:
        """There is a gap before what comes next. The room is taken to be the same: nothing learnt is lost."""
        self._reference.restart()
        self._windows.flush()

    def bypass(self, reason: str) -> None:
        """From now on sound passes as it is captured."""
        self.bypassed = self.bypassed or reason

    @property
    def measure(self) -> EchoMeasure | None:
        """How well echo is cancelled; None before that is known, and while the processor is bypassed."""
        return None if self.bypassed else self._meter.measure

    def _processed(self, near: bytes, far: bytes, at: float) -> bytes:
        if self.bypassed:
            return near
        try:
            self._processor.far(far)
            out = self._processor.near(near)
        except Exception as error:  # noqa: BLE001 - supervision point: it would end the microphone
            self._failed(error, at)
            return near
        self._measure(near, far, out)
        return out

    def _failed(self, error: Exception, at: float) -> None:
        if not self._errors_at:
            _log.exception("the voice processor failed; what it failed on passes as it was captured")
        self._errors_at.append(at)
        if len(self._errors_at) == MAX_ERRORS and at - self._errors_at[0] <= ERRORS_WITHIN_S:
            self.bypass(f"the voice processor fails: {type(error).__name__}: {error}")
            _log.error("%s; sound passes as it is captured", self.bypassed)
            return
        with suppress(Exception):  # a library that is out of order may not even reset
            self._processor.reset()

    def _measure(self, near: bytes, far: bytes, out: bytes) -> None:
        self._silent_windows = self._silent_windows + 1 if far.count(0) == len(far) else 0
        self._unmeasured_windows += 1
        silent = self._silent_windows > _FAR_TAIL_WINDOWS
        if self._unmeasured_windows >= (_SILENCE_SHARE if silent else _MEASURED_SHARE):
            self._unmeasured_windows = 0
            out_dbfs = rms_dbfs(out) - self._processor.gain_db
            self._meter.window(WindowLevels(rms_dbfs(far), rms_dbfs(near), out_dbfs))
