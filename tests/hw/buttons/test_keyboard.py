from __future__ import annotations

import os
import pty
import queue
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from hw.buttons.keyboard import KeyboardButton
from hw.errors import DeviceError, Fault

SOON_S = 5.0


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """The typist's end and the program's end of a terminal."""
    typist_fd, program_fd = pty.openpty()
    with os.fdopen(program_fd) as program:
        yield typist_fd, program
    os.close(typist_fd)


def test_space_presses_and_other_keys_do_not(terminal: tuple[int, TextIO]) -> None:
    typist_fd, program = terminal
    button, edges = KeyboardButton(program), queue.Queue[bool]()
    button.start(edges.put)
    os.write(typist_fd, b"xyz ")
    assert edges.get(timeout=SOON_S) is True
    assert button.is_pressed()
    button.stop()
    assert edges.empty()


def test_a_hold_ends_when_its_repeats_end(terminal: tuple[int, TextIO]) -> None:
    typist_fd, program = terminal
    button, edges = KeyboardButton(program), queue.Queue[bool]()
    button.start(edges.put)
    os.write(typist_fd, b"  ")
    assert [edges.get(timeout=SOON_S), edges.get(timeout=SOON_S)] == [True, False]
    button.stop()


def test_the_terminal_is_given_back_as_it_was(terminal: tuple[int, TextIO]) -> None:
    _, program = terminal
    before = termios.tcgetattr(program.fileno())
    button = KeyboardButton(program)
    button.start(bool)
    while_started = termios.tcgetattr(program.fileno())
    button.stop()
    assert not while_started[3] & (termios.ECHO | termios.ICANON)
    assert while_started[3] & termios.ISIG
    assert termios.tcgetattr(program.fileno()) == before


def test_stop_from_within_an_edge(terminal: tuple[int, TextIO]) -> None:
    typist_fd, program = terminal
    button, edges = KeyboardButton(program), queue.Queue[bool]()

    def on_edge(pressed: bool) -> None:
        button.stop()
        edges.put(pressed)

    button.start(on_edge)
    os.write(typist_fd, b" ")
    assert edges.get(timeout=SOON_S) is True
    assert not button.is_pressed()


def test_a_terminal_that_goes_away_ends_no_thread_and_stop_still_works() -> None:
    typist_fd, program_fd = pty.openpty()
    with os.fdopen(program_fd) as program:
        button, edges = KeyboardButton(program), queue.Queue[bool]()
        button.start(edges.put)
        os.write(typist_fd, b" ")
        assert edges.get(timeout=SOON_S) is True
        os.close(typist_fd)
        button.stop()


def test_what_is_no_terminal_is_unsupported(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+") as file, pytest.raises(DeviceError, match="not a terminal") as caught:
        KeyboardButton(file).start(bool)
    assert caught.value.fault is Fault.UNSUPPORTED
