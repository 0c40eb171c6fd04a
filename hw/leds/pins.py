"""Lamps on GPIO pins, each at a share of its full light. Shell around gpiozero."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from hw.errors import DeviceError
from hw.gpio_library import pins_opened, pins_used

if TYPE_CHECKING:
    import gpiozero

PULSES_HZ = 100
"""gpiozero's own choice: the eye sees a steady light."""

FAINTEST = 0.01
"""gpiozero's own pins hand lgpio whole percents, rounded down: less would be dark."""

_REMEDY = "Try pwm = false, or another pin."


class PinLamps:
    """One lamp per pin, all dark at first. `pins` are BCM numbers or names gpiozero knows ("GPIO18").

    `active_high`: the lamp shines when its pin is at 3.3 V. `pwm`: shares between 0 and 1 are possible, by
    pulses; otherwise any share above 0 is all of it. A pin that is dark or full is not pulsed: lgpio's thread
    wakes up 100 times a second for each that is, and 50 times a second for ever once one was. Freeing the
    line does not help: the thread begins when lgpio opens a chip, and has no end (lgPthTx.c).

    Raises `DeviceError` when a pin cannot be had; then none is held.
    """

    def __init__(self, name: str, pins: Sequence[int | str], *, active_high: bool, pwm: bool) -> None:
        self._name = name
        self._pwm = pwm
        self._lamps: list[gpiozero.PWMOutputDevice] = []
        with ExitStack() as undo, pins_opened(name, "light", _REMEDY) as (gpiozero, factory):
            for pin in pins:
                # Without a frequency it is not pulsed, and takes 0 and 1 only.
                lamp = gpiozero.PWMOutputDevice(
                    pin, active_high=active_high, frequency=None, pin_factory=factory
                )
                undo.callback(lamp.close)
                self._lamps.append(lamp)
            self._undo = undo.pop_all()

    def show(self, shares: Sequence[float]) -> None:
        """One share of full light per lamp, 0..1. Raises `DeviceError`: LOST, UNSUPPORTED."""
        with pins_used(self._name, _REMEDY):
            for lamp, share in zip(self._lamps, shares, strict=True):
                if self._pwm and 0 < share < 1:
                    _pulse(lamp, PULSES_HZ)
                    lamp.value = max(FAINTEST, share)
                else:
                    _pulse(lamp, None)
                    lamp.value = 1 if share else 0

    def close(self) -> None:
        """Dark, and the pins are free again. A device that has gone is left as it is."""
        with suppress(DeviceError), pins_used(self._name, _REMEDY):
            self._undo.close()


def _pulse(lamp: gpiozero.PWMOutputDevice, frequency_hz: int | None) -> None:
    if lamp.frequency != frequency_hz:
        lamp.frequency = frequency_hz
