"""Turns the chatter of a contact into presses and releases. Pure."""

from __future__ import annotations

import math


class Debouncer:
    """Reports the first edge at once, then lets the contact chatter for `quiet_s` and looks again.

    Every change is answered with the level to report, or None. At `next_deadline()` (after a reported edge,
    then every `recheck_s` while pressed) the level must be read and given to `settle`: so neither a release
    within the quiet time nor one whose edge the kernel dropped is lost.

    20 ms is longer than worn contacts chatter (good ones do for 1 to 5 ms), shorter than any finger, and
    delays nothing but the release of a press that is shorter still.

    Edges may be told late, by when they were made, as long as they come in order: what was made before the
    latest reading is covered by it.
    """

    def __init__(self, pressed: bool, *, quiet_s: float = 0.02, recheck_s: float = 0.1) -> None:
        self._pressed = pressed
        self._quiet_s = quiet_s
        self._recheck_s = recheck_s
        self._quiet_until: float | None = None
        self._deaf_until = -math.inf
        self._recheck_at: float | None = None

    @property
    def pressed(self) -> bool:
        """As last reported."""
        return self._pressed

    def begin(self, now: float) -> None:
        """Start of observation; what is pressed already is looked after, not reported."""
        self._recheck_at = now + self._recheck_s if self._pressed else None

    def edge(self, pressed: bool, now: float) -> bool | None:
        """The device reported an edge to `pressed`, made at `now`."""
        return None if now < self._deaf_until else self._accept(pressed, now)

    def settle(self, pressed: bool, now: float) -> bool | None:
        """The level was read and is `pressed`."""
        deadline = self.next_deadline()
        if deadline is None or now < deadline:
            return None
        self._quiet_until, self._deaf_until = None, now
        return self._accept(pressed, now)

    def next_deadline(self) -> float | None:
        """When the level must be read again."""
        return self._quiet_until if self._quiet_until is not None else self._recheck_at

    def _accept(self, pressed: bool, now: float) -> bool | None:
        self._recheck_at = now + self._recheck_s if pressed else None
        if pressed == self._pressed:
            return None
        self._pressed = pressed
        self._quiet_until = self._deaf_until = now + self._quiet_s
        return pressed
