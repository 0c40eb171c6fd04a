from __future__ import annotations

import os
import pty
import queue
import termios
import threading
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
    button, edges = KeyboardButton(stream=program), queue.Queue[bool]()
    button.start(edges.put)
    os.write(typist_fd, b"xyz ")
    assert edges.get(timeout=SOON_S) is True
    assert button.is_pressed()
    button.stop()
    assert edges.empty()


def test_a_hold_ends_when_its_repeats_end(terminal: tuple[int, TextIO]) -> None:
    typist_fd, program = terminal
    button, edges = KeyboardButton(stream=program), queue.Queue[bool]()
    button.start(edges.put)
    os.write(typist_fd, b"  ")
    assert [edges.get(timeout=SOON_S), edges.get(timeout=SOON_S)] == [True, False]
    button.stop()


def test_the_terminal_is_given_back_as_it_was(terminal: tuple[int, TextIO]) -> None:
    _, program = terminal
    before = termios.tcgetattr(program.fileno())
    button = KeyboardButton(stream=program)
    button.start(bool)
    while_started = termios.tcgetattr(program.fileno())
    button.stop()
    assert not while_started[3] & (termios.ECHO | termios.ICANON)
    assert while_started[3] & termios.ISIG
    assert termios.tcgetattr(program.fileno()) == before


def test_stop_from_within_an_edge(terminal: tuple[int, TextIO]) -> None:
    typist_fd, program = terminal
    button, edges = KeyboardButton(stream=program), queue.Queue[bool]()

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
        button, edges = KeyboardButton(stream=program), queue.Queue[bool]()
        button.start(edges.put)
        os.write(typist_fd, b" ")
        assert edges.get(timeout=SOON_S) is True
        os.close(typist_fd)
        button.stop()


def test_what_is_no_terminal_is_unsupported(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+") as file, pytest.raises(DeviceError, match="not a terminal") as caught:
        KeyboardButton(stream=file).start(bool)
    assert caught.value.fault is Fault.UNSUPPORTED


def test_several_keys_share_a_terminal_each_for_its_own_button(terminal: tuple[int, TextIO]) -> None:
    typist_fd, program = terminal
    edges = queue.Queue[tuple[str, bool]]()
    buttons = [KeyboardButton(key, latch=False, stream=program) for key in ("s", "+", "enter")]
    for button, name in zip(buttons, ("s", "+", "enter"), strict=True):
        button.start(lambda pressed, name=name: edges.put((name, pressed)))  # type: ignore[misc]
    os.write(typist_fd, b"sx+\r")
    heard = [edges.get(timeout=SOON_S) for _ in range(6)]
    for button in buttons:
        button.stop()
    assert heard[:3] == [("s", True), ("+", True), ("enter", True)]
    assert sorted(heard[3:]) == [("+", False), ("enter", False), ("s", False)]


def test_a_key_that_stops_leaves_the_others_their_terminal(terminal: tuple[int, TextIO]) -> None:
    typist_fd, program = terminal
    before = termios.tcgetattr(program.fileno())
    stop, mute, edges = (
        KeyboardButton("s", latch=False, stream=program),
        KeyboardButton("m", latch=False, stream=program),
        queue.Queue[bool](),
    )
    stop.start(edges.put)
    mute.start(edges.put)
    stop.stop()
    os.write(typist_fd, b"s")
    os.write(typist_fd, b"m")
    assert [edges.get(timeout=SOON_S), edges.get(timeout=SOON_S)] == [True, False]
    mute.stop()
    assert edges.empty()
    assert termios.tcgetattr(program.fileno()) == before
    assert "keyboard" not in [thread.name for thread in threading.enumerate()]


def test_arrows_and_alt_with_a_key_are_nobodys_key(terminal: tuple[int, TextIO]) -> None:
    typist_fd, program = terminal
    keys = {key: KeyboardButton(key, latch=False, stream=program) for key in "AOam["}
    edges = queue.Queue[str]()
    for key, button in keys.items():
        button.start(lambda pressed, key=key: edges.put(key) if pressed else None)  # type: ignore[misc]
    os.write(typist_fd, b"\x1b[A\x1bOA\x1b[1;5A\x1bmm")
    assert edges.get(timeout=SOON_S) == "m"
    for button in keys.values():
        button.stop()
    assert edges.empty()


def test_a_key_that_is_taken_is_busy_until_it_is_given_back(terminal: tuple[int, TextIO]) -> None:
    _, program = terminal
    first, second = KeyboardButton("m", stream=program), KeyboardButton("m", latch=False, stream=program)
    first.start(bool)
    with pytest.raises(DeviceError, match="'m' belongs to another button") as caught:
        second.start(bool)
    assert caught.value.fault is Fault.BUSY
    first.stop()
    second.start(bool)
    second.stop()


@pytest.mark.parametrize("key", ["Space", "", "mm", "\x1b", "é", "\x7f"])
def test_what_is_no_key_is_unsupported(terminal: tuple[int, TextIO], key: str) -> None:
    with pytest.raises(DeviceError, match=r"there is no key .*; there are space, enter, tab") as caught:
        KeyboardButton(key, stream=terminal[1]).start(bool)
    assert caught.value.fault is Fault.UNSUPPORTED


def test_the_last_key_may_stop_and_start_again_from_within_an_edge(terminal: tuple[int, TextIO]) -> None:
    typist_fd, program = terminal
    button, edges = KeyboardButton("m", latch=False, stream=program), queue.Queue[str]()

    def first(pressed: bool) -> None:
        button.stop()
        button.start(lambda pressed: edges.put("second"))
        edges.put("first")

    button.start(first)
    os.write(typist_fd, b"m")
    assert edges.get(timeout=SOON_S) == "first"
    os.write(typist_fd, b"m")
    assert edges.get(timeout=SOON_S) == "second"
    button.stop()
