"""The contract of `hw.ports.Light`, held by every driver of the table and by the fake."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import gpiozero
import pytest
from gpio_kernel import DimmedLines, GpioKernel, HeaderOfFour
from gpiozero.pins.mock import MockFactory, MockPWMPin

from hw import load
from hw.errors import DeviceError, Fault
from hw.fakes import FakeLight
from hw.leds.apa102 import Apa102
from hw.leds.colours import luminance
from hw.leds.console import ConsoleLight
from hw.leds.gpio_led import GpioLed
from hw.leds.gpio_rgb import GpioRgb
from hw.leds.ws2812 import Ws2812
from hw.ports import Colour, Light

BLACK: Colour = (0, 0, 0)
CYAN: Colour = (0, 200, 255)


@dataclass
class Rig:
    """A light and an eye before it: how bright each pixel is, 0..1. `unplug` where a driver can notice."""

    light: Light
    look: Callable[[], list[float]]
    unplug: Callable[[], object] | None = None

    @property
    def lit(self) -> list[bool]:
        return [brightness > 0 for brightness in self.look()]

    def shine(self, colour: Colour) -> None:
        self.light.show([colour] * self.light.pixels)


def _fake(request: pytest.FixtureRequest, pixels: int) -> Rig:
    light = FakeLight(pixels=pixels)
    return Rig(light, lambda: [luminance(max(colour)) for colour in light.colours], light.unplug)


def _pins(request: pytest.FixtureRequest, pin_class: type = MockPWMPin) -> MockFactory:
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, MockFactory(pin_class=pin_class)
    request.addfinalizer(lambda: setattr(gpiozero.Device, "pin_factory", before))
    return gpiozero.Device.pin_factory


def _pin_light(factory: MockFactory, number: int, active_high: bool) -> float:
    """A pin that nobody drives is an input again: nothing flows."""
    pin = factory.pin(f"GPIO{number}")
    if pin.function != "output":
        return 0.0
    return float(pin.state) if active_high else 1.0 - float(pin.state)


def _gpio_led(request: pytest.FixtureRequest, *, active_high: bool, pwm: bool) -> Rig:
    factory = _pins(request)
    light = GpioLed(18, active_high=active_high, pwm=pwm)
    return Rig(light, lambda: [_pin_light(factory, 18, active_high)])


def _gpio_rgb(request: pytest.FixtureRequest, *, common_anode: bool) -> Rig:
    factory = _pins(request)
    light = GpioRgb(17, 27, 22, common_anode=common_anode)
    return Rig(light, lambda: [max(_pin_light(factory, pin, not common_anode) for pin in (17, 27, 22))])


def _on_linux(request: pytest.FixtureRequest, light: Light, pins: Sequence[int], *, active_high: bool) -> Rig:
    kernel = GpioKernel(request.getfixturevalue("tmp_path"))
    dimmed = DimmedLines(kernel)
    factory = HeaderOfFour(kernel.chip, kernel.ioctl, dimmed.open)
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, factory
    request.addfinalizer(lambda: setattr(gpiozero.Device, "pin_factory", before))

    def look(pin: int) -> float:
        if not kernel.is_output(pin):
            return 0.0
        high = dimmed.shares.get(pin, float(kernel.is_driven_high(pin)))
        return high if active_high else 1.0 - high

    return Rig(light, lambda: [max(look(pin) for pin in pins)], kernel.unplug)


class Wire:
    """An SPI bus, and the last thing that was sent over it."""

    def __init__(self) -> None:
        self.last = b""
        self.users = 0
        self.gone = False

    def open(self, bus: int, device: int, speed_hz: int) -> Wire:
        if self.gone:
            raise DeviceError(Fault.NOT_FOUND, "wire", "it has gone")
        self.users += 1
        assert self.users == 1, "the bus is opened twice"
        return self

    def write(self, data: bytes) -> None:
        assert self.users == 1, "written to a closed bus"
        if self.gone:
            raise OSError("gone")
        self.last = data

    def close(self) -> None:
        self.users -= 1

    def unplug(self) -> None:
        self.gone = True


def _apa102(request: pytest.FixtureRequest) -> Rig:
    wire = Wire()

    def look() -> list[float]:
        lamps = [wire.last[start : start + 4] for start in range(4, 4 + 3 * 4, 4)]
        return [max(lamp[1:]) / 255 * (lamp[0] & 31) / 31 for lamp in lamps if lamp]

    return Rig(Apa102(pixels=3, open_spi=wire.open), look, wire.unplug)


def _ws2812(request: pytest.FixtureRequest) -> Rig:
    wire = Wire()

    def look() -> list[float]:
        bits = "".join(f"{byte:08b}" for byte in wire.last)
        sent = [int(symbol == "110") for symbol in re.findall("110|100", bits)]
        parts = [int("".join(map(str, sent[start : start + 8])), 2) for start in range(0, len(sent), 8)]
        return [max(parts[start : start + 3]) / 255 for start in range(0, len(parts), 3)]

    return Rig(Ws2812(pixels=2, open_spi=wire.open), look, wire.unplug)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _console(request: pytest.FixtureRequest) -> Rig:
    terminal = Terminal()

    def look() -> list[float]:
        line = terminal.getvalue().rpartition("\x1b[2K")[2]
        blocks = re.findall(r"\x1b\[48;2;(\d+);(\d+);(\d+)m  \x1b\[0m|\. ", line)
        return [max(int(part or 0) for part in block) / 255 for block in blocks]

    return Rig(ConsoleLight(pixels=2, stream=terminal), look, terminal.close)


RIGS: dict[str, Callable[[pytest.FixtureRequest], Rig]] = {
    "fake": lambda request: _fake(request, 1),
    "fake-row": lambda request: _fake(request, 12),
    "gpio_led": lambda request: _gpio_led(request, active_high=True, pwm=False),
    "gpio_led-to-3v3": lambda request: _gpio_led(request, active_high=False, pwm=False),
    "gpio_led-dimmed": lambda request: _gpio_led(request, active_high=True, pwm=True),
    "gpio_led-dimmed-to-3v3": lambda request: _gpio_led(request, active_high=False, pwm=True),
    "gpio_led-on-linux": lambda request: _on_linux(request, GpioLed(18), [18], active_high=True),
    "gpio_led-on-linux-to-3v3": lambda request: _on_linux(
        request, GpioLed(18, active_high=False), [18], active_high=False
    ),
    "gpio_led-on-linux-dimmed": lambda request: _on_linux(
        request, GpioLed(18, pwm=True), [18], active_high=True
    ),
    "gpio_rgb-on-linux-common-anode": lambda request: _on_linux(
        request, GpioRgb(17, 27, 22, common_anode=True), [17, 27, 22], active_high=False
    ),
    "gpio_rgb": lambda request: _gpio_rgb(request, common_anode=False),
    "gpio_rgb-common-anode": lambda request: _gpio_rgb(request, common_anode=True),
    "apa102": _apa102,
    "ws2812": _ws2812,
    "console": _console,
}


@pytest.fixture(params=list(RIGS))
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    rig = RIGS[request.param](request)
    yield rig
    rig.light.stop()


def test_every_driver_is_held_to_the_contract() -> None:
    assert {name.split("-")[0] for name in RIGS} == set(load.LIGHTS)


def test_it_has_pixels_before_it_is_started(rig: Rig) -> None:
    assert rig.light.pixels >= 1


def test_it_is_dark_when_started(rig: Rig) -> None:
    rig.light.start()
    assert rig.lit == [False] * rig.light.pixels


def test_it_shines_and_is_dark_as_it_is_told(rig: Rig) -> None:
    rig.light.start()
    rig.shine(CYAN)
    assert rig.lit == [True] * rig.light.pixels
    rig.shine(BLACK)
    assert rig.lit == [False] * rig.light.pixels


def test_each_pixel_has_its_own_colour(rig: Rig) -> None:
    rig.light.start()
    for lit in range(rig.light.pixels):
        rig.light.show([CYAN if pixel == lit else BLACK for pixel in range(rig.light.pixels)])
        assert rig.lit == [pixel == lit for pixel in range(rig.light.pixels)]


@pytest.mark.parametrize("colour", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_the_faintest_colour_still_shines(rig: Rig, colour: Colour) -> None:
    rig.light.start()
    rig.shine(colour)
    assert rig.lit == [True] * rig.light.pixels


def test_a_brighter_colour_is_brighter_unless_it_cannot_dim(rig: Rig) -> None:
    rig.light.start()
    seen = []
    for part in (40, 80, 160, 255):
        rig.shine((0, part, 0))
        seen.append(rig.look()[0])
    if rig.light.dims:
        assert seen[0] < seen[1] < seen[2] < seen[3] == pytest.approx(1)
        assert seen[2] < 0.5  # 160 of 255 looks like 63 %, which is far less than that in light
    else:
        assert all(seen)


@pytest.mark.parametrize("wrong", [(256, 0, 0), (0, -1, 0), (0, 0)])
def test_a_colour_out_of_range_is_refused_and_changes_nothing(rig: Rig, wrong: Colour) -> None:
    rig.light.start()
    rig.shine(CYAN)
    with pytest.raises(ValueError, match=r"each 0\.\.255"):
        rig.shine(wrong)
    assert rig.lit == [True] * rig.light.pixels


@pytest.mark.parametrize("more", [-1, 1])
def test_a_wrong_number_of_colours_is_refused_and_changes_nothing(rig: Rig, more: int) -> None:
    rig.light.start()
    rig.shine(CYAN)
    with pytest.raises(ValueError, match=f"takes {rig.light.pixels} colours"):
        rig.light.show([BLACK] * (rig.light.pixels + more))
    assert rig.lit == [True] * rig.light.pixels


def test_it_shows_nothing_before_start_and_after_stop(rig: Rig) -> None:
    with pytest.raises(RuntimeError):
        rig.shine(CYAN)
    rig.light.start()
    rig.light.stop()
    with pytest.raises(RuntimeError):
        rig.shine(CYAN)


def test_a_second_start_is_refused_and_harms_nothing(rig: Rig) -> None:
    rig.light.start()
    rig.shine(CYAN)
    with pytest.raises(RuntimeError):
        rig.light.start()
    assert rig.lit == [True] * rig.light.pixels


def test_stop_leaves_it_dark(rig: Rig) -> None:
    rig.light.start()
    rig.shine(CYAN)
    rig.light.stop()
    assert True not in rig.lit


def test_stop_is_harmless_when_not_started_and_when_stopped(rig: Rig) -> None:
    rig.light.stop()
    rig.light.start()
    rig.light.stop()
    rig.light.stop()


def test_it_shines_again_after_a_restart(rig: Rig) -> None:
    for _ in range(3):
        rig.light.start()
        assert rig.lit == [False] * rig.light.pixels
        rig.shine(CYAN)
        assert rig.lit == [True] * rig.light.pixels
        rig.light.stop()


def test_a_device_that_has_gone_is_said_and_can_be_stopped(rig: Rig) -> None:
    if rig.unplug is None:
        return  # a wire to a GPIO pin can be cut without anybody noticing
    rig.light.start()
    rig.unplug()
    with pytest.raises(DeviceError) as caught:
        rig.shine(CYAN)
    assert caught.value.fault is Fault.LOST
    rig.light.stop()
    with pytest.raises(DeviceError):
        rig.light.start()
