"""What lamps on an SPI bus are sent, byte by byte."""

from __future__ import annotations

import pytest

from hw.errors import DeviceError, Fault
from hw.leds.apa102 import Apa102
from hw.leds.spi import SpiWriter
from hw.leds.ws2812 import Ws2812
from hw.ports import Colour

BLACK: Colour = (0, 0, 0)


class Wire:
    """An SPI bus that takes down what it is asked to do."""

    def __init__(self) -> None:
        self.opened: list[tuple[int, int, int]] = []
        self.sent: list[str] = []
        self.error: OSError | None = None

    def open(self, bus: int, device: int, speed_hz: int) -> SpiWriter:
        self.opened.append((bus, device, speed_hz))
        return self

    def write(self, data: bytes) -> None:
        if self.error:
            raise self.error
        self.sent.append(data.hex())

    def close(self) -> None:
        self.sent.append("closed")


def test_apa102_frame_is_start_then_current_blue_green_red_then_end() -> None:
    wire = Wire()
    light = Apa102(pixels=3, open_spi=wire.open)
    light.start()
    light.show([(255, 0, 1), BLACK, (0, 255, 255)])
    assert wire.sent[-1] == "00000000" + "ff0100ff" + "ff000000" + "ffffff00" + "0000000000"


def test_apa102_current_is_in_every_lamp_and_light_is_what_the_eye_takes() -> None:
    wire = Wire()
    light = Apa102(pixels=1, current=5, open_spi=wire.open)
    light.start()
    light.show([(128, 0, 0)])  # half as bright to the eye is a fifth of the light
    assert wire.sent[-1] == "00000000" + "e500002f" + "0000000000"


@pytest.mark.parametrize(("pixels", "end_bytes"), [(1, 5), (16, 5), (17, 6), (64, 8)])
def test_apa102_end_has_half_a_clock_edge_per_lamp_after_the_32_zeros(pixels: int, end_bytes: int) -> None:
    wire = Wire()
    Apa102(pixels=pixels, open_spi=wire.open).start()
    end = wire.sent[-1][8 + 8 * pixels :]
    assert end == "00" * end_bytes
    assert (end_bytes - 4) * 8 >= pixels / 2


def test_the_bus_is_opened_as_configured() -> None:
    wire = Wire()
    Apa102(bus=1, device=2, speed_hz=1_000_000, open_spi=wire.open).start()
    Ws2812(open_spi=wire.open).start()
    assert wire.opened == [(1, 2, 1_000_000), (0, 0, 2_400_000)]


def test_ws2812_frame_is_green_red_blue_as_pulses_between_lead_in_and_latch() -> None:
    wire = Wire()
    light = Ws2812(pixels=1, open_spi=wire.open)
    light.start()
    light.show([(255, 1, 0)])
    one, zero, ones = "924926", "924924", "db6db6"  # bits 0b00000001, 0b00000000 and 0b11111111
    assert wire.sent[-1] == "000000" + one + ones + zero + "00" * 96


def test_strips_are_dark_when_they_are_let_go() -> None:
    wire = Wire()
    light = Apa102(pixels=1, open_spi=wire.open)
    light.start()
    light.show([(255, 255, 255)])
    light.stop()
    assert wire.sent[-2:] == ["00000000" + "ff000000" + "0000000000", "closed"]


def test_a_bus_that_cannot_be_written_to_is_not_kept_open() -> None:
    wire = Wire()
    wire.error = OSError(5, "Input/output error")
    with pytest.raises(DeviceError, match=r"apa102 on spidev0\.0: it cannot be written to") as caught:
        Apa102(open_spi=wire.open).start()
    assert caught.value.fault is Fault.LOST
    assert wire.sent == ["closed"]


@pytest.mark.parametrize("pixels", [0, -1, 65])
def test_a_number_of_pixels_that_is_not_possible_is_said(pixels: int) -> None:
    with pytest.raises(DeviceError, match="Name a number from 1 to 64"):
        Ws2812(pixels=pixels)


@pytest.mark.parametrize("current", [0, 32])
def test_a_current_that_is_not_possible_is_said(current: int) -> None:
    with pytest.raises(DeviceError, match="Name a number from 1 to 31"):
        Apa102(current=current)
