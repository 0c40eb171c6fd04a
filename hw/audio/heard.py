"""How much of what a speaker pulled has been heard by now. Pure."""

from __future__ import annotations

import math


class HeardPosition:
    """Follows the first frame of the latest buffer: the device says when that one will be heard.

    Within 5 ms of a recording of the virtual card's output; pulled minus the latency the device reports is 10
    to 20 ms off. What a DAC, USB or Bluetooth adds is in neither. `now` is monotonic seconds.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._pulled_frames = 0
        self._heard_frames = 0
        self._latest: tuple[int, float] | None = None  # (first frame of the latest buffer, heard at)

    @property
    def pulled_frames(self) -> int:
        return self._pulled_frames

    def buffer_pulled(self, frames: int, lead_s: float, now: float) -> None:
        """`frames` were pulled at `now`; the first of them will be heard `lead_s` later."""
        self.at(now)
        self._latest = (self._pulled_frames, now + lead_s)
        self._pulled_frames += frames

    def at(self, now: float) -> int:
        """Frames heard at `now`: never fewer than answered before, never more than pulled."""
        if self._latest is not None:
            first_frame, heard_at = self._latest
            estimate = first_frame + math.floor((now - heard_at) * self._rate_hz)
            self._heard_frames = max(self._heard_frames, min(estimate, self._pulled_frames))
        return self._heard_frames

    def stopped(self, now: float) -> None:
        """The device was closed: what it still held is never heard."""
        self.at(now)
        self._latest = None

    def restarted(self, rate_hz: int) -> None:
        """The device opens again, at this rate: what was pulled before is past, heard or not."""
        self._rate_hz = rate_hz
        self._latest = None
        self._heard_frames = self._pulled_frames
