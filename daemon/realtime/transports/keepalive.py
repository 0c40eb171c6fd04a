"""When a connection is asked for a sign of life, and when it has given none for too long. Pure."""

from __future__ import annotations

from enum import Enum

LOOKS = 10
LONGEST_LOOK_S = 1.0
"""While an answer is awaited it is looked for this often: at least ten times, and once a second."""


class Pulse(Enum):
    NOTHING = "nothing to do"
    ASK = "send a ping"
    LOST = "the connection is dead"


class Keepalive:
    """Judges by time in which this side could have heard an answer, not by the clock.

    From one look to the next never more than one pause between looks counts, however long it took. So a loop
    that was stuck for a minute has its connection afterwards: it finds the answer that was there all along.
    Whatever arrives while an answer is awaited starts the waiting anew: on a slow line the answer queues
    behind the speech that was sent before it.
    """

    def __init__(self, interval_s: float | None, timeout_s: float | None, now: float) -> None:
        """`interval_s`: from one answer to the next question, None to ask only when told to; `timeout_s`: how
        long an answer may take, None for ever."""
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._ask_at = None if interval_s is None else now + interval_s
        self._asked = False
        self._heard = False
        self._limit_s: float | None = timeout_s
        self._waited_s = 0.0
        self._looked_at = now

    def probe(self, within_s: float) -> None:
        """Something has happened to the network: find out now. Takes effect with the next `step`."""
        limit_s = within_s + (self._waited_s if self._asked else 0.0)
        self._limit_s = limit_s if self._limit_s is None else min(self._limit_s, limit_s)
        if not self._asked:
            self._ask_at = float("-inf")

    def heard(self) -> None:
        """Something has arrived."""
        self._heard = True

    def answered(self, now: float) -> None:
        """The question asked last has been answered."""
        self._asked = False
        self._limit_s = self._timeout_s
        self._ask_at = None if self._interval_s is None else now + self._interval_s

    def step(self, now: float) -> Pulse:
        """What to do at `now`; call it at `next_deadline`, and after `probe`."""
        if not self._asked:
            if self._ask_at is None or now < self._ask_at:
                return Pulse.NOTHING
            self._asked, self._heard, self._waited_s, self._looked_at = True, False, 0.0, now
            return Pulse.ASK
        if self._limit_s is None:
            return Pulse.NOTHING
        self._waited_s = 0.0 if self._heard else self._waited_s + min(now - self._looked_at, self._pause_s)
        self._heard = False
        self._looked_at = now
        # A timer may be early by the resolution of the clock.
        return Pulse.LOST if self._waited_s >= 0.999 * self._limit_s else Pulse.NOTHING

    def next_deadline(self) -> float | None:
        if not self._asked:
            return self._ask_at
        if self._limit_s is None:
            return None
        return self._looked_at + min(self._pause_s, max(0.0, self._limit_s - self._waited_s))

    @property
    def _pause_s(self) -> float:
        assert self._limit_s is not None
        return min(LONGEST_LOOK_S, self._limit_s / LOOKS)
