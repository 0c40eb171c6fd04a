"""What a finger does with one button, and where a latching switch stands. Pure.

How a button moves is in `MOVES`; a signal without a row changes nothing. Which signals come when is decided
by the windows of the button: what nobody has bound is not waited for. What a gesture does is
`daemon.bindings`' business.
"""

from __future__ import annotations

from enum import Enum, auto

from daemon.records import dataclass


class State(Enum):
    UP = auto()
    DOWN = auto()  # and it may still become a tap
    HELD = auto()  # for longer than a tap
    GAP = auto()  # up again after a tap: a second one now makes it a double
    DOWN_AGAIN = auto()  # the second press after a tap
    STUCK = auto()  # it says down, and nobody believes it until it has been up


class Signal(Enum):
    """In the order in which they count when they are due at the same moment."""

    DOWN = auto()
    UP = auto()
    GAP_OVER = auto()
    TAP_OVER = auto()  # down for too long to be a tap
    LONG_DUE = auto()
    REPEAT_DUE = auto()
    STUCK_DUE = auto()


class Kind(Enum):
    PRESS = auto()  # went down: said at once, always, whatever becomes of it
    LIFT = auto()  # came up soon enough for a tap
    RELEASE = auto()  # came up after a hold
    TAP = auto()
    DOUBLE = auto()
    LONG = auto()  # said while it is still down
    REPEAT = auto()  # still down: once more
    STUCK = auto()  # nobody holds a button for so long; a `RELEASE` follows at once


MOVES: dict[State, dict[Signal, tuple[State, tuple[Kind, ...]]]] = {
    State.UP: {Signal.DOWN: (State.DOWN, (Kind.PRESS,))},
    State.DOWN: {
        Signal.UP: (State.GAP, (Kind.LIFT,)),
        Signal.TAP_OVER: (State.HELD, ()),
        Signal.LONG_DUE: (State.HELD, (Kind.LONG,)),
        Signal.STUCK_DUE: (State.STUCK, (Kind.STUCK, Kind.RELEASE)),
    },
    State.HELD: {
        Signal.UP: (State.UP, (Kind.RELEASE,)),
        Signal.LONG_DUE: (State.HELD, (Kind.LONG,)),
        Signal.REPEAT_DUE: (State.HELD, (Kind.REPEAT,)),
        Signal.STUCK_DUE: (State.STUCK, (Kind.STUCK, Kind.RELEASE)),
    },
    State.GAP: {
        Signal.DOWN: (State.DOWN_AGAIN, (Kind.PRESS,)),
        Signal.GAP_OVER: (State.UP, (Kind.TAP,)),
    },
    State.DOWN_AGAIN: {
        Signal.UP: (State.UP, (Kind.LIFT, Kind.DOUBLE)),
        Signal.TAP_OVER: (State.HELD, (Kind.TAP,)),  # a tap, and then a hold of its own
        Signal.LONG_DUE: (State.HELD, (Kind.TAP, Kind.LONG)),
        Signal.STUCK_DUE: (State.STUCK, (Kind.STUCK, Kind.RELEASE)),  # a tap of a minute ago is no wish now
    },
    State.STUCK: {Signal.UP: (State.UP, ())},
}


@dataclass(frozen=True, slots=True)
class GestureSettings:
    """Where one gesture ends and another begins.

    - `tap_max_ms`: a press shorter than this is a tap where the button can also be held to talk. Devices that
      talk take 250 to 300 ms; nobody says a word in less.
    - `double_gap_ms`: a second press within this time after a tap makes it a double. 250 ms is usual among
      voice satellites; 300 leaves room for slower fingers. Only buttons with a double wait for it.
    - `long_ms`: a press this long is a long one. Voice satellites take 1000 ms, telephones 400 to 500; 800 is
      felt as deliberate without being a test of patience.
    - `repeat_after_ms`, `repeat_every_ms`: what repeats while held does so after the first, then every
      second time; the beginning is that of a keyboard, the rate one step of volume that can be judged by ear.
    - `stuck_s`: a button down for longer is taken to be stuck. 30 to 60 s is usual; the longest turn is 60 s.
    """

    tap_max_ms: float = 250.0
    double_gap_ms: float = 300.0
    long_ms: float = 800.0
    repeat_after_ms: float = 500.0
    repeat_every_ms: float = 250.0
    stuck_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Windows:
    """What one button waits for, in seconds; None or 0.0 where nothing bound to it needs the distinction.

    - `tap_s`: how soon a tap must be over. None: any press is a tap that is not a long one.
    - `gap_s`: how long after a tap a second press is awaited.
    - `long_s`: when a press becomes a long one.
    - `repeat_after_s`, `repeat_every_s`: when a held button repeats, and how often then.
    - `stuck_s`: when a button is taken to be stuck.
    """

    tap_s: float | None = None
    gap_s: float = 0.0
    long_s: float | None = None
    repeat_after_s: float | None = None
    repeat_every_s: float = 0.25
    stuck_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Gesture:
    """`at`: when it became certain, in monotonic seconds. A tap is certain when no double can come of it."""

    kind: Kind
    at: float


class GestureEngine:
    """The gestures of one button. Every `PRESS` is followed by exactly one `LIFT` or `RELEASE`.

    Deadlines passed before an edge count before it, so a loop that comes late mistakes no tap for a long
    press. Times that go backwards count as the latest before them.
    """

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self._state = State.UP
        self._due: dict[Signal, float] = {}
        self._latest = float("-inf")

    @property
    def down(self) -> bool:
        """The level as last heard."""
        return self._state in (State.DOWN, State.HELD, State.DOWN_AGAIN, State.STUCK)

    def begin(self, pressed: bool) -> None:
        """Forget what was; one that is down already says nothing until it has been up."""
        self._state = State.STUCK if pressed else State.UP
        self._due.clear()
        self._latest = float("-inf")

    def level(self, pressed: bool, at: float) -> list[Gesture]:
        """The button was `pressed` at `at`: an edge, or its level read again, which repairs a lost edge."""
        if pressed == self.down:
            return self.tick(at)
        gestures = self.tick(at)
        signal = Signal.DOWN if pressed else Signal.UP
        gestures += self._move(signal, max(at, self._latest), at)
        return gestures + self.tick(self._latest)  # a gap of no length is over at once

    def tick(self, now: float) -> list[Gesture]:
        """Time has passed."""
        gestures: list[Gesture] = []
        while self._due:
            signal = min(self._due, key=lambda due: (self._due[due], due.value))
            due = self._due[signal]
            if now < due:
                break
            del self._due[signal]
            gestures += self._move(signal, due, now)
        return gestures

    def next_deadline(self) -> float | None:
        return min(self._due.values(), default=None)

    def _move(self, signal: Signal, at: float, now: float) -> list[Gesture]:
        row = MOVES[self._state].get(signal)
        if row is None:
            return []
        self._state, kinds = row
        self._latest = at
        if signal is Signal.DOWN:
            self._due = self._deadlines(at)
        elif signal is Signal.UP:
            self._due = {Signal.GAP_OVER: at + self._windows.gap_s} if self._state is State.GAP else {}
        elif signal is Signal.REPEAT_DUE:
            self._due[signal] = now + self._windows.repeat_every_s  # a late one is not made up for
        return [Gesture(kind, at) for kind in kinds]

    def _deadlines(self, at: float) -> dict[Signal, float]:
        """Of a press at `at`."""
        windows = self._windows
        after_s = {
            Signal.TAP_OVER: windows.tap_s,
            Signal.LONG_DUE: windows.long_s,
            Signal.REPEAT_DUE: windows.repeat_after_s,
            Signal.STUCK_DUE: windows.stuck_s,
        }
        return {signal: at + wait_s for signal, wait_s in after_s.items() if wait_s is not None}


SWITCH_OFF_S = 0.05
"""Sliding contacts chatter for up to 20 ms, tired ones for longer; nobody flips one twice in this time."""


class SwitchFollower:
    """Where a latching switch stands: its level is its state, and may change while nobody looks.

    On counts at once, off only after `SWITCH_OFF_S` without a contact: what it guards must not flicker. Every
    change is answered with the position to report, or None.
    """

    def __init__(self) -> None:
        self._on = False
        self._off_at: float | None = None

    @property
    def on(self) -> bool:
        return self._on

    def begin(self, on: bool) -> None:
        """Where it stands at the start, which is not reported."""
        self._on = on
        self._off_at = None

    def level(self, on: bool, at: float) -> bool | None:
        """An edge, or the level read again."""
        if on:
            self._off_at = None
            was_on, self._on = self._on, True
            return None if was_on else True
        turned = self.tick(at)
        if self._on and self._off_at is None:
            self._off_at = at + SWITCH_OFF_S
        return turned

    def tick(self, now: float) -> bool | None:
        """Time has passed."""
        if self._off_at is None or now < self._off_at:
            return None
        self._on, self._off_at = False, None
        return False

    def next_deadline(self) -> float | None:
        return self._off_at
