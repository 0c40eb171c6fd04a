"""MicTap and SpeakerTap: the only two places where audio crosses between a device's thread and the loop.

Shell around locks and `call_soon_threadsafe`.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from daemon.audio.gain import Gain
from daemon.audio.pcm import SAMPLE_BYTES
from daemon.audio.playback import OWN, AudioTag, Drained, HeardPart, PlaybackRing

Period = TypeVar("Period")


class MicTap(Generic[Period]):
    """Captured periods, from the device's thread to the loop, in order.

    Bound: `bound_periods`. Policy at the bound: the oldest period is dropped and counted in `dropped`,
    because a loop that has been stuck for that long should hear what is said now. One wake-up per burst.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, consume: Callable[[Period], None], bound_periods: int
    ) -> None:
        self.dropped = 0
        self.last_period_at: float | None = None  # loop time
        self._loop = loop
        self._consume = consume
        self._periods: deque[Period] = deque(maxlen=bound_periods)
        self._lock = threading.Lock()
        self._woken = False

    def deliver(self, period: Period) -> None:
        """A device's thread: take one period."""
        with self._lock:
            self.dropped += len(self._periods) == self._periods.maxlen
            self._periods.append(period)
            wake, self._woken = not self._woken, True
        if wake:
            call_soon(self._loop, self._drain)

    def discard(self) -> None:
        """Forget what was captured and not consumed yet, as muting must."""
        with self._lock:
            self._periods.clear()

    def _drain(self) -> None:
        with self._lock:
            periods = list(self._periods)
            self._periods.clear()
            self._woken = False
        self.last_period_at = self._loop.time()
        for period in periods:
            self._consume(period)


class SpeakerTap:
    """Answer audio, from the loop to the device's thread, and news of what was heard, back.

    The ring states its own bound. News of an answer that was silenced meanwhile is dropped by its epoch.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ring: PlaybackRing,
        heard_frames: Callable[[], int],
        on_drained: Callable[[], None],
        gain: Gain,
    ) -> None:
        """`heard_frames` is the loudspeaker's own word on how much it has let out; any thread may ask.

        `gain` is applied to what the device takes, so that a change is heard with its next period.
        """
        self.first_audio_at: float | None = (
            None  # loop time when the current playback first reached the device
        )
        self._loop = loop
        self._ring = ring
        self._heard_frames = heard_frames
        self._on_drained = on_drained
        self._gain = gain
        self._lock = threading.Lock()
        self._epoch = 0
        self._lead_in_frames = 0
        self.on_played: Callable[[bytes, float], None] | None = None
        """Device thread: given what was pulled, as it sounds, and the loop time at which it will be heard."""

    def pull(self, n_frames: int) -> bytes:
        """Device thread: exactly `n_frames`, silence when there is nothing to play."""
        audible_frame = self._heard_frames()
        with self._lock:
            ring = self._ring
            ahead_s = max(0, ring.pulled_frames - audible_frame) / ring.rate_hz
            if self._lead_in_frames > 0:
                return self._silence(n_frames)
            if self.first_audio_at is None and (tag := ring.next_tag) and tag.response_id != OWN:
                self.first_audio_at = self._loop.time()
            frames = ring.pull(n_frames)
            news = ring.poll(audible_frame)
            epoch = self._epoch
        if news and isinstance(news[-1], Drained):
            call_soon(self._loop, self._drained, epoch)
        sounding = self._gain.apply(frames)
        if self.on_played is not None:
            self.on_played(sounding, self._loop.time() + ahead_s)
        return sounding

    def _silence(self, n_frames: int) -> bytes:
        """Part of the lead-in: the device plays it, the ring waits."""
        self._lead_in_frames -= n_frames
        self._ring.pulled_frames += n_frames
        return bytes(n_frames * SAMPLE_BYTES)

    def lead_in(self, ms: int) -> None:
        """The device was just opened, and its amplifier wakes up: so much silence before anything sounds."""
        with self._lock:
            self._lead_in_frames = ms * self._ring.rate_hz // 1000

    def use(self, ring: PlaybackRing) -> None:
        """The device talks differently from now on: what was queued is gone, position and counts go on."""
        with self._lock:
            self._epoch += 1
            ring.pulled_frames, ring.rejected_frames = self._ring.pulled_frames, self._ring.rejected_frames
            ring.underruns, ring.underrun_frames = self._ring.underruns, self._ring.underrun_frames
            self._ring = ring

    def _drained(self, epoch: int) -> None:
        if epoch == self._epoch:
            self._on_drained()

    def push(self, tag: AudioTag, pcm: bytes) -> tuple[int, bool]:
        """Queue audio; answers the frames accepted and whether the loudspeaker had nothing to play before."""
        with self._lock:
            started = not self._ring.playing
            if started:
                self.first_audio_at = None
                self._epoch += 1
            return self._ring.push(tag, pcm), started

    def finish(self, tag: AudioTag) -> None:
        """No more audio for this part."""
        with self._lock:
            self._ring.finish(tag)

    def silence(self) -> tuple[list[HeardPart], int]:
        """Fade out at once and drop the rest.

        Answers what was not wholly heard, in play order, and how many frames the device had been handed.
        """
        audible_frame = self._heard_frames()
        with self._lock:
            self._epoch += 1
            return self._ring.flush(audible_frame), self._ring.pulled_frames

    def so_far(self) -> list[HeardPart]:
        """What is not wholly heard yet, in play order."""
        audible_frame = self._heard_frames()
        with self._lock:
            return self._ring.heard(audible_frame)

    @property
    def pulled_frames(self) -> int:
        return self._ring.pulled_frames

    @property
    def queued_frames(self) -> int:
        return self._ring.queued_frames

    @property
    def underruns(self) -> int:
        return self._ring.underruns

    @property
    def rejected_frames(self) -> int:
        """Of answers too long for the ring."""
        return self._ring.rejected_frames


def call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *args: object) -> None:
    """Schedule from a device's thread; does nothing once the loop has closed, when nobody is left to tell."""
    if not loop.is_closed():
        try:
            loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            if not loop.is_closed():  # closed between the question and the call
                raise
