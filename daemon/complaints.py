"""Which troubles are worth a line in the journal: each one, but none of them all night. Pure."""

from __future__ import annotations

from collections import deque

LINES = 6
WINDOW_S = 600.0
"""At most so many lines of one kind in so long, and no sentence twice: what fails every second must not fill
a disk."""

LASTING = frozenset({"link"})
"""Kinds that go on until they are over, trying again and again: no sentence twice until then."""

MAX_TOLD = 32
"""So many sentences of each kind are remembered; a network has fewer ways to be away."""

MAX_LAST = 8


class Complaints:
    """What was told of each kind of trouble. Memory: `MAX_TOLD` sentences for each kind; kinds are ours."""

    def __init__(self) -> None:
        self.last: deque[str] = deque(maxlen=MAX_LAST)
        """The last ones for the status, written or not."""
        self._told: dict[str, dict[str, float]] = {}
        self._lines: dict[str, deque[float]] = {}
        self._left_out: dict[str, int] = {}

    def line(self, kind: str, message: str, now: float) -> str | None:
        """The line to write, or None. A line says how many of its kind were left out before it."""
        if not self.last or self.last[-1] != message:
            self.last.append(message)
        told = self._told.setdefault(kind, {})
        if message in told and (kind in LASTING or now < told[message] + WINDOW_S):
            return None
        lines = self._lines.setdefault(kind, deque(maxlen=LINES))
        if len(lines) == LINES and now < lines[0] + WINDOW_S:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return None
        lines.append(now)
        told[message] = now
        if len(told) > MAX_TOLD:
            del told[min(told, key=lambda sentence: told[sentence])]
        left_out = self._left_out.pop(kind, 0)
        return f"{message} ({left_out} like it were not written down)" if left_out else message

    def over(self, kind: str) -> None:
        """It is well again: the next trouble of this kind is news, even in the same words."""
        self._told.pop(kind, None)
