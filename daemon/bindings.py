"""What the gestures of the box's buttons do: who talks, who stops, who turns it up. Pure.

Buttons are bound by `Bindings`; `problems` finds what cannot be meant. `Panel` is all buttons and switches of
one box: levels in, wishes out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from daemon.gestures import Gesture, GestureEngine, GestureSettings, Kind, SwitchFollower, Windows
from daemon.realtime.errors import did_you_mean
from daemon.records import dataclass

TALK = "talk"
NONE = "none"
TOOL = "tool:"
"""Before a tool's name: `tool:lights_on` calls it without arguments."""

ACTIONS = (TALK, "stop", "mute", "volume_up", "volume_down", "approve", "reject", NONE)
"""What a gesture may do, besides calling a tool; `mute` opens the microphone again where it was closed."""

LASTING = (TALK, "volume_up", "volume_down", NONE)
"""What can go on for as long as a button is held."""


@dataclass(frozen=True, slots=True)
class Bindings:
    """What each gesture of one button does: one of `ACTIONS`, or `tool:NAME`.

    - `hold`: `talk` from the press to the release, or a volume that goes on changing.
    - `tap`: with `talk` the turn that began with the press stays open until the speaker has ended. Any other
      action gives that turn up. Nothing else bound: done at the press, since nothing else can come of it.
    - `double`: two taps; a single one then waits for `double_gap_ms`.
    - `long`: done while the button is still down.
    """

    hold: str = NONE
    tap: str = NONE
    double: str = NONE
    long: str = NONE

    @property
    def opens_talk(self) -> bool:
        """A press may turn out to be somebody speaking, so the turn begins with it."""
        return TALK in (self.hold, self.tap)

    @property
    def acts_at_once(self) -> bool:
        """What the press means is plain before it is over."""
        plain = self.double == self.long == NONE and self.hold in (NONE, self.tap)
        return plain and self.tap not in (TALK, NONE)

    def windows(self, settings: GestureSettings) -> Windows:
        """What has to be waited for to tell these gestures apart."""
        repeats = self.hold not in (TALK, NONE)
        tap_ms = {TALK: settings.tap_max_ms, NONE: None}.get(self.hold, settings.repeat_after_ms)
        return Windows(
            tap_s=None if tap_ms is None else tap_ms / 1000,
            gap_s=0.0 if self.double == NONE else settings.double_gap_ms / 1000,
            long_s=None if self.long == NONE else settings.long_ms / 1000,
            repeat_after_s=settings.repeat_after_ms / 1000 if repeats else None,
            repeat_every_s=settings.repeat_every_ms / 1000,
            stuck_s=settings.stuck_s,
        )


# ---- what cannot be meant ------------------------------------------------------------


def problems(bindings: Bindings, tools: Collection[str] | None = None) -> list[tuple[str, str]]:
    """The gestures that are bound to what they cannot do, each with a sentence; nothing if all is well.

    `tools`: the names that `tool:NAME` may take, None if they are not known here.
    """
    bound = {name: getattr(bindings, name) for name in ("hold", "tap", "double", "long")}
    found = [(name, said) for name, action in bound.items() if (said := _unknown(action, tools))]
    if found:
        return found
    if set(bound.values()) == {NONE}:
        return [("hold", "the button does nothing: bind at least one of hold, tap, double and long")]
    if bindings.hold not in LASTING:
        found.append(("hold", f"{bindings.hold!r} is done once, hold is for what lasts; bind it to long"))
    elif bindings.hold != NONE and bindings.long != NONE:
        found.append(
            ("long", f"hold = {bindings.hold!r} lasts for longer than a long press; bind one of them")
        )
    if bindings.tap == TALK and bindings.hold not in (TALK, NONE):
        found.append(("tap", f"the press that begins to talk cannot also be held for {bindings.hold!r}"))
    for name in ("double", "long"):
        if bound[name] == TALK:
            found.append((name, "a turn begins with the press, so 'talk' is bound to hold or tap only"))
    return found


def setting_problems(settings: GestureSettings) -> list[tuple[str, str]]:
    """The settings that contradict each other, each with a sentence."""
    found = [
        (name, f"{name} is {value:g}, allowed: more than 0")
        for name in GestureSettings.__dataclass_fields__
        if not (value := getattr(settings, name)) > 0
    ]
    if settings.tap_max_ms >= settings.long_ms:
        allowed = f"more than tap_max_ms, which is {settings.tap_max_ms:g}"
        found.append(("long_ms", f"long_ms is {settings.long_ms:g}, allowed: {allowed}"))
    if settings.long_ms >= settings.stuck_s * 1000:
        found.append(("stuck_s", f"stuck_s is {settings.stuck_s:g}, allowed: longer than a long press"))
    return found


def _unknown(action: str, tools: Collection[str] | None) -> str:
    """What is wrong with the name of an action, "" if nothing is."""
    tool = tool_of(action)
    if tool is None:
        if action in ACTIONS:
            return ""
        known = f"{', '.join(ACTIONS)} and tool:NAME"
        return f"there is no action {action!r}; there are {known}{did_you_mean(action, ACTIONS)}"
    if not tool:
        return "'tool:' needs the name of a tool"
    if tools is None or tool in tools:
        return ""
    known = f"there are {', '.join(sorted(tools))}" if tools else "there are none"
    return f"there is no tool {tool!r}; {known}{did_you_mean(tool, tools)}"


def tool_of(action: str) -> str | None:
    """The tool that an action calls, None if it calls none."""
    return action.removeprefix(TOOL) if action.startswith(TOOL) else None


# ---- what comes of it ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TalkPressed:
    """Somebody takes the floor, from `at` on; whether by holding or by a tap is not known yet."""

    at: float


@dataclass(frozen=True, slots=True)
class TalkReleased:
    """The turn is over: it ends at `at`."""

    at: float


@dataclass(frozen=True, slots=True)
class TalkTapped:
    """It was a tap: the turn goes on until the speaker has ended."""

    at: float


@dataclass(frozen=True, slots=True)
class TalkAbandoned:
    """It was something else: the turn is given up, nothing of it is sent."""

    at: float


@dataclass(frozen=True, slots=True)
class Act:
    """Do `action`, one of `ACTIONS` but `talk` and `none`, or `tool:NAME`."""

    button: str
    action: str
    at: float


@dataclass(frozen=True, slots=True)
class Stuck:
    """Nobody holds a button for so long: it counts as released, and is deaf until it has been up."""

    button: str
    at: float


@dataclass(frozen=True, slots=True)
class SwitchTurned:
    """A latching switch now stands at `on`."""

    switch: str
    on: bool
    at: float


Talk = TalkPressed | TalkReleased | TalkTapped | TalkAbandoned
Wish = Talk | Act | Stuck | SwitchTurned


class BoundButton:
    """One button: its gestures, and what is wished by them."""

    def __init__(self, name: str, bindings: Bindings, settings: GestureSettings) -> None:
        self._name = name
        self._bound = bindings
        self._down = False
        self._talking = False  # a turn of this button waits to hear what became of its press
        self.engine = GestureEngine(bindings.windows(settings))

    def begin(self, pressed: bool) -> None:
        """Where it is at the start; one that is down already does nothing until it has been up."""
        self._down = self._talking = False
        self.engine.begin(pressed)

    def level(self, pressed: bool, at: float) -> list[Wish]:
        return self._wishes(self.engine.level(pressed, at))

    def tick(self, now: float) -> list[Wish]:
        return self._wishes(self.engine.tick(now))

    def _wishes(self, gestures: Iterable[Gesture]) -> list[Wish]:
        return [wish for gesture in gestures for wish in self._meaning(gesture)]

    def _meaning(self, gesture: Gesture) -> list[Wish]:
        at = gesture.at
        if gesture.kind in (Kind.PRESS, Kind.LIFT, Kind.RELEASE):
            self._down = gesture.kind is Kind.PRESS
        match gesture.kind:
            case Kind.PRESS:
                return self._pressed(at)
            case Kind.LIFT:
                return [] if self._bound.tap == TALK else self._end_talk(TalkAbandoned(at))
            case Kind.RELEASE:
                return self._end_talk(TalkReleased(at))
            case Kind.TAP:
                return self._tapped(at)
            case Kind.DOUBLE:
                return [*self._end_talk(TalkAbandoned(at)), *self._act(self._bound.double, at)]
            case Kind.LONG:
                return [*self._end_talk(TalkAbandoned(at)), *self._act(self._bound.long, at)]
            case Kind.REPEAT:
                return self._act(self._bound.hold, at)
            case Kind.STUCK:
                return [Stuck(self._name, at)]

    def _pressed(self, at: float) -> list[Wish]:
        if self._bound.opens_talk:
            goes_on, self._talking = self._talking, True
            return [] if goes_on else [TalkPressed(at)]
        return self._act(self._bound.tap, at) if self._bound.acts_at_once else []

    def _tapped(self, at: float) -> list[Wish]:
        if self._down and self._talking:
            return []  # known only now, as the next press is being held: who talks by now is not cut off
        if self._bound.tap == TALK:
            return self._end_talk(TalkTapped(at))
        return [] if self._bound.acts_at_once else self._act(self._bound.tap, at)

    def _end_talk(self, how: Talk) -> list[Wish]:
        was_talking, self._talking = self._talking, False
        return [how] if was_talking else []

    def _act(self, action: str, at: float) -> list[Wish]:
        return [] if action == NONE else [Act(self._name, action, at)]


class Panel:
    """All buttons and switches of one box, by name.

    The floor belongs to the button that took it: what a second talk button says meanwhile is not heard.
    """

    def __init__(
        self, buttons: Mapping[str, Bindings], switches: Iterable[str], settings: GestureSettings
    ) -> None:
        self._buttons = {name: BoundButton(name, bound, settings) for name, bound in buttons.items()}
        self._switches = {name: SwitchFollower() for name in switches}
        self._talker: str | None = None

    @property
    def unsettled(self) -> list[str]:
        """Whose level is worth reading again: pressed buttons, and switches that seem to be off now."""
        leaving = [name for name, switch in self._switches.items() if switch.next_deadline() is not None]
        return leaving + [name for name, button in self._buttons.items() if button.engine.down]

    def switch_on(self, name: str) -> bool:
        return self._switches[name].on

    def begin(self, name: str, pressed: bool) -> None:
        """Where a button or switch is at the start."""
        if name in self._switches:
            self._switches[name].begin(pressed)
        else:
            self._buttons[name].begin(pressed)
            self._talker = None if self._talker == name else self._talker

    def level(self, name: str, pressed: bool, at: float) -> list[Wish]:
        """An edge, or a level read again; what it means, in order."""
        if name in self._switches:
            return self._turned(name, self._switches[name].level(pressed, at), at)
        return self._heard(name, self._buttons[name].level(pressed, at))

    def tick(self, now: float) -> list[Wish]:
        """Time has passed."""
        wishes: list[Wish] = []
        for name, switch in self._switches.items():
            wishes += self._turned(name, switch.tick(now), now)
        for name, button in self._buttons.items():
            wishes += self._heard(name, button.tick(now))
        return wishes

    def next_deadline(self) -> float | None:
        """When `tick` is due, or None."""
        deadlines = [button.engine.next_deadline() for button in self._buttons.values()]
        deadlines += [switch.next_deadline() for switch in self._switches.values()]
        return min((due for due in deadlines if due is not None), default=None)

    def _turned(self, name: str, on: bool | None, at: float) -> list[Wish]:
        return [] if on is None else [SwitchTurned(name, on, at)]

    def _heard(self, name: str, wishes: list[Wish]) -> list[Wish]:
        return [wish for wish in wishes if not isinstance(wish, Talk) or self._has_floor(name, wish)]

    def _has_floor(self, name: str, talk: Talk) -> bool:
        if isinstance(talk, TalkPressed):
            if self._talker is None:
                self._talker = name
                return True
            return False
        if self._talker != name:
            return False
        self._talker = None
        return True
