from __future__ import annotations

import io
import os
import pty

import pytest

from hw.errors import DeviceError, Fault
from hw.leds.console import ConsoleLight, colour_name


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_real_terminal_gets_block_and_word_and_a_clear_line_at_the_end() -> None:
    reader_fd, program_fd = pty.openpty()
    with os.fdopen(program_fd, "w") as program, os.fdopen(reader_fd, "rb", buffering=0) as reader:
        light = ConsoleLight(stream=program)
        light.start()
        light.show([(0, 200, 255)])
        light.stop()
        expected = "\r\x1b[2K.  dark\r" + "\r\x1b[2K\x1b[48;2;0;200;255m  \x1b[0m cyan\r" + "\r\x1b[2K"
        seen = b""
        while len(seen) < len(expected):
            seen += reader.read(1024)
        assert seen.decode() == expected


def test_nothing_is_written_when_nothing_changes() -> None:
    terminal = Terminal()
    light = ConsoleLight(stream=terminal)
    light.start()
    light.show([(9, 9, 9)])
    before = terminal.getvalue()
    light.show([(9, 9, 9)])
    assert terminal.getvalue() == before


def test_the_word_is_that_of_the_brightest_pixel() -> None:
    terminal = Terminal()
    light = ConsoleLight(pixels=3, stream=terminal)
    light.start()
    light.show([(0, 0, 0), (255, 170, 0), (50, 0, 0)])
    assert terminal.getvalue().endswith(" amber\r")


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((0, 0, 0), "dark"),
        ((40, 0, 0), "red"),
        ((255, 60, 0), "orange"),
        ((120, 80, 0), "amber"),
        ((0, 255, 64), "green"),
        ((0, 40, 160), "blue"),
        ((200, 0, 255), "violet"),
        ((70, 70, 70), "white"),
    ],
)
def test_a_colour_has_the_name_of_its_hue(colour: tuple[int, int, int], name: str) -> None:
    assert colour_name(colour) == name


def test_a_log_file_is_no_terminal() -> None:
    with pytest.raises(DeviceError, match="use another light driver") as caught:
        ConsoleLight(stream=io.StringIO()).start()
    assert caught.value.fault is Fault.UNSUPPORTED


def test_more_pixels_than_a_line_holds_are_refused() -> None:
    with pytest.raises(DeviceError, match="from 1 to 24"):
        ConsoleLight(pixels=25)
