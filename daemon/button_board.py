"""All buttons and switches of the box: edges from their threads, wishes on the loop.

Shell around devices, `call_soon_threadsafe` and one timer of the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Protocol

from daemon.bindings import Act, Bindings, Panel, Stuck, SwitchTurned, Talk, TalkPressed, Wish
from daemon.bridge import call_soon
from daemon.gestures import GestureSettings

RECHECK_S = 0.1
"""How often the level of a pressed button is read again: a release is late by this much at most, not lost."""


class Contact(Protocol):
    """A button's or switch's driver; of `hw.ports.Button` what is needed here."""

    def start(self, on_edge: Callable[[bool], None]) -> None: ...
    def stop(self) -> None: ...
    def is_pressed(self) -> bool: ...


class ButtonBoard:
    """The buttons and switches of one box, by name. Made, started and stopped on the loop's thread.

    Every switch mutes. One that cannot be read counts as on: a microphone that its owner cannot shut must not
    be open. Switches are read again at every press to talk, so that not even a lost edge can leave it open.

    Bound of the edges under way: contacts are debounced by their drivers, so a finger makes no more than
    about a hundred a second; a loop that stood still gets all of them, each with the time it was made.
    """

    def __init__(
        self,
        buttons: Mapping[str, tuple[Contact, Bindings]],
        switches: Mapping[str, Contact],
        settings: GestureSettings,
        *,
        on_talk: Callable[[Talk], object],
        act: Callable[[Act], object],
        on_switch: Callable[[str, bool], object],
        on_trouble: Callable[[str, str], object],
        device_error: type[Exception],
    ) -> None:
        """`on_talk` is told who takes the floor and gives it back, `act` what else is wished, `on_switch`
        where a switch stands from now on: on the loop's thread, in order.

        `on_trouble` takes the name of a contact and a sentence for the owner. `device_error` is what a
        contact raises that cannot be started: it is left out and told of once, since pins do not come back.
        """
        self._loop = asyncio.get_running_loop()
        self._panel = Panel({name: bound for name, (_, bound) in buttons.items()}, switches, settings)
        self._switches = dict(switches)
        # Switches first: where they stand is known before anybody can speak.
        self._contacts = self._switches | {name: contact for name, (contact, _) in buttons.items()}
        self._started: dict[str, Contact] = {}
        self._failed: dict[str, str] = {}  # why a contact is left out
        self._stuck_s = settings.stuck_s
        self._on_talk = on_talk
        self._act = act
        self._on_switch = on_switch
        self._on_trouble = on_trouble
        self._device_error = device_error
        self._look_due: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to listen. Where switches stand is known when this returns, and not told to `on_switch`."""
        for name, contact in self._contacts.items():
            try:
                contact.start(self._listener(name))
            except self._device_error as error:
                self._failed[name] = self._left_out(name, error)
                self._on_trouble(name, self._failed[name])
                continue
            self._started[name] = contact
            pressed = contact.is_pressed()
            self._panel.begin(name, pressed)
            if pressed and name not in self._switches:
                self._on_trouble(name, _down_at_start(name))
        self._rearm()

    def stop(self) -> None:
        """Let go of all contacts; nothing is told any more. Harmless when not started."""
        started, self._started = self._started, {}
        self._failed.clear()
        if self._timer is not None:
            self._timer.cancel()
        with ExitStack() as stack:
            for contact in started.values():
                stack.callback(contact.stop)

    def switch_on(self, name: str) -> bool:
        """Where a switch stands, read from the device now; True for one that cannot be read.

        Raises `KeyError` for a name that is no switch.
        """
        self._look(name)
        return self._panel.switch_on(name) or name in self._failed

    def mute_reason(self) -> str | None:
        """Why the microphone must stay closed whatever software wants: a sentence, or None."""
        for name in self._switches:
            if self.switch_on(name):
                on = f"the mute switch {name!r} is on: only a hand on the box can open the microphone"
                return self._failed.get(name, on)
        return None

    # ---- from the contacts' threads --------------------------------------------------

    def _listener(self, name: str) -> Callable[[bool], None]:
        def on_edge(pressed: bool) -> None:
            call_soon(self._loop, self._edge, name, pressed, self._loop.time())

        return on_edge

    # ---- on the loop's thread --------------------------------------------------------

    def _edge(self, name: str, pressed: bool, at: float) -> None:
        if name in self._started:
            self._carry_out(self._panel.level(name, pressed, at))

    def _wake(self) -> None:
        self._look_due = None
        for name in self._panel.unsettled:
            self._look(name)
        self._carry_out(self._panel.tick(self._loop.time()))

    def _look(self, name: str) -> None:
        """Read a level again, in case an edge was lost."""
        if (contact := self._started.get(name)) is None:
            return
        try:
            pressed = contact.is_pressed()
        except self._device_error as error:
            pressed = name in self._switches
            self._lose(name, contact, error)
        self._carry_out(self._panel.level(name, pressed, self._loop.time()))

    def _lose(self, name: str, contact: Contact, error: Exception) -> None:
        """It has gone: from now on as one that could not be started."""
        del self._started[name]
        contact.stop()
        self._failed[name] = self._left_out(name, error)
        self._on_trouble(name, self._failed[name])

    def _carry_out(self, wishes: list[Wish]) -> None:
        try:
            for wish in wishes:
                self._grant(wish)
        finally:  # whatever those who are told may raise: the release must be heard
            self._rearm()

    def _grant(self, wish: Wish) -> None:
        match wish:
            case Act():
                self._act(wish)
            case Stuck(button):
                self._on_trouble(button, _stuck(button, self._stuck_s))
            case SwitchTurned(switch, on):
                self._on_switch(switch, on)
            case TalkPressed():
                for name in self._switches:
                    self._look(name)
                self._on_talk(wish)
            case _:
                self._on_talk(wish)

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._started:
            return
        if not self._panel.unsettled:
            self._look_due = None
        elif self._look_due is None:
            self._look_due = self._loop.time() + RECHECK_S
        deadlines = (self._panel.next_deadline(), self._look_due)
        due = min((due for due in deadlines if due is not None), default=None)
        if due is not None:
            self._timer = self._loop.call_at(due, self._wake)

    def _left_out(self, name: str, error: Exception) -> str:
        if name in self._switches:
            return f"the mute switch {name!r} cannot be read, so the microphone stays closed: {error}"
        return f"the button {name!r} does not work: {error}"


def _down_at_start(name: str) -> str:
    return (
        f"the button {name!r} is down already and ignored until it has been up; if nobody holds it, "
        "look at its wiring, and at active_high and pull in the configuration"
    )


def _stuck(name: str, stuck_s: float) -> str:
    return f"the button {name!r} was down for {stuck_s:g} s: it is taken to be stuck until it has been up"
