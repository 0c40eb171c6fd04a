"""WS2812 ("NeoPixel") lamps on an SPI bus: what they are sent. Shell around `hw.leds.strip`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from hw.leds.colours import lamp_byte
from hw.leds.spi import OpenSpi, open_spidev
from hw.leds.strip import SpiStrip
from hw.ports import Colour

SPEED_HZ = 2_400_000
"""Three bits of the bus are 1.25 µs, one bit of the lamps: high for 0.42 µs is a 0, for 0.83 µs a 1.

The data sheet wants 0.4 and 0.8 µs, each within 0.15 µs: a bus that divides its clock to
anything from 2.1 to 2.8 MHz will do.
"""

_LEAD_IN = bytes(3)
"""The wire may rest high: low first, or the first bit is a part of that."""

_LATCH = bytes(96)
"""Low for 320 µs: newer lamps want 280 to show what they got. 96 bytes are also where the Raspberry Pi's bus
begins to use DMA, without which there are gaps between bytes."""


class Ws2812(SpiStrip):
    """A row of `pixels` lamps whose data wire is MOSI (GPIO 10 for bus 0); nothing else can use that bus.

    Works without the PWM and DMA hardware that a Raspberry Pi 5 has no more. A board whose core clock varies
    (3, 4, Zero 2) wants `core_freq=250` or `core_freq_min=500` in /boot/firmware/config.txt.
    """

    def __init__(
        self, *, pixels: int = 12, bus: int = 0, device: int = 0, open_spi: OpenSpi = open_spidev
    ) -> None:
        super().__init__(
            "ws2812", pixels, ws2812_frame, bus=bus, device=device, speed_hz=SPEED_HZ, open_spi=open_spi
        )


def ws2812_frame(colours: Sequence[Colour]) -> bytes:
    """Per lamp green, red, blue; the highest bit first, each as three bits of the bus: 110 or 100."""
    frame = bytearray(_LEAD_IN)
    for red, green, blue in colours:
        for part in (green, red, blue):
            frame += _stretched(lamp_byte(part))
    return bytes(frame + _LATCH)


@cache
def _stretched(byte: int) -> bytes:
    bits = 0
    for position in range(7, -1, -1):
        bits = bits << 3 | (0b110 if byte >> position & 1 else 0b100)
    return bits.to_bytes(3, "big")
