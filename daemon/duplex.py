"""Listening while the loudspeaker plays: echo cancelled, voices over the answer found.

Shell around the voice processor's thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from daemon.audio.dsp_chain import DspChain, Processed, Processor
from daemon.dsp_worker import DspWorker
from daemon.echo_guard import EchoGuard
from daemon.records import dataclass

if TYPE_CHECKING:
    from daemon.audio.double_talk import InterruptionDetector

log = logging.getLogger("harkd")


@dataclass(frozen=True, slots=True)
class Listened:
    """One captured period made fit to be understood, mono, and who speaks over the answer in it."""

    pcm: bytes
    suspected: bool = False
    interrupted: bool = False


class Duplex:
    """What is captured and what is played come together here, each on its device's thread.

    A processor that cannot be had costs echo cancellation, not the microphone: sound passes as it is
    captured, and `reason` says why.
    """

    def __init__(
        self,
        make_processor: Callable[[int], Processor],
        find_voices: bool,
        processor_error: type[Exception],
        deliver: Callable[[Listened], None],
    ) -> None:
        """`make_processor` is given the microphone's rate, and may raise `processor_error`. `find_voices`
        over the answer. `deliver` is called on the processor's thread.
        """
        self._make_processor = make_processor
        self._find_voices = find_voices
        self._processor_error = processor_error
        self._deliver = deliver
        self._detector: InterruptionDetector | None = None
        self._worker: DspWorker | None = None
        self._guard = EchoGuard()
        self._missing = ""
        self._forgotten_at = float("-inf")

    @property
    def safe(self) -> bool:
        """The microphone may be listened to while the loudspeaker plays."""
        return self._guard.listens_while_playing

    @property
    def reason(self) -> str:
        """Why, or why not, for the owner."""
        return self._guard.reason

    def tune(self, microphone_rate_hz: int, speaker_rate_hz: int) -> None:
        """The devices have these rates from now on; to be called before anything is passed."""
        self.stop()
        self._guard.forget()
        if self._find_voices:
            from daemon.audio.double_talk import InterruptionDetector  # numpy, only where it is wanted

            self._detector = InterruptionDetector(microphone_rate_hz)
        try:
            chain = DspChain(self._make_processor(microphone_rate_hz), speaker_rate_hz)
        except self._processor_error as error:
            if not self._missing:
                log.error("no echo is cancelled and no noise suppressed: %s", error)
            self._missing = str(error)
            self._guard.bypassed(self._missing)
            return
        self._worker = DspWorker(chain, microphone_rate_hz, self._listen)
        self._worker.start()

    def stop(self) -> None:
        """Nothing is delivered after this returns. Harmless when not tuned."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()

    def forget(self) -> None:
        """Nothing captured until now is delivered any more, however long it takes the processor."""
        self._forgotten_at = time.monotonic()

    def captured(self, mono: bytes) -> None:
        """Microphone's thread: take one period."""
        worker = self._worker
        if worker is not None:
            worker.captured(mono)
        else:
            self._deliver(Listened(mono))

    def played(self, pcm: bytes, heard_at: float) -> None:
        """Loudspeaker's thread: it pulled `pcm`, mono, whose first frame will be heard at `heard_at`."""
        worker = self._worker
        if worker is not None:
            worker.played(pcm, heard_at)

    def judge(self, now: float) -> bool:
        """Loop: look at how echo is cancelled; True if `safe` has changed."""
        worker = self._worker
        if worker is None:
            return False
        if worker.bypassed:
            return self._guard.bypassed(worker.bypassed)
        return self._guard.measured(worker.measure, now)

    def status(self) -> dict[str, Any]:
        """Plain JSON values for `harkd status`."""
        worker = self._worker
        measure = worker.measure if worker else None
        return {
            "verdict": self._guard.verdict.name.lower(),
            "reason": self.reason,
            "erle_db": None if measure is None else round(measure.erle_db, 1),
            "cpu_ms_per_s": round(worker.cpu_ms_per_s, 1) if worker else None,
            "dropped_periods": worker.dropped if worker else 0,
        }

    def _listen(self, processed: Processed) -> None:
        """Processor's thread."""
        if processed.captured_at <= self._forgotten_at:
            return
        suspected = interrupted = False
        if self._detector is not None:
            try:
                verdict = self._detector.hear(processed.near, processed.far)
                suspected, interrupted = verdict.suspected, verdict.interrupted
            except Exception:  # supervision point: who cannot be interrupted must still be heard
                log.exception("voices over the answer are not looked for any more")
                self._detector = None
        self._deliver(Listened(processed.pcm, suspected, interrupted))
