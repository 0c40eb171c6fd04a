"""The light as a line on a terminal. Shell around a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import TextIO

from hw.errors import DeviceError, Fault
from hw.leds.colours import BLACK, require_colours
from hw.ports import Colour

MAX_PIXELS = 24
"""Two columns each, with room for the word on the narrowest terminal."""

_CLEAR_LINE = "\r\x1b[2K"
_NAMES: dict[str, Colour] = {
    "red": (255, 0, 0),
    "orange": (255, 90, 0),
    "amber": (255, 170, 0),
    "green": (0, 255, 0),
    "cyan": (0, 220, 255),
    "blue": (0, 60, 255),
    "violet": (190, 0, 255),
    "white": (255, 255, 255),
}


class ConsoleLight:
    """A coloured block per pixel, and the colour's name; one line, written only when it changes.

    `stream` is a terminal; None means standard error. The cursor is left at the line's beginning, so that
    the next line of a log takes its place. A terminal that is held (Ctrl-S) holds whoever writes to it.
    """

    def __init__(self, *, pixels: int = 1, stream: TextIO | None = None) -> None:
        if not 1 <= pixels <= MAX_PIXELS:
            remedy = f"Name a number from 1 to {MAX_PIXELS}."
            raise DeviceError(Fault.UNSUPPORTED, "console", f"pixels = {pixels} is not possible", remedy)
        self._pixels = pixels
        self._stream = stream
        self._terminal: TextIO | None = None
        self._line = ""

    @property
    def pixels(self) -> int:
        return self._pixels

    @property
    def dims(self) -> bool:
        """False: a terminal at the other end of a network is no place for 25 frames a second."""
        return False

    def start(self) -> None:
        """Raises `DeviceError` UNSUPPORTED when the stream is no terminal: a log must not fill with this."""
        if self._terminal is not None:
            raise RuntimeError("the console light is started already")
        stream = self._stream or sys.stderr
        if stream is None or stream.closed or not stream.isatty():
            remedy = "Start the program in a terminal, or use another light driver."
            raise DeviceError(Fault.UNSUPPORTED, "console", "standard error is not a terminal", remedy)
        self._terminal = stream
        self._line = ""
        self.show([BLACK] * self._pixels)

    def show(self, colours: Sequence[Colour]) -> None:
        if self._terminal is None:
            raise RuntimeError("the console light is not started")
        require_colours(colours, self._pixels)
        blocks = "".join(_block(colour) for colour in colours)
        line = f"{blocks} {colour_name(max(colours, key=max))}"
        if line != self._line:
            self._write(f"{_CLEAR_LINE}{line}\r")
            self._line = line

    def stop(self) -> None:
        if self._terminal is None:
            return
        with contextlib.suppress(DeviceError):  # nobody looks at it any more
            self._write(_CLEAR_LINE)
        self._terminal = None

    def _write(self, text: str) -> None:
        assert self._terminal is not None
        try:
            self._terminal.write(text)
            self._terminal.flush()
        except (OSError, ValueError) as error:  # ValueError: it was closed
            raise DeviceError(Fault.LOST, "console", f"the terminal has gone ({error})") from error


def colour_name(colour: Colour) -> str:
    """The nearest of a few names, by hue: a fainter red is still red."""
    brightest = max(colour)
    if brightest == 0:
        return "dark"
    full = tuple(255 * part / brightest for part in colour)
    return min(_NAMES, key=lambda name: sum((a - b) ** 2 for a, b in zip(full, _NAMES[name], strict=True)))


def _block(colour: Colour) -> str:
    if colour == BLACK:
        return ". "
    return "\x1b[48;2;{};{};{}m  \x1b[0m".format(*colour)
