"""Makes presses and releases of a key that only ever reports presses. Pure."""

from __future__ import annotations

from enum import Enum, auto

# A held key repeats: first after 250 ms (Linux console) to 660 ms (X11), then every 25 to 50 ms.
FIRST_REPEAT_S = 0.7
REPEATS_END_S = 0.15


class KeyTap:
    """Pressed with the key, released 150 ms after the last of it: a tap, and a hold while it repeats.

    For keys that do something at once. Held, it is a tap and then a hold, because nothing comes between the
    key and its first repeat; faster taps than one in 150 ms are one.

    Answers are the edges to report, in order: True for pressed. `now` is monotonic seconds.
    """

    def __init__(self) -> None:
        self._deadline: float | None = None

    @property
    def pressed(self) -> bool:
        return self._deadline is not None

    def key(self, now: float) -> list[bool]:
        """The terminal sent the key."""
        edges = self.tick(now)
        if not self.pressed:
            edges.append(True)
        self._deadline = now + REPEATS_END_S
        return edges

    def tick(self, now: float) -> list[bool]:
        """Time has passed."""
        if self._deadline is None or now < self._deadline:
            return []
        self._deadline = None
        return [False]

    def next_deadline(self) -> float | None:
        return self._deadline


class _State(Enum):
    UP = auto()
    DOWN = auto()  # one key so far: a tap, or a hold that has not repeated yet
    HELD = auto()  # it repeats
    LATCHED = auto()  # it was a tap: pressed until the next one
    LET_GO = auto()  # the next tap came: its own repeats, if any, mean nothing


class KeyLatch:
    """Hold the key to talk, or tap it to talk and tap again to send: both, as far as a terminal can tell.

    The first key is a press at once. Repeats within 0.7 s make it a hold, released 150 ms after the last. A
    single tap stays pressed until the next tap, which releases at once; for 0.7 s after it the key is deaf.
    A second tap within 0.7 s of the first looks like a repeat, and is a release 150 ms late.

    Answers are the edges to report, in order: True for pressed. `now` is monotonic seconds.
    """

    def __init__(self) -> None:
        self._state = _State.UP
        self._deadline: float | None = None

    @property
    def pressed(self) -> bool:
        return self._state in (_State.DOWN, _State.HELD, _State.LATCHED)

    def key(self, now: float) -> list[bool]:
        """The terminal sent the key."""
        edges = self.tick(now)
        if self._state is _State.UP:
            self._enter(_State.DOWN, now + FIRST_REPEAT_S)
            return [*edges, True]
        if self._state is _State.LATCHED:
            self._enter(_State.LET_GO, now + FIRST_REPEAT_S)
            return [*edges, False]
        if self._state is _State.LET_GO and self._deadline is not None:
            self._deadline = max(self._deadline, now + REPEATS_END_S)
            return edges
        self._enter(_State.HELD, now + REPEATS_END_S)
        return edges

    def tick(self, now: float) -> list[bool]:
        """Time has passed."""
        if self._deadline is None or now < self._deadline:
            return []
        if self._state is _State.DOWN:
            self._enter(_State.LATCHED, None)
            return []
        edges = [False] if self._state is _State.HELD else []
        self._enter(_State.UP, None)
        return edges

    def next_deadline(self) -> float | None:
        return self._deadline

    def _enter(self, state: _State, deadline: float | None) -> None:
        self._state = state
        self._deadline = deadline
