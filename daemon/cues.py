"""What the box shows of itself: one table of states by priority, each with its pattern. Pure.

Every state has a rhythm of its own, not only a colour: it can be told from the others on a single lamp of one
colour, and by eyes that do not see all colours. Two states look alike only where they mean the same to those
who stand before the box. Nothing flashes more than three times a second (WCAG 2, success criterion 2.3.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Literal

from daemon.events import Phase
from daemon.patterns import Colour, Fade, Pattern, Shape, Steady, Steps, Swell
from daemon.records import dataclass

PortHealth = Literal["ok", "lost", "silent"]
"""`lost`: not there, or cannot be opened. `silent`: open, but nothing comes from it or goes to it."""

LinkBlock = Literal["", "key", "quota", "model"]
"""Why waiting will not bring the link back: the key is refused, the quota used up, the model unknown."""


@dataclass(frozen=True, slots=True)
class VolumeFlash:
    """The volume was changed to `percent` (0..100): to be seen until monotonic time `until`."""

    percent: int
    until: float


@dataclass(frozen=True, slots=True)
class BoxView:
    """What there is to be known about the box from outside.

    `muted`: by switch or by software. `live`: hands-free, and what is said goes to the server.
    """

    phase: Phase = Phase.OFFLINE
    muted: bool = False
    live: bool = False
    microphone: PortHealth = "ok"
    speaker: PortHealth = "ok"
    link_blocked: LinkBlock = ""
    starting: bool = False
    stopping: bool = False
    config_error: bool = False
    consent_waiting: bool = False
    timer_running: bool = False
    volume_flash: VolumeFlash | None = None
    fatal: bool = False


class Cue(Enum):
    """A state of the box as the light tells it; the value is its name on paper and in `harkd status`."""

    FATAL = "fatal"
    STOPPING = "stopping"
    CANNOT_HEAR = "cannot hear"
    LISTENING = "listening"
    RINGING = "ringing"
    CANNOT_SPEAK = "cannot speak"
    BLOCKED = "refused"
    MUTED = "muted"
    STARTING = "starting"
    VOLUME = "volume"
    CONSENT = "asking"
    THINKING = "thinking"
    SPEAKING = "speaking"
    LIVE = "live"
    CONFIG_ERROR = "bad settings"
    OFFLINE = "offline"
    CONNECTING = "connecting"
    TIMER = "timer set"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Row:
    """One state: when it holds, what it means to a person (equal words: equal looks), and its pattern."""

    cue: Cue
    holds: Callable[[BoxView, float], bool]
    means: str
    pattern: Pattern


BLACK: Colour = (0, 0, 0)
WHITE: Colour = (200, 200, 200)
RED: Colour = (255, 0, 0)
DIM_RED: Colour = (110, 0, 0)
ORANGE: Colour = (255, 90, 0)
AMBER: Colour = (255, 160, 0)
GREEN: Colour = (0, 255, 64)
CYAN: Colour = (0, 200, 255)
DIM_CYAN: Colour = (0, 60, 80)
ICE: Colour = (120, 170, 255)
DIM_BLUE: Colour = (0, 50, 150)
VIOLET: Colour = (190, 0, 255)

SOS = Steps((200, 200, 200, 200, 200, 400, 600, 200, 600, 200, 600, 400, 200, 200, 200, 200, 200, 1400))


def flashes(number: int) -> Steps:
    """So many short flashes, and a pause in which to have counted them."""
    return Steps((200, 300) * (number - 1) + (200, 1500))


WAIT = "not ready yet: wait a moment"

# From the most important down; the first row that holds is shown. Mute stands above everything but what is
# broken: who looks at a muted box wants to be sure. Listening and ringing stand above lasting trouble, which
# must not hide them for days; neither is shown while muted.
TABLE: tuple[Row, ...] = (
    Row(Cue.FATAL, lambda v, now: v.fatal, "it cannot go on: see the journal", Pattern(RED, SOS)),
    Row(Cue.STOPPING, lambda v, now: v.stopping, "going out", Pattern(WHITE, Fade(1000))),
    Row(
        Cue.CANNOT_HEAR,
        lambda v, now: v.microphone == "lost" or (v.microphone == "silent" and not v.muted),
        "no microphone, or nothing comes from it",
        Pattern(RED, flashes(2)),
    ),
    Row(
        Cue.LISTENING,
        lambda v, now: v.phase in (Phase.LISTENING, Phase.FOLLOW_UP) and not v.muted,
        "the microphone is open for you: speak",
        Pattern(CYAN, Steps((800, 200), down=0.35)),
    ),
    Row(
        Cue.RINGING,
        lambda v, now: v.phase is Phase.RINGING and not v.muted,
        "a timer rings: press to end it",
        Pattern(ICE, Steps((170, 170))),
    ),
    Row(
        Cue.CANNOT_SPEAK,
        lambda v, now: v.speaker != "ok",
        "no loudspeaker, or nothing goes to it",
        Pattern(ORANGE, flashes(3)),
    ),
    Row(
        Cue.BLOCKED,
        lambda v, now: v.link_blocked != "",
        "key refused, quota used up or model unknown: see `harkd status`",
        Pattern(ORANGE, flashes(4)),
    ),
    Row(Cue.MUTED, lambda v, now: v.muted, "the microphone is closed", Pattern(RED, Steady())),
    Row(Cue.STARTING, lambda v, now: v.starting, WAIT, Pattern(WHITE, Swell(4000))),
    Row(
        Cue.VOLUME,
        lambda v, now: v.volume_flash is not None and now < v.volume_flash.until,
        "how loud it is now",
        Pattern(WHITE, Steps((600, 100, 100, 100), down=0.3), Shape.BAR),
    ),
    Row(
        Cue.CONSENT,
        lambda v, now: v.consent_waiting,
        "it asks whether it may: press to agree",
        Pattern(VIOLET, Steps((200, 200, 800, 600))),
    ),
    Row(
        Cue.THINKING,
        lambda v, now: v.phase is Phase.THINKING,
        "the answer is on its way",
        Pattern(AMBER, Steps((350, 350)), Shape.CHASE),
    ),
    Row(Cue.SPEAKING, lambda v, now: v.phase is Phase.SPEAKING, "it speaks", Pattern(GREEN, Swell(1600))),
    Row(
        Cue.LIVE,
        lambda v, now: v.live and not v.muted,
        "hands-free: what is said here is sent",
        Pattern(DIM_CYAN, Steps((3000, 150))),
    ),
    Row(
        Cue.CONFIG_ERROR,
        lambda v, now: v.config_error,
        "new settings are wrong, the old ones are in force: see `harkd status`",
        Pattern(ORANGE, flashes(5)),
    ),
    Row(
        Cue.OFFLINE,
        lambda v, now: v.phase is Phase.OFFLINE,
        "no connection: it tries again by itself",
        Pattern(DIM_RED, Steps((300, 3700))),
    ),
    Row(Cue.CONNECTING, lambda v, now: v.phase is Phase.CONNECTING, WAIT, Pattern(DIM_BLUE, Swell(4000))),
    Row(Cue.TIMER, lambda v, now: v.timer_running, "a timer runs", Pattern(DIM_BLUE, Steps((100, 900)))),
    Row(Cue.IDLE, lambda v, now: True, "ready", Pattern(BLACK)),
)


@dataclass(frozen=True, slots=True)
class Showing:
    """What to show now; `until`: the monotonic time at which to look again, None if only a change asks."""

    cue: Cue
    pattern: Pattern
    until: float | None = None


def showing(view: BoxView, now: float) -> Showing:
    """The first row of the table that holds at monotonic time `now`."""
    row = next(row for row in TABLE if row.holds(view, now))
    if row.cue is Cue.VOLUME and (flash := view.volume_flash) is not None:
        return Showing(row.cue, replace(row.pattern, fill=flash.percent / 100), flash.until)
    return Showing(row.cue, row.pattern)
