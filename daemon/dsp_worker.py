"""Runs the voice processor beside the loop and the devices. Shell around a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from daemon.audio.dsp_chain import DspChain, Processed
from daemon.audio.erle import EchoMeasure
from daemon.audio.pcm import SAMPLE_BYTES

_log = logging.getLogger(__name__)

CAPTURED_BOUND_S = 0.5
PLAYED_BOUND = 100
"""Periods: 1 s of 10 ms each, which is what the reference keeps."""

_OVERLOAD_PAUSE_S = 2.0  # without a drop for so long, it was a stall
_CPU_SPAN_S = 5.0
_HANGS = "the voice processor hangs"


class DspWorker:
    """Takes what both devices' threads have, without blocking them, and delivers from a thread of its own.

    Bounds: `CAPTURED_BOUND_S` of captured sound, of which the oldest is dropped and counted in `dropped`;
    `PLAYED_BOUND` periods of played sound, of which all is dropped.

    The microphone is never dead for it. While the processor hangs, captured periods are delivered as they
    are, on the microphone's thread; on a machine that is too slow the processor is left out for good.
    `bypassed` says why.
    """

    def __init__(
        self,
        chain: DspChain,
        rate_hz: int,
        deliver: Callable[[Processed], None],
        *,
        stuck_after_s: float = 1.0,
        overloaded_after_s: float = 5.0,
    ) -> None:
        """`rate_hz` is that of the microphone and the chain. `deliver` is called by one thread at a time.

        A period takes a millisecond, 50 on a small board: what takes `stuck_after_s` hangs. A machine that
        drops sound again and again for `overloaded_after_s` does not merely stand still for a moment.
        """
        self.dropped = 0  # captured periods
        self.measure: EchoMeasure | None = None
        self.cpu_ms_per_s = 0.0  # of processor time, for a second of sound, over the last 5 s
        self._chain = chain
        self._rate_hz = rate_hz
        self._deliver = deliver
        self._captured: deque[tuple[bytes, float]] = deque()
        self._captured_frames = 0  # in the queue
        self._played: deque[tuple[bytes, float]] = deque()
        self._lost_frames = 0  # since the period the chain took last
        self._stuck_after_s = stuck_after_s
        self._overload = _Overload(overloaded_after_s)
        self._awake = threading.Condition()
        self._busy_since: float | None = None
        self._stuck = False
        self._restarted = False
        self._thread: threading.Thread | None = None  # another one, or none, has nothing to say
        self._logged = False
        self._cpu_s = 0.0
        self._processed_s = 0.0

    @property
    def bypassed(self) -> str:
        """Why captured sound is delivered as it is; empty while it is processed."""
        return _HANGS if self._stuck else self._chain.bypassed

    def start(self) -> None:
        """To be called before the microphone is started. Raises `RuntimeError` if already started."""
        if self._thread is not None:
            raise RuntimeError("the DSP worker is started already")
        with self._awake:
            self._stuck, self._busy_since, self._restarted = False, None, True
            self._thread = threading.Thread(target=self._run, name="dsp", daemon=True)  # it may hang
        self._thread.start()

    def stop(self) -> None:
        """No `deliver` begins after this returns: what is on its way is dropped. Harmless when not started.

        To be called when the microphone has been stopped. Waits for the period at work; a processor that
        hangs in it is never called again.
        """
        with self._awake:
            thread, self._thread = self._thread, None
            self._captured.clear()
            self._captured_frames = 0
            self._awake.notify_all()
        if thread is not None:
            thread.join(self._stuck_after_s)
            if thread.is_alive():  # a library that is at work in one thread must not be called from the next
                self._chain.bypass(_HANGS)

    def played(self, pcm: bytes, heard_at: float) -> None:
        """Loudspeaker's thread: it pulled `pcm`, mono, whose first frame will be heard at `heard_at`.

        May be called at any time, started or not.
        """
        if len(self._played) >= PLAYED_BOUND:
            self._played.clear()  # a part would not fit to what is captured; the reference begins anew
        self._played.append((pcm, heard_at))

    def captured(self, pcm: bytes) -> None:
        """Microphone's thread: take one period, mono."""
        now = time.monotonic()
        with self._awake:
            if self._thread is None:
                return
            self._captured.append((pcm, now))
            self._captured_frames += len(pcm) // SAMPLE_BYTES
            passing = self._passing(now)
            if not passing:
                self._drop_beyond_bound(now)
                self._awake.notify()
        for period, at in passing:
            self._hand_out(_as_captured(period, at))

    def _passing(self, now: float) -> list[tuple[bytes, float]]:
        """All that waits, if nobody will process it."""
        if self._busy_since is None or now - self._busy_since < self._stuck_after_s:
            return []
        if not self._stuck:
            self._stuck = True
            _log.error("%s; sound passes as it is captured until it goes on", self.bypassed)
        passing = list(self._captured)
        self._captured.clear()
        self._lost_frames += self._captured_frames
        self._captured_frames = 0
        return passing

    def _drop_beyond_bound(self, now: float) -> None:
        while self._captured_frames > CAPTURED_BOUND_S * self._rate_hz:
            period, _ = self._captured.popleft()
            self._captured_frames -= len(period) // SAMPLE_BYTES
            self._lost_frames += len(period) // SAMPLE_BYTES
            self.dropped += 1
            self._overload.dropped(now)

    # ---- the worker's thread ----

    def _run(self) -> None:
        while True:
            taken = self._take()
            if taken is None:
                return
            (pcm, at), lost_frames = taken
            cpu_began = time.thread_time()
            processed = self._process(pcm, at, lost_frames)
            self._account(time.thread_time() - cpu_began, len(pcm) // SAMPLE_BYTES)
            if self._give_back():
                self._hand_out(processed)

    @property
    def _is_over(self) -> bool:
        return self._thread is not threading.current_thread()

    def _take(self) -> tuple[tuple[bytes, float], int] | None:
        with self._awake:
            self._awake.wait_for(lambda: self._is_over or self._captured)
            if self._is_over:
                return None
            period = self._captured.popleft()
            self._captured_frames -= len(period[0]) // SAMPLE_BYTES
            lost_frames, self._lost_frames = self._lost_frames, 0
            self._busy_since = time.monotonic()
            return period, lost_frames

    def _give_back(self) -> bool:
        """True if what was made of the period is still wanted: nothing later has passed by."""
        with self._awake:
            if self._is_over:
                return False
            in_time = not self._stuck
            if self._stuck:
                _log.warning("the voice processor goes on")
            self._stuck = False
            self._busy_since = None
            return in_time

    def _process(self, pcm: bytes, at: float, lost_frames: int) -> Processed:
        if self._overload.lasts and not self._chain.bypassed:
            self._chain.bypass("this machine is too slow for the voice processor")
            _log.error("%s; sound passes as it is captured", self.bypassed)
        try:
            if self._restarted:
                self._restarted = False
                self._chain.restart()
            self._chain.lost(lost_frames)
            self._take_played()
            processed = self._chain.captured(pcm, at)
            self.measure = self._chain.measure
            return processed
        except Exception:  # noqa: BLE001 - supervision point: it would end the microphone
            self._log_once("a captured period was not processed")
            return _as_captured(pcm, at)

    def _take_played(self) -> None:
        with suppress(IndexError):  # the loudspeaker's thread clears it when it is full
            while self._played:
                self._chain.played(*self._played.popleft())

    def _hand_out(self, processed: Processed) -> None:
        if not processed.pcm:
            return
        try:
            self._deliver(processed)
        except Exception:  # noqa: BLE001 - supervision point: it would end the microphone
            self._log_once("a captured period was lost, its receiver raised")

    def _account(self, cpu_s: float, frames: int) -> None:
        self._cpu_s += cpu_s
        self._processed_s += frames / self._rate_hz
        if self._processed_s >= _CPU_SPAN_S:
            self.cpu_ms_per_s = 1000 * self._cpu_s / self._processed_s
            self._cpu_s = self._processed_s = 0.0

    def _log_once(self, what: str) -> None:
        """Only the first failure: more would come a hundred times a second."""
        if not self._logged:
            self._logged = True
            _log.exception(what)


class _Overload:
    """Tells a machine that is too slow from one that stood still for a while."""

    def __init__(self, after_s: float) -> None:
        self.lasts = False
        self._after_s = after_s
        self._since = self._latest = float("-inf")

    def dropped(self, now: float) -> None:
        if now - self._latest > _OVERLOAD_PAUSE_S:
            self._since = now
        self._latest = now
        self.lasts = self.lasts or now - self._since >= self._after_s


def _as_captured(pcm: bytes, at: float) -> Processed:
    return Processed(pcm, pcm, bytes(len(pcm)), at)
