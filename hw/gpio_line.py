"""One line of a GPIO chip: held, read, driven, and its edges. Shell around ioctl, a line's file and a thread.

By version 2 of the interface of Linux's GPIO character devices (5.10), whose edges come with the time at
which they were made, and cost nothing while there are none.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

from hw.gpio_chips import Ask, line_holder

# linux/gpio.h: struct gpio_v2_line_config with one of its ten attributes, the level of an output; struct
# gpio_v2_line_request, which has the former within it; struct gpio_v2_line_values; struct gpio_v2_line_event.
_CONFIG = struct.Struct("QI20xI4xQQ216x")
_REQUEST = struct.Struct(f"I252x32s{_CONFIG.size}sII20xi")
_VALUES = struct.Struct("QQ")
_EVENT = struct.Struct("QIIII24x")
_GET_LINE = 0xC250B407
_SET_CONFIG = 0xC110B40D
_GET_VALUES = 0xC010B40E
_SET_VALUES = 0xC010B40F
_OUTPUT_VALUES = 2
_RISING_EVENT = 1
_QUEUED_EVENTS = 16  # as many as the kernel keeps; it drops the oldest of more

INPUT = 1 << 2
OUTPUT = 1 << 3
BOTH_EDGES = 1 << 4 | 1 << 5
PULL_UP = 1 << 8
PULL_DOWN = 1 << 9
NO_PULL = 1 << 10

HOLDER = "harkd"
"""By this name the kernel tells others who holds a line."""


@dataclass(frozen=True, slots=True)
class LineEdge:
    """`at_s`: on the clock of `time.monotonic`, when the kernel saw it."""

    at_s: float
    high: bool


class GpioLine:
    """Line `number` of the chip at `chip`. Held from the first `claim` until `release`, by nobody else."""

    def __init__(self, chip: str, number: int, ask: Ask = fcntl.ioctl) -> None:
        self._chip = chip
        self._number = number
        self._ask = ask
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        return self._fd is not None

    def claim(self, flags: int, *, high: bool = False) -> None:
        """Hold the line so from now on, an output at `high`. Raises `OSError`, EBUSY with who has it."""
        attributes = (1, _OUTPUT_VALUES, high, 1) if flags & OUTPUT else (0, 0, 0, 0)
        config = _CONFIG.pack(flags, *attributes)
        if self._fd is not None:
            self._ask(self._fd, _SET_CONFIG, bytearray(config))
            return
        request = bytearray(_REQUEST.pack(self._number, HOLDER.encode(), config, 1, _QUEUED_EVENTS, -1))
        chip_fd = os.open(self._chip, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._ask(chip_fd, _GET_LINE, request)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            holder = line_holder(chip_fd, self._number, self._ask) or "another program"
            raise OSError(errno.EBUSY, f"{holder!r} holds it") from error
        finally:
            os.close(chip_fd)
        self._fd = _REQUEST.unpack(request)[-1]

    def release(self) -> None:
        """Harmless when it is not held. Not while another thread is in `wait_for_edges`."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def is_high(self) -> bool:
        """Raises `OSError`: ENODEV once the chip has gone, EBADF when the line is not held."""
        values = bytearray(_VALUES.pack(0, 1))
        self._ask(self._held_fd(), _GET_VALUES, values)
        return bool(_VALUES.unpack(values)[0])

    def drive(self, *, high: bool) -> None:
        """Raises `OSError` as `is_high` does."""
        self._ask(self._held_fd(), _SET_VALUES, bytearray(_VALUES.pack(high, 1)))

    def wait_for_edges(self, wake_fd: int) -> list[LineEdge]:
        """One or more; none as soon as `wake_fd` can be read. Raises `OSError` once the chip has gone."""
        fd = self._held_fd()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.register(wake_fd, select.POLLIN)
        ready = dict(poll.poll())
        if wake_fd in ready:
            return []
        if not ready[fd] & select.POLLIN:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        events = _EVENT.iter_unpack(os.read(fd, _QUEUED_EVENTS * _EVENT.size))
        return [LineEdge(event[0] / 1e9, event[1] == _RISING_EVENT) for event in events]

    def _held_fd(self) -> int:
        if self._fd is None:
            raise OSError(errno.EBADF, "the line is not held")
        return self._fd


class EdgeWatch:
    """Tells of the edges of a line that is claimed with `BOTH_EDGES`, on a thread that sleeps between them.

    `on_edge` must not raise, and may call `stop`. When the chip has gone `on_lost` is called instead, once
    and as the last.
    """

    def __init__(
        self,
        line: GpioLine,
        name: str,
        on_edge: Callable[[LineEdge], object],
        on_lost: Callable[[OSError], object],
    ) -> None:
        self._line = line
        self._on_edge = on_edge
        self._on_lost = on_lost
        self._stopped = False
        self._wake_fd = os.eventfd(0)
        self._waiting = threading.Lock()
        # daemon: a thread that waits for a finger must not keep the process alive
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def stop(self) -> None:
        """Once. After this at most one `on_edge` is still called, and the line is nobody's to wait for.

        Does not wait for the thread, which may wait for a lock that is held by whoever calls.
        """
        self._stopped = True
        os.eventfd_write(self._wake_fd, 1)
        with self._waiting:
            os.close(self._wake_fd)

    def _run(self) -> None:
        while True:
            with self._waiting:
                if self._stopped:
                    return
                try:
                    edges = self._line.wait_for_edges(self._wake_fd)
                except OSError as error:
                    lost = error
                    break
            for edge in edges:
                if not self._stopped:
                    self._on_edge(edge)
        self._on_lost(lost)
