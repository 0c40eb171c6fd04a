"""A row of coloured lamps that hangs on an SPI bus. Shell around the bus."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from hw.errors import DeviceError, Fault
from hw.leds.colours import BLACK, require_colours
from hw.leds.spi import OpenSpi, SpiWriter
from hw.ports import Colour

MAX_PIXELS = 64
"""A frame of these takes 2 ms on the slower wire, while nothing else goes on; and 4 A, all of them white."""

Encode = Callable[[Sequence[Colour]], bytes]


class SpiStrip:
    """`pixels` lamps, all written at once: `encode` makes the bytes of a frame.

    Raises `DeviceError` UNSUPPORTED for a number of pixels that is not possible.
    """

    def __init__(
        self,
        name: str,
        pixels: int,
        encode: Encode,
        *,
        bus: int,
        device: int,
        speed_hz: int,
        open_spi: OpenSpi,
    ) -> None:
        self._name = f"{name} on spidev{bus}.{device}"
        if not 1 <= pixels <= MAX_PIXELS:
            remedy = f"Name a number from 1 to {MAX_PIXELS}."
            raise DeviceError(Fault.UNSUPPORTED, self._name, f"pixels = {pixels} is not possible", remedy)
        self._pixels = pixels
        self._encode = encode
        self._open: Callable[[], SpiWriter] = partial(open_spi, bus, device, speed_hz)
        self._spi: SpiWriter | None = None

    @property
    def pixels(self) -> int:
        return self._pixels

    @property
    def dims(self) -> bool:
        return True

    def start(self) -> None:
        if self._spi is not None:
            raise RuntimeError(f"{self._name}: the light is started already")
        self._spi = self._open()
        try:
            self.show([BLACK] * self._pixels)  # they go on shining when their writer has gone
        except DeviceError:
            self.stop()
            raise

    def show(self, colours: Sequence[Colour]) -> None:
        if self._spi is None:
            raise RuntimeError(f"{self._name}: the light is not started")
        require_colours(colours, self._pixels)
        try:
            self._spi.write(self._encode(colours))
        except OSError as error:
            raise DeviceError(Fault.LOST, self._name, f"it cannot be written to ({error})") from error

    def stop(self) -> None:
        spi, self._spi = self._spi, None
        if spi is None:
            return
        with contextlib.suppress(OSError):  # it has gone, and may be dark already
            spi.write(self._encode([BLACK] * self._pixels))
        with contextlib.suppress(OSError):
            spi.close()
