"""What the kernel says of GPIO chips, by a kernel of our own in the place of ioctl."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import pytest

from hw.gpio_chips import GpioChip, HeldLine, gpio_chips, header_chip, line_holder

USED, OUTPUT = 1, 8


class Kernel:
    """Answers as Linux does for one kind of chip; `lines`: name, holder, flags."""

    def __init__(self, label: str, *lines: tuple[str, str, int], knows_lines: bool = True) -> None:
        self.label = label
        self.lines = lines
        self.knows_lines = knows_lines

    def ioctl(self, fd: int, request: int, argument: bytearray) -> int:
        if request == 0x8044B401 and len(argument) == 68:
            struct.pack_into("32s32sI", argument, 0, b"gpiochip0", self.label.encode(), len(self.lines))
        elif request == 0xC100B405 and len(argument) == 256 and self.knows_lines:
            (number,) = struct.unpack_from("I", argument, 64)
            name, holder, flags = self.lines[number]
            struct.pack_into("32s32s", argument, 0, name.encode(), holder.encode())
            struct.pack_into("Q", argument, 72, flags)
        else:
            raise OSError(errno.EINVAL, "Invalid argument")
        return 0


RP1 = Kernel("pinctrl-rp1", ("ID_SDA", "", 0))
PI = Kernel("pinctrl-bcm2711", ("ID_SDA", "", 0), ("GPIO17", "lg", USED), ("", "ACT", USED | OUTPUT))


def test_a_chip_has_its_label_and_the_lines_that_are_held(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").touch()
    (chip,) = gpio_chips(tmp_path, PI.ioctl)
    held = (HeldLine(1, "GPIO17", "lg"), HeldLine(2, "", "ACT"))
    assert chip == GpioChip(f"{tmp_path}/gpiochip0", "pinctrl-bcm2711", 3, held)


def test_chips_come_by_number(tmp_path: Path) -> None:
    for name in ("gpiochip10", "gpiochip2", "gpiochip", "gpiomem"):
        (tmp_path / name).touch()
    assert [Path(chip.path).name for chip in gpio_chips(tmp_path, PI.ioctl)] == ["gpiochip2", "gpiochip10"]


def test_an_old_kernel_does_not_say_who_holds_lines(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").touch()
    (chip,) = gpio_chips(tmp_path, Kernel("pinctrl-bcm2835", *PI.lines, knows_lines=False).ioctl)
    assert (chip.label, chip.lines, chip.held, chip.open_error) == ("pinctrl-bcm2835", 3, (), "")


@pytest.mark.parametrize(
    ("label", "header"),
    [
        ("pinctrl-bcm2835", True),
        ("pinctrl-bcm2711", True),
        ("pinctrl-rp1", True),
        ("raspberrypi-exp-gpio", False),
        ("gpio-brcmstb@107d508500", False),
    ],
)
def test_the_pins_of_the_header_are_known_by_their_chip(label: str, header: bool) -> None:
    assert GpioChip("/dev/gpiochip4", label).is_header is header


def test_what_is_no_chip_says_so(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").touch()  # the real kernel refuses the question
    (tmp_path / "gpiochip1").symlink_to("nowhere")
    errors = [chip.open_error for chip in gpio_chips(tmp_path)]
    assert errors == ["Inappropriate ioctl for device", "No such file or directory"]


def test_a_machine_without_chips_has_none(tmp_path: Path) -> None:
    assert gpio_chips(tmp_path) == []


def test_the_header_is_the_first_chip_that_says_so(tmp_path: Path) -> None:
    others = Kernel("gpio-brcmstb@107d508500", ("", "", 0))
    for name in ("gpiochip0", "gpiochip10", "gpiochip4"):
        (tmp_path / name).touch()

    def ask(fd: int, request: int, argument: bytearray) -> int:
        asked = os.readlink(f"/proc/self/fd/{fd}")
        return (others if asked.endswith("gpiochip0") else RP1).ioctl(fd, request, argument)

    assert header_chip(tmp_path, ask) == f"{tmp_path}/gpiochip4"


@pytest.mark.parametrize(
    "kernel",
    [Kernel("raspberrypi-exp-gpio", ("", "", 0)), Kernel("pinctrl-bcm2835", ("", "", 0), knows_lines=False)],
)
def test_no_header_is_known_of_another_chip_or_an_old_kernel(tmp_path: Path, kernel: Kernel) -> None:
    (tmp_path / "gpiochip0").touch()
    (tmp_path / "gpiochip1").symlink_to("nowhere")
    assert header_chip(tmp_path, kernel.ioctl) is None


def test_the_holder_of_a_line_is_who_it_says(tmp_path: Path) -> None:
    assert [line_holder(0, number, PI.ioctl) for number in (0, 1)] == ["", "lg"]
