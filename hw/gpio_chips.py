"""What GPIO chips there are, and who holds which of their lines. Shell around /dev/gpiochip* and ioctl.

Asked without gpiozero and lgpio, which would want a Raspberry Pi, and a pin to open.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# linux/gpio.h: struct gpiochip_info, and struct gpio_v2_line_info (Linux 5.10) up to its flags.
_CHIP_INFO = struct.Struct("32s32sI")
_CHIP_INFO_REQUEST = 0x8044B401
_LINE_INFO = struct.Struct("32s32sIIQ")
_LINE_INFO_BYTES = 256
_LINE_INFO_REQUEST = 0xC100B405
_LINE_USED = 1

HEADER_LABELS = re.compile(r"pinctrl-(bcm2\d+|rp1)$")
"""The chips whose lines are the pins of a Raspberry Pi's header; a Pi 5 has more of them, in any order."""

Ask = Callable[[int, int, bytearray], object]
"""File descriptor, request, what is passed and filled in. Raises `OSError`."""


@dataclass(frozen=True, slots=True)
class HeldLine:
    """A line in use: its number on the chip, its name on the board or "", and who says to hold it, or ""."""

    number: int
    name: str
    holder: str


@dataclass(frozen=True, slots=True)
class GpioChip:
    """`open_error` is why nothing else is known of it, "" if it could be asked."""

    path: str
    label: str = ""
    lines: int = 0
    held: tuple[HeldLine, ...] = ()
    open_error: str = ""

    @property
    def is_header(self) -> bool:
        return HEADER_LABELS.match(self.label) is not None


def gpio_chips(dev: Path = Path("/dev"), ask: Ask = fcntl.ioctl) -> list[GpioChip]:
    """Every chip, by number."""
    return [_chip(path, ask) for path in _paths(dev)]


def header_chip(dev: Path = Path("/dev"), ask: Ask = fcntl.ioctl) -> str | None:
    """Where the pins of a Raspberry Pi's header are, if they are, and its kernel knows lines (5.10)."""
    for path in _paths(dev):
        with contextlib.suppress(OSError), _opened(path) as fd:
            label, _ = _chip_info(fd, ask)
            if HEADER_LABELS.match(label):
                _line_info(fd, 0, ask)
                return str(path)
    return None


def line_holder(fd: int, number: int, ask: Ask = fcntl.ioctl) -> str:
    """Who says to hold a line of the chip that is open as `fd`, or ""."""
    _, holder, _, _, _ = _LINE_INFO.unpack_from(_line_info(fd, number, ask))
    return _text(holder)


def _paths(dev: Path) -> list[Path]:
    paths = [path for path in dev.glob("gpiochip*") if path.name[len("gpiochip") :].isdigit()]
    return sorted(paths, key=lambda path: int(path.name[len("gpiochip") :]))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _chip(path: Path, ask: Ask) -> GpioChip:
    try:
        with _opened(path) as fd:
            label, lines = _chip_info(fd, ask)
            return GpioChip(str(path), label, lines, _held(fd, lines, ask))
    except OSError as error:  # not to be opened, or no chip after all
        return GpioChip(str(path), open_error=os.strerror(error.errno or 0))


def _chip_info(fd: int, ask: Ask) -> tuple[str, int]:
    """Its label, and how many lines it has."""
    info = bytearray(_CHIP_INFO.size)
    ask(fd, _CHIP_INFO_REQUEST, info)
    _, label, lines = _CHIP_INFO.unpack(info)
    return _text(label), lines


def _held(fd: int, lines: int, ask: Ask) -> tuple[HeldLine, ...]:
    held = []
    with contextlib.suppress(OSError):  # a kernel before 5.10
        for number in range(lines):
            name, holder, _, _, flags = _LINE_INFO.unpack_from(_line_info(fd, number, ask))
            if flags & _LINE_USED:
                held.append(HeldLine(number, _text(name), _text(holder)))
    return tuple(held)


def _line_info(fd: int, number: int, ask: Ask) -> bytearray:
    info = bytearray(_LINE_INFO_BYTES)
    struct.pack_into("I", info, 64, number)
    ask(fd, _LINE_INFO_REQUEST, info)
    return info


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="replace")
