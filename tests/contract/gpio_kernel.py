"""A kernel with one GPIO chip, in the place of ioctl: what fingers and resistors do to lines."""

from __future__ import annotations

import errno
import os
import select
import struct
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.gpio_line import GpioLine
from hw.gpio_pins import KernelFactory

INPUT, OUTPUT, RISING, FALLING, PULL_UP, PULL_DOWN = 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 8, 1 << 9
PI_4 = 0xC03114


@dataclass
class _Line:
    flags: int = 0
    high: bool = False
    holder: bytes = b""
    events_fd: int = -1

    @property
    def held(self) -> bool:
        """Until its last reader has closed it."""
        if self.events_fd < 0:
            return False
        poll = select.poll()
        poll.register(self.events_fd, 0)
        return not poll.poll(0)


class GpioKernel:
    """The lines of `chip`; `stranger` holds one of them."""

    def __init__(self, directory: Path, label: str = "pinctrl-bcm2711", stranger: int | None = None) -> None:
        self.chip = str(directory / "gpiochip0")
        Path(self.chip).touch()
        self._label = label
        self._lines: dict[int, _Line] = defaultdict(_Line)
        self._by_fd: dict[int, int] = {}
        self._stranger = stranger
        self._gone = False

    # ---- what happens to a line from outside ----------------------------------------------------------

    def pull(self, number: int, *, high: bool, ago_s: float = 0.0, edge_lost: bool = False) -> None:
        """A finger. Seen by who asked for edges; `ago_s`: they hear of it late; `edge_lost`: not at all."""
        line = self._lines[number]
        changed, line.high = line.high != high, high
        if changed and not edge_lost and line.held and line.flags & (RISING if high else FALLING):
            made_at_ns = time.monotonic_ns() - round(ago_s * 1e9)
            os.write(line.events_fd, struct.pack("QIIII24x", made_at_ns, 1 if high else 2, number, 1, 1))

    def is_output(self, number: int) -> bool:
        return self._lines[number].held and bool(self._lines[number].flags & OUTPUT)

    def is_driven_high(self, number: int) -> bool:
        return self.is_output(number) and self._lines[number].high

    def unplug(self) -> None:
        self._gone = True
        for line in self._lines.values():
            if line.events_fd >= 0:
                os.close(line.events_fd)
                line.events_fd = -1

    # ---- what is asked of it ---------------------------------------------------------------------------

    def ioctl(self, fd: int, request: int, argument: bytearray) -> int:
        if self._gone:
            raise OSError(errno.ENODEV, "No such device")
        match request, len(argument):
            case (0x8044B401, 68):
                struct.pack_into("32s32sI", argument, 0, b"gpiochip0", self._label.encode(), 54)
            case (0xC100B405, 256):
                self._tell_of_line(argument)
            case (0xC250B407, 592):
                self._hand_out(argument)
            case (0xC110B40D, 272):
                self._configure(self._lines[self._by_fd[fd]], argument)
            case (0xC010B40E, 16):
                struct.pack_into("Q", argument, 0, self._lines[self._by_fd[fd]].high)
            case (0xC010B40F, 16):
                self._lines[self._by_fd[fd]].high = bool(argument[0])
            case _:
                raise OSError(errno.EINVAL, "Invalid argument")
        return 0

    def _tell_of_line(self, argument: bytearray) -> None:
        (number,) = struct.unpack_from("I", argument, 64)
        holder = b"stranger" if number == self._stranger else self._lines[number].holder
        struct.pack_into("32s32s", argument, 0, f"GPIO{number}".encode(), holder)

    def _hand_out(self, argument: bytearray) -> None:
        (number,) = struct.unpack_from("I", argument, 0)
        if not number < 54:
            raise OSError(errno.EINVAL, "Invalid argument")
        line = self._lines[number]
        if line.held or number == self._stranger:
            raise OSError(errno.EBUSY, "Device or resource busy")
        if line.events_fd >= 0:
            os.close(line.events_fd)
        fd, line.events_fd = os.pipe()
        line.holder = bytes(argument[256:288]).rstrip(b"\0")
        self._by_fd[fd] = number
        self._configure(line, argument[288:560])
        struct.pack_into("i", argument, 588, fd)

    def _configure(self, line: _Line, config: bytearray) -> None:
        line.flags, attributes = struct.unpack_from("QI", config)
        if line.flags & OUTPUT:
            attribute, values, mask = struct.unpack_from("I4xQQ", config, 32)
            line.high = bool((attributes, attribute, values, mask) == (1, 2, 1, 1))
        elif line.flags & (PULL_UP | PULL_DOWN):  # as gpio-sim does: nobody presses any more
            line.high = bool(line.flags & PULL_UP)


class DimmedLines:
    """Lines that are on and off by turns, and for which share of the time."""

    def __init__(self, kernel: GpioKernel) -> None:
        self._kernel = kernel
        self._held: dict[int, GpioLine] = {}
        self.shares: dict[int, float] = {}
        self.opened = 0

    def open(self, chip: str) -> DimmedLines:
        self.opened += 1
        return self

    def claim(self, number: int, *, high: bool) -> None:
        self._held[number] = GpioLine(self._kernel.chip, number, self._kernel.ioctl)
        self._held[number].claim(OUTPUT, high=high)

    def show(self, number: int, frequency_hz: float, share: float) -> None:
        self.shares[number] = share

    def free(self, number: int) -> None:
        self._held.pop(number).release()
        self.shares.pop(number, None)


class HeaderOfFour(KernelFactory):  # type: ignore[misc]  # gpiozero has no types
    """The header of a Raspberry Pi 4, wherever this runs, with pins that no other factory shares."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.pins = {}
        self._reservations = defaultdict(list)

    def _get_revision(self) -> int:
        return PI_4
