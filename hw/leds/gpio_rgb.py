"""A lamp of three colours on three GPIO pins. Shell around `hw.leds.pins`."""

from __future__ import annotations

from collections.abc import Sequence

from hw.leds.colours import luminance, require_colours
from hw.leds.pins import PinLamps
from hw.ports import Colour


class GpioRgb:
    """The lamp at pins `red`, `green` and `blue`: BCM numbers or any names gpiozero knows.

    `common_anode`: the shared leg is at 3.3 V, and a pin pulled low makes its colour shine.
    """

    def __init__(
        self, red: int | str, green: int | str, blue: int | str, *, common_anode: bool = False
    ) -> None:
        self._pins = (red, green, blue)
        self._name = f"GPIO {red}, {green} and {blue}"
        self._common_anode = common_anode
        self._lamps: PinLamps | None = None

    @property
    def pixels(self) -> int:
        return 1

    @property
    def dims(self) -> bool:
        return True

    def start(self) -> None:
        if self._lamps is not None:
            raise RuntimeError(f"{self._name}: the light is started already")
        self._lamps = PinLamps(self._name, self._pins, active_high=not self._common_anode, pwm=True)

    def show(self, colours: Sequence[Colour]) -> None:
        if self._lamps is None:
            raise RuntimeError(f"{self._name}: the light is not started")
        require_colours(colours, 1)
        self._lamps.show([luminance(part) for part in colours[0]])

    def stop(self) -> None:
        lamps, self._lamps = self._lamps, None
        if lamps is not None:
            lamps.close()
