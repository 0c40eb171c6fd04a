"""A terminal that several buttons read, each its own key. Shell around a terminal and a thread."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import select
import termios
import threading
import time
import tty
from typing import Any, Protocol

from hw.errors import DeviceError, Fault

# Arrow and function keys, and Alt with another key: their letters are nobody's.
_ESCAPED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)

_in_use_lock = threading.Lock()
_in_use: dict[int, Terminal] = {}  # by device number: a terminal exists once, whoever opens it


class KeyTaker(Protocol):
    """Somebody waiting for one key. Called on the terminal's thread: must not raise."""

    def key(self, now: float) -> None:
        """The key came, at monotonic time `now`."""

    def tick(self, now: float) -> None:
        """Time has passed."""

    def next_deadline(self) -> float | None:
        """When `tick` is due."""


class Terminal:
    """Unbuffered input without echo, from the first key that is taken until the last is given back.

    Ctrl-C keeps its meaning; keys that nobody has taken are read and dropped. The terminal is given back as
    it was, also at exit.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._settings: list[Any] | None = termios.tcgetattr(fd)
        tty.setcbreak(fd)
        self._takers: dict[int, KeyTaker] = {}
        self._stopped = threading.Event()
        self._wake_fds = os.pipe()
        atexit.register(self._restore)
        # daemon: a thread that waits for a key must not keep the process alive
        self._thread = threading.Thread(target=self._read, name="keyboard", daemon=True)
        self._thread.start()

    def _restore(self) -> None:
        settings, self._settings = self._settings, None
        if settings is not None:
            with contextlib.suppress(termios.error):  # the terminal has gone
                termios.tcsetattr(self._fd, termios.TCSADRAIN, settings)

    def _forget(self, taker: KeyTaker) -> bool:
        """True if that was its last."""
        keys = [key for key, owner in self._takers.items() if owner is taker]
        for key in keys:
            del self._takers[key]
        return bool(keys) and not self._takers

    def _give_up(self) -> None:
        """Restore it and tell the thread."""
        self._stopped.set()
        os.close(self._wake_fds[1])  # readable end of file: wakes the thread
        atexit.unregister(self._restore)
        self._restore()

    def _join(self) -> None:
        if self._thread is not threading.current_thread():
            self._thread.join()
        os.close(self._wake_fds[0])

    def _read(self) -> None:
        terminal_open = True
        while not self._stopped.is_set():
            takers = list(self._takers.values())
            deadlines = [due for taker in takers if (due := taker.next_deadline()) is not None]
            timeout_s = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
            watched = [self._wake_fds[0], self._fd] if terminal_open else [self._wake_fds[0]]
            readable, _, _ = select.select(watched, [], [], timeout_s)
            for taker in list(self._takers.values()):
                taker.tick(time.monotonic())
            if self._fd in readable and not self._stopped.is_set():
                keys = _read_keys(self._fd)
                terminal_open = bool(keys)
                for key in _ESCAPED.sub(b"", keys):
                    if (taken := self._takers.get(key)) is not None:
                        taken.key(time.monotonic())


def take_key(fd: int, key: int, taker: KeyTaker) -> None:
    """Have `taker` told of every `key` (its ASCII code) typed at the terminal `fd`.

    Raises `DeviceError`: UNSUPPORTED if `fd` is no terminal, BUSY if the key is taken.
    """
    with _in_use_lock:
        try:
            device = os.fstat(fd).st_rdev
            terminal = _in_use.get(device) or Terminal(fd)
        except (termios.error, OSError) as error:
            raise no_terminal(error) from error
        if key in terminal._takers:
            detail = f"the key {chr(key)!r} belongs to another button already"
            raise DeviceError(Fault.BUSY, "keyboard", detail, "Choose another key.")
        _in_use[device] = terminal
        terminal._takers[key] = taker


def give_back_key(taker: KeyTaker) -> None:
    """The opposite of `take_key`. The terminal is restored, and its thread has ended, with the last key."""
    with _in_use_lock:
        given_up = [device for device, terminal in _in_use.items() if terminal._forget(taker)]
        terminals = [_in_use.pop(device) for device in given_up]
        for terminal in terminals:
            terminal._give_up()
    for terminal in terminals:  # without the lock: the thread may be about to give back a key, too
        terminal._join()


def no_terminal(error: Exception) -> DeviceError:
    detail = f"the input is not a terminal ({error.args[-1]})"
    remedy = "Run it in a terminal, or choose another button driver."
    return DeviceError(Fault.UNSUPPORTED, "keyboard", detail, remedy)


def _read_keys(fd: int) -> bytes:
    """What has been typed; empty when the terminal has gone."""
    try:
        return os.read(fd, 1024)
    except OSError:
        return b""
