from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from hw.buttons.gpio import GpioButton
from hw.errors import DeviceError, Fault

SOON_S = 5.0
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, MockFactory()
    gpiozero.Device.pin_factory.reset()  # gpiozero 1.6: its factories share their pins
    yield gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory = before


@pytest.fixture
def pin(factory: MockFactory) -> MockPin:
    return factory.pin("GPIO17")


def test_a_press_is_reported_within_the_call_that_makes_it(pin: MockPin) -> None:
    button, edges = GpioButton(17), list[bool]()
    button.start(edges.append)
    pin.drive_low()
    button.stop()
    assert edges == [True]


def test_a_bouncing_press_is_one_press_and_its_release_is_not_lost(pin: MockPin) -> None:
    button, edges = GpioButton(17), queue.Queue[bool]()
    button.start(edges.put)
    for _ in range(5):
        pin.drive_low()
        pin.drive_high()  # ends released, all within the quiet time
    assert [edges.get(timeout=SOON_S), edges.get(timeout=SOON_S)] == [True, False]
    button.stop()
    assert edges.empty()


def test_a_button_held_at_the_start_is_down_and_reports_its_release_only(pin: MockPin) -> None:
    button, edges = GpioButton(17, pull=False), list[bool]()
    button.start(edges.append)  # a floating mock pin is low
    assert button.is_pressed()
    pin.drive_high()
    button.stop()
    assert edges == [False]


def test_a_release_whose_edge_is_lost_is_found_and_the_next_press_reported(pin: MockPin) -> None:
    button, edges = GpioButton(17), queue.Queue[bool]()
    button.start(edges.put)
    pin.drive_low()
    pin.edges = "none"
    pin.drive_high()
    pin.edges = "both"
    assert [edges.get(timeout=SOON_S), edges.get(timeout=SOON_S)] == [True, False]
    pin.drive_low()
    assert edges.get(timeout=SOON_S) is True
    button.stop()


def test_stop_ends_the_thread_and_frees_the_pin(pin: MockPin) -> None:
    for _ in range(20):
        button = GpioButton(17)
        button.start(bool)
        pin.drive_low()
        button.stop()
    for thread in threading.enumerate():
        if thread.name == "button-17":
            thread.join(SOON_S)
    assert "button-17" not in [thread.name for thread in threading.enumerate()]


def _start(button: GpioButton) -> DeviceError:
    with pytest.raises(DeviceError) as caught:
        button.start(bool)
    return caught.value


def test_a_pin_that_is_taken_is_busy(pin: MockPin) -> None:
    first = GpioButton(17)
    first.start(bool)
    assert _start(GpioButton("GPIO17")).fault is Fault.BUSY
    first.stop()


@pytest.mark.parametrize("name", [99, "GPIO17x"])
def test_a_pin_that_does_not_exist_is_not_found(factory: MockFactory, name: int | str) -> None:
    error = _start(GpioButton(name))
    assert (error.fault, error.device) == (Fault.NOT_FOUND, f"GPIO {name}")


def test_a_pull_against_a_fixed_resistor_is_unsupported(factory: MockFactory) -> None:
    # GPIO 2 has a pull-up soldered on, for I2C
    assert _start(GpioButton(2, active_high=True)).fault is Fault.UNSUPPORTED


def test_a_machine_without_gpio_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    # gpiozero looks for the chip by itself: no fake can be the absence of one
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "none such")
    assert _start(GpioButton(17)).fault is Fault.UNSUPPORTED


def test_a_machine_without_gpio_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    # gpiozero looks for the chip by itself: no fake can be the absence of one
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setattr(gpiozero.Device, "_default_pin_factory", staticmethod(_no_factory))
    error = _start(GpioButton(17))
    assert (error.fault, error.detail) == (Fault.UNSUPPORTED, "no GPIO here (lgpio: can not open gpiochip)")


def _no_factory() -> None:
    for name, reason in [("lgpio", "can not open gpiochip"), ("rpigpio", "No module named 'RPi'")]:
        warnings.warn(gpiozero.PinFactoryFallback(f"Falling back from {name}: {reason}"), stacklevel=2)
    raise gpiozero.BadPinFactory("Unable to load any default pin factory!")


START = """
import os, sys
from hw.buttons.gpio import GpioButton
from hw.errors import DeviceError
try:
    GpioButton(17).start(bool)
except DeviceError as error:
    print(error)
print(os.getcwd(), "lgpio" in sys.modules)
"""


@pytest.mark.skipif(find_spec("lgpio") is None, reason="lgpio is not installed")
@pytest.mark.parametrize("directory", ["", "/proc"])  # in the latter no file can be made, not even by root
def test_lgpio_needs_no_place_in_the_working_directory(tmp_path: Path, directory: str) -> None:
    where = directory or str(tmp_path)
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath}
    command = [sys.executable, "-W", "ignore", "-c", START]
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1:] == [f"{where} True"], done.stderr
    assert ".lgd" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_switch_that_stays_on_is_looked_at_as_rarely_as_asked(pin: MockPin) -> None:
    switch, edges = GpioButton(17, recheck_ms=60_000), queue.Queue[bool]()
    switch.start(edges.put)
    pin.drive_low()
    assert edges.get(timeout=SOON_S) is True
    with pytest.raises(queue.Empty):
        edges.get(timeout=0.2)  # the quiet time after the edge is over
    pin.edges = "none"
    pin.drive_high()  # lost: nobody is told, and nobody looks within a minute
    with pytest.raises(queue.Empty):
        edges.get(timeout=0.3)
    assert not switch.is_pressed()
    switch.stop()
