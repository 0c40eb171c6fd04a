"""A single lamp on a GPIO pin. Shell around `hw.leds.pins`."""

from __future__ import annotations

from collections.abc import Sequence

from hw.leds.colours import luminance, require_colours
from hw.leds.pins import PinLamps
from hw.ports import Colour


class GpioLed:
    """The lamp at `pin`, a BCM number or any name gpiozero knows ("GPIO18", "BOARD12").

    `active_high`: it shines when the pin is at 3.3 V; false for a lamp between 3.3 V and the pin. `pwm`: it
    dims, by pulses that software makes; see `PinLamps` for what that costs. Not for a relay.
    """

    def __init__(self, pin: int | str, *, active_high: bool = True, pwm: bool = False) -> None:
        self._pin = pin
        self._name = f"GPIO {pin}"
        self._active_high = active_high
        self._pwm = pwm
        self._lamps: PinLamps | None = None

    @property
    def pixels(self) -> int:
        return 1

    @property
    def dims(self) -> bool:
        return self._pwm

    def start(self) -> None:
        if self._lamps is not None:
            raise RuntimeError(f"{self._name}: the light is started already")
        self._lamps = PinLamps(self._name, [self._pin], active_high=self._active_high, pwm=self._pwm)

    def show(self, colours: Sequence[Colour]) -> None:
        if self._lamps is None:
            raise RuntimeError(f"{self._name}: the light is not started")
        require_colours(colours, 1)
        self._lamps.show([luminance(max(colours[0]))])

    def stop(self) -> None:
        lamps, self._lamps = self._lamps, None
        if lamps is not None:
            lamps.close()
