from __future__ import annotations

from collections.abc import Iterator

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin

from hw.errors import DeviceError, Fault
from hw.leds.gpio_led import GpioLed
from hw.leds.gpio_rgb import GpioRgb


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, MockFactory(pin_class=MockPWMPin)
    yield gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory = before


def _states(factory: MockFactory, *pins: int) -> list[float]:
    return [factory.pin(f"GPIO{pin}").state for pin in pins]


def test_a_single_lamp_shines_as_bright_as_the_brightest_part(factory: MockFactory) -> None:
    light = GpioLed(18, pwm=True)
    light.start()
    light.show([(0, 128, 7)])
    assert _states(factory, 18) == [pytest.approx(0.1858, abs=1e-4)]
    light.stop()


def test_a_lamp_to_3v3_is_full_at_a_low_pin(factory: MockFactory) -> None:
    light = GpioLed(18, active_high=False)
    light.start()
    assert _states(factory, 18) == [1]
    light.show([(9, 0, 0)])
    assert _states(factory, 18) == [0]
    light.stop()


def test_a_switched_lamp_needs_no_pwm(factory: MockFactory) -> None:
    factory.pin_class = MockPin
    light = GpioLed("BOARD12")
    light.start()
    light.show([(0, 0, 1)])
    assert _states(factory, 18) == [1]
    light.stop()


@pytest.mark.parametrize(("common_anode", "states"), [(False, [1, 0, 0.01]), (True, [0, 1, 0.99])])
def test_each_colour_has_its_pin_and_the_faintest_is_a_whole_percent(
    factory: MockFactory, common_anode: bool, states: list[float]
) -> None:
    light = GpioRgb(17, 27, 22, common_anode=common_anode)
    light.start()
    light.show([(255, 0, 1)])
    assert _states(factory, 17, 27, 22) == pytest.approx(states)
    light.stop()


def _start(light: GpioLed | GpioRgb) -> DeviceError:
    with pytest.raises(DeviceError) as caught:
        light.start()
    return caught.value


def test_a_pin_that_is_taken_is_busy_and_no_other_is_kept(factory: MockFactory) -> None:
    taken = gpiozero.LED(22)
    error = _start(GpioRgb(17, 27, 22))
    assert (error.fault, error.device) == (Fault.BUSY, "GPIO 17, 27 and 22")
    for pin in (17, 27):
        gpiozero.LED(pin).close()  # raises when it is held
    taken.close()


@pytest.mark.parametrize("name", [99, "GPIO18x"])
def test_a_pin_that_does_not_exist_is_not_found(factory: MockFactory, name: int | str) -> None:
    assert _start(GpioLed(name)).fault is Fault.NOT_FOUND


def test_a_pin_that_cannot_pulse_is_unsupported_and_says_what_to_try(factory: MockFactory) -> None:
    factory.pin_class = MockPin
    light = GpioLed(18, pwm=True)
    light.start()
    with pytest.raises(DeviceError, match="pwm = false") as caught:
        light.show([(9, 0, 0)])
    assert caught.value.fault is Fault.UNSUPPORTED
    light.stop()


def test_pins_are_pulsed_only_while_they_are_dimmed(factory: MockFactory) -> None:
    light = GpioRgb(17, 27, 22)
    light.start()
    pulses = []
    for colour in [(0, 0, 0), (255, 0, 0), (255, 160, 0), (255, 0, 0)]:
        light.show([colour])
        pulses.append([factory.pin(f"GPIO{pin}").frequency for pin in (17, 27, 22)])
    assert pulses == [[None] * 3, [None] * 3, [None, 100, None], [None] * 3]
    assert _states(factory, 17, 27, 22) == [1, 0, 0]
    light.stop()


def test_a_machine_without_gpio_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    # gpiozero looks for the chip by itself: no fake can be the absence of one
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "none such")
    assert _start(GpioLed(18)).fault is Fault.UNSUPPORTED


def test_stop_frees_the_pin(factory: MockFactory) -> None:
    for _ in range(3):
        light = GpioLed(18)
        light.start()
        light.stop()
    assert factory.pin("GPIO18").function == "input"
