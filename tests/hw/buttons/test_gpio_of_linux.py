"""A button whose line the (fake) kernel watches: what gpiozero's mock pins cannot do."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import gpiozero
import pytest
from gpio_kernel import GpioKernel, HeaderOfFour

from hw.buttons.gpio import GpioButton
from hw.errors import DeviceError, Fault

SOON_S = 5.0


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[GpioKernel]:
    kernel = GpioKernel(tmp_path, stranger=4)
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, HeaderOfFour(kernel.chip, kernel.ioctl)
    yield kernel
    gpiozero.Device.pin_factory = before


def _next(edges: queue.Queue[bool], count: int) -> list[bool]:
    return [edges.get(timeout=SOON_S) for _ in range(count)]


@pytest.mark.parametrize(
    ("made", "heard"),
    [
        ([(1.0, False), (0.9, True), (0.8, False), (0.7, True)], [True, False, True, False]),  # two presses
        ([(1.0, False), (0.999, True), (0.998, False), (0.5, True)], [True, False]),  # one, of a worn contact
    ],
)
def test_edges_heard_of_late_count_by_when_they_were_made(
    kernel: GpioKernel, made: list[tuple[float, bool]], heard: list[bool]
) -> None:
    button, edges, all_made = GpioButton(17), queue.Queue[bool](), threading.Event()

    def on_edge(pressed: bool) -> None:
        edges.put(pressed)
        all_made.wait(SOON_S)  # the board does something else

    button.start(on_edge)
    for ago_s, high in made:
        kernel.pull(17, high=high, ago_s=ago_s)
    all_made.set()
    assert _next(edges, len(heard)) == heard
    time.sleep(0.03)  # longer than the contact's quiet time
    button.stop()
    assert edges.empty()


def test_a_line_that_another_program_holds_is_busy_and_told_whose_it_is(kernel: GpioKernel) -> None:
    with pytest.raises(DeviceError, match="GPIO4: 'stranger' holds it") as caught:
        GpioButton(4).start(bool)
    assert caught.value.fault is Fault.BUSY


@pytest.mark.parametrize(
    ("pin", "active_high", "fault"),
    [(99, False, Fault.NOT_FOUND), ("BOARD1", False, Fault.NOT_FOUND), (2, True, Fault.UNSUPPORTED)],
)
def test_pins_that_cannot_be_had_are_told_as_gpiozero_tells_them(
    kernel: GpioKernel, pin: int | str, active_high: bool, fault: Fault
) -> None:
    with pytest.raises(DeviceError) as caught:
        GpioButton(pin, active_high=active_high).start(bool)
    assert caught.value.fault is fault


def test_a_chip_that_nobody_may_open_is_said(kernel: GpioKernel) -> None:
    os.unlink(kernel.chip)
    with pytest.raises(DeviceError, match="No such file") as caught:
        GpioButton(17).start(bool)
    assert caught.value.fault is Fault.UNSUPPORTED
    Path(kernel.chip).touch()
    button = GpioButton(17)
    button.start(bool)  # nothing of the attempt is left
    button.stop()


def test_a_chip_that_goes_lets_go_of_the_button_and_ends_its_threads(kernel: GpioKernel) -> None:
    button, edges, others = GpioButton(17, recheck_ms=10), queue.Queue[bool](), set(threading.enumerate())
    button.start(edges.put)
    threads = set(threading.enumerate()) - others
    kernel.pull(17, high=False)
    assert _next(edges, 1) == [True]
    kernel.unplug()
    assert _next(edges, 1) == [False]
    with pytest.raises(DeviceError) as caught:
        button.is_pressed()
    assert caught.value.fault is Fault.LOST
    assert len(threads) == 2
    for thread in threads:
        thread.join(SOON_S)
        assert not thread.is_alive()
    button.stop()


def test_no_file_is_left_open(kernel: GpioKernel) -> None:
    def opened() -> int:
        return len(os.listdir("/proc/self/fd"))

    button = GpioButton(17)
    button.start(bool)
    button.stop()
    before = opened()
    for _ in range(20):
        button.start(bool)
        kernel.pull(17, high=False)
        button.stop()
    assert opened() <= before + 1  # the kernel's own end


def test_stop_from_within_a_release_that_was_found_does_not_wait_for_an_edge(kernel: GpioKernel) -> None:
    button, edges = GpioButton(17, recheck_ms=10), queue.Queue[bool]()

    def on_edge(pressed: bool) -> None:
        if not pressed:
            kernel.pull(17, high=False)  # told by the pin's thread, which waits for this one's
            button.stop()
        edges.put(pressed)

    button.start(on_edge)
    kernel.pull(17, high=False, ago_s=1.0)
    assert _next(edges, 1) == [True]
    kernel.pull(17, high=True, edge_lost=True)
    assert _next(edges, 1) == [False]
    assert not button.is_pressed()
