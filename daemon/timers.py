"""The timers of the box: when they are due, and how long they ring. Pure.

Times are Unix seconds of the wall clock, so that a timer survives a restart. A timer rings from when it is
due until somebody comes, at most for `RING_S`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from daemon.records import dataclass

RING_S = 15 * 60.0
MAX_TIMERS = 64
MAX_LABEL_CHARS = 80
MAX_S = 7 * 24 * 3600.0
"""Longer is an appointment: that is a calendar's business, and nobody waits beside the box."""


class TimerError(Exception):
    """A timer cannot be set or found; the message is a sentence for whoever asked."""


@dataclass(frozen=True, slots=True)
class Timer:
    id: int
    label: str
    due_unix: float


class TimerBook:
    """All timers, ringing ones included. Bound: `MAX_TIMERS`; a further one is refused."""

    def __init__(self, restored: Iterable[Timer] = ()) -> None:
        """`restored`: those of an earlier run, of which the first `MAX_TIMERS` by time are kept."""
        kept = sorted(restored, key=lambda timer: timer.due_unix)[:MAX_TIMERS]
        self._timers = {timer.id: timer for timer in kept}
        self._from_earlier = set(self._timers)
        self._last_id = max(self._timers, default=0)

    @property
    def timers(self) -> tuple[Timer, ...]:
        """The next one first."""
        return tuple(sorted(self._timers.values(), key=lambda timer: (timer.due_unix, timer.id)))

    def set(self, seconds: float, label: str, now_unix: float) -> Timer:
        """A new timer, due in `seconds` (above 0, at most `MAX_S`). Raises `TimerError`."""
        if not 0 < seconds <= MAX_S:  # not a number is neither
            raise TimerError(
                f"a timer of {seconds:g} s is not possible, allowed: more than 0, at most 7 days"
            )
        if len(self._timers) >= MAX_TIMERS:
            raise TimerError(f"{MAX_TIMERS} timers are set already; cancel one first")
        self._last_id += 1
        text = " ".join(label.encode("utf-8", "replace").decode("utf-8").split())
        timer = Timer(self._last_id, text[:MAX_LABEL_CHARS], now_unix + seconds)
        self._timers[timer.id] = timer
        return timer

    def cancel(self, timer_id: int) -> Timer:
        """Take it out, also while it rings. Raises `TimerError` if there is none with this id."""
        if timer_id not in self._timers:
            there = ", ".join(str(timer.id) for timer in self.timers) or "none"
            raise TimerError(f"there is no timer {timer_id}; there are: {there}")
        return self._forget(timer_id)

    def due(self, now_unix: float) -> list[Timer]:
        """Those that ring now."""
        return [timer for timer in self.timers if timer.due_unix <= now_unix < timer.due_unix + RING_S]

    def dismiss(self, now_unix: float) -> list[Timer]:
        """Somebody came: forget those that ring now."""
        return [self._forget(timer.id) for timer in self.due(now_unix)]

    def lapse(self, now_unix: float) -> list[Timer]:
        """Forget those whose ring is over, because nobody came or the box was off."""
        over = [timer.id for timer in self.timers if timer.due_unix + RING_S <= now_unix]
        return [self._forget(timer_id) for timer_id in over]

    def next_deadline(self, now_unix: float) -> float | None:
        """When the next timer begins or ends to ring."""
        turns = (t.due_unix if t.due_unix > now_unix else t.due_unix + RING_S for t in self.timers)
        return min(turns, default=None)

    def clock_jumped(self, by_s: float) -> None:
        """The wall clock was set; forward if positive.

        A timer set in this run still takes as long as was asked for. One from an earlier run keeps its time
        of day: a board without a battery wakes up with a clock that is behind until the network sets it.
        """
        for timer in self._timers.values():
            if timer.id not in self._from_earlier:
                self._timers[timer.id] = replace(timer, due_unix=timer.due_unix + by_s)

    def _forget(self, timer_id: int) -> Timer:
        self._from_earlier.discard(timer_id)
        return self._timers.pop(timer_id)
