"""APA102 ("DotStar") and SK9822 lamps: what they are sent. Shell around `hw.leds.strip`."""

from __future__ import annotations

from collections.abc import Sequence

from hw.errors import DeviceError, Fault
from hw.leds.colours import lamp_byte
from hw.leds.spi import OpenSpi, open_spidev
from hw.leds.strip import SpiStrip
from hw.ports import Colour

MAX_CURRENT = 31
_START = bytes(4)


class Apa102(SpiStrip):
    """A row of `pixels` lamps, such as the three of a ReSpeaker 2-Mic HAT (`device` 1 there, or 0).

    `current`: the lamps' own limit, 1..31 in 31sts of their full current; bright ones want less at night.
    8 MHz is what the boards with such lamps use; a long wire wants less.
    """

    def __init__(
        self,
        *,
        pixels: int = 3,
        bus: int = 0,
        device: int = 0,
        current: int = MAX_CURRENT,
        speed_hz: int = 8_000_000,
        open_spi: OpenSpi = open_spidev,
    ) -> None:
        if not 1 <= current <= MAX_CURRENT:
            remedy = f"Name a number from 1 to {MAX_CURRENT}."
            raise DeviceError(Fault.UNSUPPORTED, "apa102", f"current = {current} is not possible", remedy)
        self._current = current
        super().__init__(
            "apa102", pixels, self._frame, bus=bus, device=device, speed_hz=speed_hz, open_spi=open_spi
        )

    def _frame(self, colours: Sequence[Colour]) -> bytes:
        """32 zero bits; per lamp 111, five bits of current, blue, green, red; then clock edges.

        Each lamp hands the data on half a clock late, so the last one needs half an edge per lamp more. The
        APA102 data sheet asks for 32 ones at the end; an SK9822 shows a frame only after 32 zeros, which an
        APA102 takes as well, and a lamp beyond `pixels` takes ones for white.
        """
        frame = bytearray(_START)
        for red, green, blue in colours:
            frame += bytes((0xE0 | self._current, lamp_byte(blue), lamp_byte(green), lamp_byte(red)))
        frame += bytes(4 + (len(colours) + 15) // 16)
        return bytes(frame)
