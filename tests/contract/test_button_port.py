"""What every button driver promises in hw/ports.py."""

from __future__ import annotations

import os
import pty
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import gpiozero
import pytest
from gpio_kernel import GpioKernel, HeaderOfFour
from gpiozero.pins.mock import MockFactory

from hw import load
from hw.buttons.gpio import GpioButton
from hw.buttons.keyboard import KeyboardButton
from hw.fakes import FakeButton
from hw.ports import Button

SOON_S = 5.0
A_WHILE_S = 0.05


@dataclass
class Rig:
    """A button and the finger on it."""

    button: Button
    press: Callable[[], object]
    release: Callable[[], object]


def _fake(request: pytest.FixtureRequest) -> Rig:
    button = FakeButton()
    return Rig(button, button.press, button.release)


def _gpio(request: pytest.FixtureRequest, *, active_high: bool, pull: bool) -> Rig:
    factory = MockFactory()
    factory.reset()  # gpiozero 1.6: its factories share their pins
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, factory
    request.addfinalizer(lambda: setattr(gpiozero.Device, "pin_factory", before))
    pin = factory.pin("GPIO17")
    if not pull and not active_high:
        pin.drive_high()  # the board's own resistor
    to_high, to_low = pin.drive_high, pin.drive_low
    button = GpioButton(17, active_high=active_high, pull=pull)
    return Rig(button, *((to_high, to_low) if active_high else (to_low, to_high)))


def _gpio_of_linux(request: pytest.FixtureRequest, *, active_high: bool, pull: bool) -> Rig:
    kernel = GpioKernel(request.getfixturevalue("tmp_path"))
    factory = HeaderOfFour(kernel.chip, kernel.ioctl)
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, factory
    request.addfinalizer(lambda: setattr(gpiozero.Device, "pin_factory", before))
    if not pull:
        kernel.pull(17, high=not active_high)  # the board's own resistor
    button = GpioButton(17, active_high=active_high, pull=pull)
    return Rig(
        button, lambda: kernel.pull(17, high=active_high), lambda: kernel.pull(17, high=not active_high)
    )


def _keyboard(request: pytest.FixtureRequest, *, beside: str = "") -> Rig:
    typist_fd, program_fd = pty.openpty()
    program = os.fdopen(program_fd)
    request.addfinalizer(lambda: os.close(typist_fd))
    request.addfinalizer(program.close)
    for key in beside:
        other = KeyboardButton(key, latch=False, stream=program)
        request.addfinalizer(other.stop)
        other.start(bool)
    # tap, and tap again within the time of a first repeat: pressed, and released 150 ms later
    typed = b" " + beside.encode()
    button = KeyboardButton(stream=program)
    return Rig(button, lambda: os.write(typist_fd, typed), lambda: os.write(typist_fd, typed))


RIGS: dict[str, Callable[[pytest.FixtureRequest], Rig]] = {
    "fake": _fake,
    "gpio-to-ground": lambda request: _gpio(request, active_high=False, pull=True),
    "gpio-to-3v3": lambda request: _gpio(request, active_high=True, pull=True),
    "gpio-to-ground-own-resistor": lambda request: _gpio(request, active_high=False, pull=False),
    "gpio-to-3v3-own-resistor": lambda request: _gpio(request, active_high=True, pull=False),
    "gpio-of-linux-to-ground": lambda request: _gpio_of_linux(request, active_high=False, pull=True),
    "gpio-of-linux-to-3v3": lambda request: _gpio_of_linux(request, active_high=True, pull=True),
    "gpio-of-linux-own-resistor": lambda request: _gpio_of_linux(request, active_high=False, pull=False),
    "keyboard": _keyboard,
    "keyboard-beside-others": lambda request: _keyboard(request, beside="sm"),
}


@pytest.fixture(params=list(RIGS))
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    rig = RIGS[request.param](request)
    yield rig
    rig.button.stop()


@pytest.fixture
def edges() -> queue.Queue[bool]:
    return queue.Queue()


def _stays_empty(edges: queue.Queue[bool]) -> bool:
    try:
        edges.get(timeout=A_WHILE_S)
    except queue.Empty:
        return True
    return False


def test_every_driver_is_held_to_the_contract() -> None:
    assert {name.split("-")[0] for name in RIGS} == set(load.BUTTONS)


def test_presses_and_releases_are_reported_in_order(rig: Rig, edges: queue.Queue[bool]) -> None:
    rig.button.start(edges.put)
    for _ in range(2):
        rig.press()
        assert edges.get(timeout=SOON_S) is True
        rig.release()
        assert edges.get(timeout=SOON_S) is False
    assert _stays_empty(edges)


def test_the_level_can_be_read(rig: Rig, edges: queue.Queue[bool]) -> None:
    rig.button.start(edges.put)
    levels = [rig.button.is_pressed()]
    for move in (rig.press, rig.release):
        move()
        edges.get(timeout=SOON_S)
        levels.append(rig.button.is_pressed())
    assert levels == [False, True, False]


def test_the_level_of_a_button_not_started_is_up(rig: Rig, edges: queue.Queue[bool]) -> None:
    rig.button.start(edges.put)
    rig.press()
    edges.get(timeout=SOON_S)
    rig.button.stop()
    assert not rig.button.is_pressed()


def test_nothing_is_reported_after_stop(rig: Rig, edges: queue.Queue[bool]) -> None:
    rig.button.start(edges.put)
    rig.press()
    edges.get(timeout=SOON_S)
    rig.button.stop()
    rig.release()
    assert _stays_empty(edges)


def test_a_second_start_is_refused_and_harms_nothing(rig: Rig, edges: queue.Queue[bool]) -> None:
    rig.button.start(edges.put)
    with pytest.raises(RuntimeError):
        rig.button.start(edges.put)
    rig.press()
    assert edges.get(timeout=SOON_S) is True
    assert _stays_empty(edges)


def test_stop_is_harmless_when_not_started_and_when_stopped(rig: Rig, edges: queue.Queue[bool]) -> None:
    rig.button.stop()
    rig.button.start(edges.put)
    rig.button.stop()
    rig.button.stop()
    assert not rig.button.is_pressed()


def test_it_reports_again_after_a_restart(rig: Rig, edges: queue.Queue[bool]) -> None:
    rig.button.start(bool)
    rig.button.stop()
    rig.button.start(edges.put)
    rig.press()
    assert edges.get(timeout=SOON_S) is True


def test_stop_from_within_an_edge_does_not_deadlock(rig: Rig, edges: queue.Queue[bool]) -> None:
    def on_edge(pressed: bool) -> None:
        rig.button.stop()
        edges.put(pressed)

    rig.button.start(on_edge)
    rig.press()
    assert edges.get(timeout=SOON_S) is True
