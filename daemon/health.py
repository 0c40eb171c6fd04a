"""Whether the box can hear and be heard, and which device calls keep it so. Pure.

How a port's state moves is in `TABLE`; a signal without a row changes nothing. What is seen of a device means
which signal, and when it is opened and closed, is `DeviceHealth`'s business.
"""

from __future__ import annotations

from enum import Enum, auto

from daemon.records import dataclass

LOOK_S = 0.25
"""An open device is looked at this often; with the limits below, every trouble is known within a second."""

SOON_S = 0.05
"""How soon to look again while something waits for a device's next period."""

WEDGED_AFTER_S = 0.6
"""No period for so long, and no error: more than a busy board is ever late (tens of milliseconds)."""

LATE_S = 2 * LOOK_S
"""A look so long after the one before says that this process stood still, perhaps with the devices' threads:
what was not seen meanwhile proves nothing."""

FIRST_PERIOD_S = 1.0
"""As much after opening: sound servers take a few hundred milliseconds to begin."""

FRESH_S = 0.2
"""A device whose last period is older is not closed: it may be wedged, and then closing it hangs for ever."""

CALL_S = 3.0
"""An open or close that takes longer hangs; 0.02 to 0.1 s are usual, headsets without wires take seconds."""

UNHEALTHY_AFTER_S = 3.0
"""How long a device may be wedged before only a new process helps: most come back by themselves sooner."""

SILENT_AFTER_S = 0.75
"""Exact zeros for so long are no quiet room: every converter makes noise."""

SILENT_REOPEN_S = 5.0
"""A device silent for so long is reopened, which helps some of them."""

SILENT_AGAIN_S = 60.0
"""At most this often: others are muted by a switch, or gate what is no speech."""

RETRY_S = (0.0, 0.25, 0.5, 0.7)
"""Before the first, second ... attempt to reopen; the last one for ever: back within 3 s of its return."""

RETRY_UNPROMPTED_S = 2.0
"""Instead of the last one, where the kernel tells of every plug and has told of none in the last `KEEN_S`.

With no device open an attempt lists them all: 0.02 s of work here, more on a small board.
"""

CARDS_S = 0.5
"""How often to look whether the kernel tells of one, while a device is wanted that is not open."""

RESCAN_S = 0.6
"""How old the driver's list of devices may be before the other device is reopened just to renew it."""

RESCAN_IN_USE_S = 1.5
"""The same while somebody listens to the other device, or speaks into it: a gap of 0.1 s will be heard."""

RESCAN_UNPROMPTED_S = 10.0
RESCAN_UNPROMPTED_IN_USE_S = 30.0
"""The same where the kernel tells of every plug and has told of none in the last `KEEN_S`."""

KEEN_S = 5.0
"""After a plug: until the device has its name, its owner and its mode, and can be listed."""


class Port(Enum):
    """The value is the word for a person."""

    MICROPHONE = "microphone"
    SPEAKER = "loudspeaker"


class PortState(Enum):
    CLOSED = "closed"  # nobody wants it open
    OPENING = "opening"
    WORKING = "working"
    SILENT = "silent"  # the microphone delivers, but only zeros
    LOST = "lost"  # not there, or it does not open
    BUSY = "busy"  # another program has it
    WEDGED = "wedged"  # open without periods or error, or a call that hangs: never closed from here


class OpenFailure(Enum):
    """Why a device did not open, as far as it matters here."""

    AWAY = auto()  # not listed, gone, or it cannot be opened: a new list of devices may help
    BUSY = auto()


class Signal(Enum):
    WANTED = auto()
    PERIODS = auto()  # they come
    ZEROS = auto()  # they come, and have held nothing else for too long
    GONE = auto()
    TAKEN = auto()  # by another program
    STUCK = auto()
    SHUT = auto()  # closed, and nobody wants it open


TABLE: dict[PortState, dict[Signal, PortState]] = {
    PortState.CLOSED: {Signal.WANTED: PortState.OPENING},
    PortState.OPENING: {
        Signal.PERIODS: PortState.WORKING,
        Signal.ZEROS: PortState.SILENT,
        Signal.GONE: PortState.LOST,
        Signal.TAKEN: PortState.BUSY,
        Signal.STUCK: PortState.WEDGED,
        Signal.SHUT: PortState.CLOSED,
    },
    PortState.WORKING: {
        Signal.ZEROS: PortState.SILENT,
        Signal.GONE: PortState.LOST,
        Signal.TAKEN: PortState.BUSY,  # while it was reopened
        Signal.STUCK: PortState.WEDGED,
        Signal.SHUT: PortState.CLOSED,
    },
    PortState.SILENT: {
        Signal.PERIODS: PortState.WORKING,
        Signal.GONE: PortState.LOST,
        Signal.TAKEN: PortState.BUSY,
        Signal.STUCK: PortState.WEDGED,
        Signal.SHUT: PortState.CLOSED,
    },
    PortState.LOST: {
        Signal.PERIODS: PortState.WORKING,
        Signal.ZEROS: PortState.SILENT,
        Signal.TAKEN: PortState.BUSY,
        Signal.STUCK: PortState.WEDGED,
        Signal.SHUT: PortState.CLOSED,
    },
    PortState.BUSY: {
        Signal.PERIODS: PortState.WORKING,
        Signal.ZEROS: PortState.SILENT,
        Signal.GONE: PortState.LOST,
        Signal.STUCK: PortState.WEDGED,
        Signal.SHUT: PortState.CLOSED,
    },
    PortState.WEDGED: {
        Signal.PERIODS: PortState.WORKING,
        Signal.ZEROS: PortState.SILENT,
        Signal.GONE: PortState.LOST,
        Signal.TAKEN: PortState.BUSY,
        Signal.SHUT: PortState.CLOSED,
    },
}

FAILED = (PortState.LOST, PortState.BUSY, PortState.WEDGED)
"""What a port that should be open is not in for long without its owner being told."""


@dataclass(frozen=True, slots=True)
class Open:
    """Answer with `opened` or `open_failed`."""

    port: Port


@dataclass(frozen=True, slots=True)
class Close:
    """Answer with `closed`."""

    port: Port


@dataclass(frozen=True, slots=True)
class Changed:
    """`reason` is a sentence for the owner, "" for what is as it should be."""

    port: Port
    state: PortState
    reason: str


Command = Open | Close | Changed


@dataclass(slots=True)
class PortHealth:
    """What is known of one port. Read it; `DeviceHealth` writes it."""

    port: Port
    state: PortState = PortState.CLOSED
    reason: str = ""
    since: float = 0.0
    wanted: bool = False
    held: bool = False  # opened, and not closed since
    reopened: int = 0  # times it was opened again without anybody having wanted it closed
    running: bool = False
    opened_at: float = 0.0
    last_period_at: float | None = None
    zeros_since: float | None = None
    missed: bool = False  # the last attempt ended with AWAY
    retries: int = 0
    retry_at: float = 0.0
    renewing: bool = False  # closed only to be opened again
    silence_ended_at: float = float("-inf")  # the last reopening of a silent one


class DeviceHealth:
    """The decisions about both ports: one call to a device at a time, whatever is wanted or breaks meanwhile.

    Tell it what is wanted, what is seen and how calls end, then ask `step` what to do; call that again at
    `next_deadline` too. A port is closed only when nobody wants it, when it has gone, when it is silent, or
    to renew the driver's list of devices, which lives as long as one device is open: what was plugged in
    meanwhile is not on it.
    """

    def __init__(self, *, watch_periods: bool = True, watch_silence: bool = True) -> None:
        """`watch_periods`: off for devices that pass periods only when they are told to.

        `watch_silence`: off for a microphone whose zeros mean nothing, such as a file.
        """
        self._watch_periods = watch_periods
        self._watch_silence = watch_silence
        self._ports = {port: PortHealth(port) for port in Port}
        self._call: Open | Close | None = None
        self._call_since = 0.0
        self._call_hangs = False
        self._looked_at = float("-inf")
        self._late_look_at = float("-inf")
        self._listed_at = float("-inf")
        self._cards: int | None = None
        self._cards_changed_at = float("-inf")
        self._cards_seen_at = float("-inf")
        self._list_outdated = False
        self._commands: list[Command] = []

    def __getitem__(self, port: Port) -> PortHealth:
        return self._ports[port]

    # ---- what happens ----------------------------------------------------

    def want(self, port: Port, on: bool, now: float) -> None:
        """Open it and keep it open, or close it and leave it closed."""
        about = self._ports[port]
        if on and not about.wanted:
            about.missed, about.retries, about.retry_at = False, 0, now
        about.wanted = on

    def look(
        self,
        port: Port,
        now: float,
        *,
        running: bool,
        last_period_at: float | None,
        zeros_since: float | None,
    ) -> None:
        """An open port was looked at.

        `last_period_at`: when it last passed a period since it was opened, None for never; `zeros_since`:
        when the first of the periods came that have held nothing but zeros, None if the last held something.
        """
        about = self._ports[port]
        about.running, about.last_period_at, about.zeros_since = running, last_period_at, zeros_since
        if now - self._looked_at > LATE_S:
            self._late_look_at = now
        self._looked_at = now

    def looks_at(self, port: Port) -> bool:
        """It is open, and nobody is just closing it."""
        return self._ports[port].held and not self.calls(port)

    def cards(self, fingerprint: int | None, now: float) -> None:
        """What tells that the machine's sound cards are others than before; None where nothing does.

        Matters while `seeking`: say it before `step` then.
        """
        self._cards_seen_at = now
        if fingerprint == self._cards:
            return
        self._cards = fingerprint
        self._cards_changed_at = now
        self._list_outdated = True
        for about in self._ports.values():
            if about.wanted and not about.held:
                about.retries, about.retry_at = 1, now

    @property
    def seeking(self) -> bool:
        """A port is wanted and not open."""
        return any(about.wanted and not about.held for about in self._ports.values())

    def opened(self, port: Port, now: float) -> None:
        about = self._ports[port]
        about.held = about.running = True
        about.opened_at, about.last_period_at, about.zeros_since = now, None, None
        self._looked_at = now
        about.missed = about.renewing = False
        about.reopened += about.state is not PortState.OPENING
        self._ended()

    def open_failed(self, port: Port, failure: OpenFailure, reason: str, now: float) -> None:
        about = self._ports[port]
        about.renewing = False
        about.missed = failure is OpenFailure.AWAY
        about.retries = min(about.retries + 1, len(RETRY_S) - 1)
        last = about.retries == len(RETRY_S) - 1
        about.retry_at = now + (
            RETRY_UNPROMPTED_S if last and not self._keen(now) else RETRY_S[about.retries]
        )
        self._ended()
        self._move(about, Signal.GONE if failure is OpenFailure.AWAY else Signal.TAKEN, reason, now)
        about.reason = reason  # also when it is in the same state for another reason now

    def closed(self, port: Port, now: float) -> None:
        about = self._ports[port]
        about.held = about.running = False
        about.retry_at = now + (0.0 if about.renewing else RETRY_S[about.retries])
        self._ended()
        if about.wanted and about.state is PortState.WEDGED:  # a call that hung, and came back after all
            self._move(about, Signal.GONE, f"the {port.value} had to be closed", now)

    # ---- what to do ------------------------------------------------------

    def step(self, now: float, in_use: bool) -> list[Command]:
        """What to do now: at most one `Open` or `Close`, and none while one is under way.

        `in_use`: an answer is playing or a person is speaking, so a gap would be heard.
        """
        for about in self._ports.values():
            self._judge(about, now)
        if self._call is None:
            self._begin(self._next_call(now, in_use), now)
        commands, self._commands = self._commands, []
        return commands

    def next_deadline(self) -> float | None:
        """When `step` is due, or None."""
        due = [self._next_look(about) for about in self._ports.values() if self.looks_at(about.port)]
        if self._call is not None:
            if not self._call_hangs:
                due.append(self._call_since + CALL_S)
        elif self.seeking:
            tries = [about.retry_at for about in self._ports.values() if about.wanted and not about.held]
            if self._cards is not None:
                tries.append(self._cards_seen_at + CARDS_S)
            due.append(max(min(tries), self._looked_at + SOON_S))
        return min(due, default=None)

    def healthy(self, now: float) -> bool:
        """False when only a new process helps: a port has been wedged for `UNHEALTHY_AFTER_S`."""
        return not any(
            about.state is PortState.WEDGED and now - about.since >= UNHEALTHY_AFTER_S
            for about in self._ports.values()
        )

    def settled(self, port: Port) -> bool:
        """As it is wanted, or known not to be for now."""
        about = self._ports[port]
        if self._call_hangs:
            return True
        if self.calls(port):
            return False
        return about.held == about.wanted or about.state in (FAILED if about.wanted else (PortState.WEDGED,))

    def obstacle(self, port: Port) -> str:
        """Why it is not as it is wanted; "" if it is, or nothing is known against it."""
        about = self._ports[port]
        if self._call is not None and self._call_hangs:
            return self._ports[self._call.port].reason
        return "" if about.held == about.wanted else about.reason

    def calls(self, port: Port) -> bool:
        """It is being opened or closed."""
        return self._call is not None and self._call.port is port

    # ---- judging ---------------------------------------------------------

    def _judge(self, about: PortHealth, now: float) -> None:
        if self.calls(about.port):
            if now >= self._call_since + CALL_S and not self._call_hangs:
                self._call_hangs = True
                doing = "opening" if isinstance(self._call, Open) else "closing"
                self._move(about, Signal.STUCK, f"{doing} the {about.port.value} hangs", now)
        elif not about.held:
            self._move(about, Signal.WANTED if about.wanted else Signal.SHUT, "", now)
        elif not about.running:
            if about.wanted or about.state is PortState.WEDGED:
                gone = f"the {about.port.value} has gone: it was unplugged, or its driver failed"
                self._move(about, Signal.GONE, gone, now)
        else:
            self._judge_periods(about, now)

    def _judge_periods(self, about: PortHealth, now: float) -> None:
        if not self._watch_periods:
            self._move(about, Signal.PERIODS, "", now)
            return
        last, limit_s = about.last_period_at, WEDGED_AFTER_S
        if last is None:
            last, limit_s = about.opened_at, FIRST_PERIOD_S
        if now - max(last, self._late_look_at) >= limit_s:
            passes = "delivers nothing" if about.port is Port.MICROPHONE else "takes no sound"
            stuck = f"the {about.port.value} is open, but {passes} and reports no error"
            self._move(about, Signal.STUCK, stuck, now)
        elif about.last_period_at is not None:
            self._judge_sound(about, now)

    def _judge_sound(self, about: PortHealth, now: float) -> None:
        if about.zeros_since is None or not self._watch_silence:
            self._move(about, Signal.PERIODS, "", now)
        elif now - about.zeros_since >= SILENT_AFTER_S:
            hush = f"the {about.port.value} delivers only zeros: look for a mute switch on it, and its plug"
            self._move(about, Signal.ZEROS, hush, now)
        elif about.state is not PortState.SILENT:  # of a silent one zeros prove nothing
            self._move(about, Signal.PERIODS, "", now)

    def _move(self, about: PortHealth, signal: Signal, reason: str, now: float) -> None:
        state = TABLE[about.state].get(signal)
        if state is None:
            return
        about.state, about.reason, about.since = state, reason, now
        if state is PortState.WORKING:
            about.retries = 0
        self._commands.append(Changed(about.port, state, reason))

    # ---- device calls ----------------------------------------------------

    def _next_call(self, now: float, in_use: bool) -> Open | Close | None:
        for about in self._ports.values():
            if about.held and self._should_close(about, now) and self._may_close(about, now):
                return Close(about.port)
        # whoever was closed for another one's sake comes first
        for about in sorted(self._ports.values(), key=lambda about: not about.renewing):
            if about.wanted and not about.held and now >= about.retry_at:
                call = self._open_call(about, now, in_use)
                if call is not None:
                    return call
        return None

    def _should_close(self, about: PortHealth, now: float) -> bool:
        if not about.wanted or not about.running:
            return True
        reopen_at = max(about.since + SILENT_REOPEN_S, about.silence_ended_at + SILENT_AGAIN_S)
        return about.state is PortState.SILENT and now >= reopen_at

    def _may_close(self, about: PortHealth, now: float) -> bool:
        """It is not wedged, as far as can be known."""
        if not about.running or not self._watch_periods:
            return True
        return about.last_period_at is not None and now - about.last_period_at <= FRESH_S

    def _open_call(self, about: PortHealth, now: float, in_use: bool) -> Open | Close | None:
        """Open it; before, if its place on the list of devices is in doubt, close the other one for a new
        list.
        """
        other = self._ports[Port.SPEAKER if about.port is Port.MICROPHONE else Port.MICROPHONE]
        if not other.held or other.state is PortState.WEDGED:
            return Open(about.port)
        if self._list_outdated:  # the same place may be another device by now
            patient = in_use and about.state is not PortState.OPENING  # a first opening is waited for
            if now < self._cards_changed_at + (RESCAN_IN_USE_S if patient else 0.0):
                return None
        elif not about.missed or now < self._listed_at + self._rescan_s(now, in_use):
            return Open(about.port)
        return Close(other.port) if self._may_close(other, now) else None

    def _rescan_s(self, now: float, in_use: bool) -> float:
        if self._keen(now):
            return RESCAN_IN_USE_S if in_use else RESCAN_S
        return RESCAN_UNPROMPTED_IN_USE_S if in_use else RESCAN_UNPROMPTED_S

    def _keen(self, now: float) -> bool:
        """A device may come back at any moment, and nothing else will tell."""
        return self._cards is None or now < self._cards_changed_at + KEEN_S

    def _begin(self, call: Open | Close | None, now: float) -> None:
        if call is None:
            return
        about = self._ports[call.port]
        if isinstance(call, Close):
            about.renewing = about.wanted and about.running
            if about.state is PortState.SILENT:
                about.silence_ended_at = now
        elif not any(other.held for other in self._ports.values()):
            self._listed_at, self._list_outdated = now, False
        self._call, self._call_since, self._call_hangs = call, now, False
        self._commands.append(call)

    def _ended(self) -> None:
        self._call, self._call_hangs = None, False

    def _next_look(self, about: PortHealth) -> float:
        waits = not about.wanted or (about.last_period_at is None and self._watch_periods)
        soon = waits and about.state is not PortState.WEDGED
        return self._looked_at + (SOON_S if soon else LOOK_S)
