"""A push button or switch on a GPIO pin. Shell around gpiozero and a thread that looks at the level again."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from hw.audio.callbacks import guarded_on_edge
from hw.buttons.debounce import Debouncer
from hw.errors import DeviceError
from hw.gpio_library import pins_opened, pins_used
from hw.ports import OnEdge

if TYPE_CHECKING:
    import gpiozero

_log = logging.getLogger(__name__)


class GpioButton:
    """The button at `pin`, a BCM number or any name gpiozero knows ("GPIO17", "BOARD11").

    `active_high`: pressed connects the pin to 3.3 V instead of ground. `pull`: use the chip's own resistor to
    the opposite level; off for boards that bring their own. `recheck_ms`: how often the level is read again
    while it is pressed, in case the edge of the release was lost; a switch that stays on for days needs it
    less often than a button.

    gpiozero's `bounce_time` is not used: with lgpio it delays every edge, with other libraries it loses the
    release of a short press. What counts is when an edge was made, however late we hear of it. A button held
    down when started is not reported until it is released; one whose chip goes while it is down is released.
    """

    def __init__(
        self, pin: int | str, *, active_high: bool = False, pull: bool = True, recheck_ms: int = 100
    ) -> None:
        self._pin = pin
        self._name = f"GPIO {pin}"
        self._active_high = active_high
        self._pull = pull
        self._recheck_s = recheck_ms / 1000
        self._device: gpiozero.InputDevice | None = None
        self._on_edge: OnEdge | None = None
        self._debouncer = Debouncer(pressed=False)
        # One edge at a time, from gpiozero's thread or ours; re-entered when `on_edge` calls `stop`.
        self._edges = threading.Condition(threading.RLock())

    def start(self, on_edge: OnEdge) -> None:
        if self._device is not None:
            raise RuntimeError(f"{self._name}: the button is started already")
        device = self._open()
        try:
            with self._edges:
                self._debouncer = Debouncer(self._read(device), recheck_s=self._recheck_s)
                self._debouncer.begin(time.monotonic())
                self._on_edge = guarded_on_edge(on_edge, self._name)
                self._device = device
        except DeviceError:
            device.close()
            raise
        name = f"button-{self._pin}"
        threading.Thread(target=self._watch, args=(device,), name=name, daemon=True).start()

    def stop(self) -> None:
        with self._edges:
            device, self._device = self._device, None
            self._on_edge = None
            # The watcher ends by itself; waiting for it would deadlock a `stop` from within `on_edge`.
            self._edges.notify_all()
        if device is not None:
            device.close()

    def is_pressed(self) -> bool:
        """Raises `DeviceError`: LOST."""
        with self._edges:
            return self._device is not None and self._read(self._device)

    def _read(self, device: gpiozero.InputDevice) -> bool:
        with pins_used(self._name, ""):
            return bool(device.is_active)

    def _open(self) -> gpiozero.InputDevice:
        pull_up = None if not self._pull else not self._active_high
        active_state = self._active_high if not self._pull else None
        # Such as a pull on a pin whose resistor is fixed.
        with pins_opened(self._name, "button", "Try pull = false, or another pin.") as (gpiozero, factory):
            # Not its Button: the hold thread makes closing wait for a second while the button is down. Nor
            # its DigitalInputDevice: after a release whose edge was lost it keeps the next press to itself.
            device = gpiozero.InputDevice(
                self._pin, pull_up=pull_up, active_state=active_state, pin_factory=factory
            )
            try:
                device.pin.bounce = None
                device.pin.edges = "both"
                device.pin.when_changed = self._changed
            except BaseException:
                device.close()
                raise
        return device

    def _changed(self, ticks: float, level: int) -> None:
        with self._edges:
            if self._device is not None:
                factory = self._device.pin_factory
                made_at = time.monotonic() - factory.ticks_diff(factory.ticks(), ticks)
                self._report(self._debouncer.edge(bool(level) == self._active_high, made_at))
                self._edges.notify_all()

    def _watch(self, device: gpiozero.InputDevice) -> None:
        with self._edges:
            while device is self._device:
                deadline = self._debouncer.next_deadline()
                self._edges.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
                if device is not self._device or deadline is None or time.monotonic() < deadline:
                    continue
                try:
                    pressed = self._read(device)
                except DeviceError as error:
                    _log.error("%s", error)
                    self._report(False if self._debouncer.pressed else None)
                    return
                # As of when it was due, which may be long ago: edges that were made since are yet to be told.
                self._report(self._debouncer.settle(pressed, deadline))

    def _report(self, edge: bool | None) -> None:
        if edge is not None and self._on_edge is not None:
            self._on_edge(edge)
