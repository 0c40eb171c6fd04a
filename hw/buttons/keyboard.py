"""The space bar of a terminal as a button. Shell around a terminal and a thread."""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import sys
import termios
import threading
import time
import tty
from typing import Any, TextIO

from hw.audio.callbacks import guarded_on_edge
from hw.buttons.key_latch import KeyLatch
from hw.errors import DeviceError, Fault
from hw.ports import OnEdge

_KEY = b" "


class KeyboardButton:
    """Hold space to talk, or tap to talk and tap again to send; see `KeyLatch` for what a terminal can tell.

    `stream` is a terminal open for reading; None means standard input. It is switched to unbuffered input
    without echo while started, and restored by `stop` and at exit. Ctrl-C keeps its meaning; other keys are
    read and dropped.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._fd = -1
        self._settings: list[Any] | None = None  # the terminal's own, while started
        self._wake_fds: tuple[int, int] = (-1, -1)
        self._thread: threading.Thread | None = None
        self._latch = KeyLatch()
        self._stopped = threading.Event()

    def start(self, on_edge: OnEdge) -> None:
        """Raises `DeviceError` UNSUPPORTED when the stream is not a terminal."""
        if self._thread is not None:
            raise RuntimeError("the keyboard button is started already")
        self._fd, self._settings = self._take_terminal()
        self._latch = KeyLatch()
        self._stopped = threading.Event()
        self._wake_fds = os.pipe()
        atexit.register(self._restore)
        # daemon: see Pacer
        guarded = guarded_on_edge(on_edge, "keyboard")
        self._thread = threading.Thread(target=self._read, args=(guarded,), name="keyboard", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopped.set()
        read_fd, write_fd = self._wake_fds
        os.close(write_fd)  # readable end of file: wakes the thread
        if thread is not threading.current_thread():
            thread.join()
        os.close(read_fd)
        atexit.unregister(self._restore)
        self._restore()

    def is_pressed(self) -> bool:
        return self._thread is not None and self._latch.pressed

    def _take_terminal(self) -> tuple[int, list[Any]]:
        stream = self._stream or sys.stdin
        try:
            fd = stream.fileno()
            settings = termios.tcgetattr(fd)
            tty.setcbreak(fd)
        except (termios.error, OSError, ValueError, AttributeError) as error:
            detail = f"the input is not a terminal ({error.args[-1]})"
            remedy = "Run it in a terminal, or choose another button driver."
            raise DeviceError(Fault.UNSUPPORTED, "keyboard", detail, remedy) from error
        return fd, settings

    def _restore(self) -> None:
        settings, self._settings = self._settings, None
        if settings is not None:
            with contextlib.suppress(termios.error):  # the terminal has gone
                termios.tcsetattr(self._fd, termios.TCSADRAIN, settings)

    def _read(self, on_edge: OnEdge) -> None:
        # its own, should `on_edge` stop and start the button
        stopped, latch, wake_fd, terminal_fd = self._stopped, self._latch, self._wake_fds[0], self._fd
        terminal_open = True
        while not stopped.is_set():
            deadline = latch.next_deadline()
            timeout_s = None if deadline is None else max(0.0, deadline - time.monotonic())
            watched = [wake_fd, terminal_fd] if terminal_open else [wake_fd]
            readable, _, _ = select.select(watched, [], [], timeout_s)
            if stopped.is_set():
                return
            edges = latch.tick(time.monotonic())
            if terminal_fd in readable:
                keys = _read_keys(terminal_fd)
                terminal_open = bool(keys)
                for _ in range(keys.count(_KEY)):
                    edges += latch.key(time.monotonic())
            for edge in edges:
                if not stopped.is_set():
                    on_edge(edge)


def _read_keys(fd: int) -> bytes:
    """What has been typed; empty when the terminal has gone."""
    try:
        return os.read(fd, 1024)
    except OSError:
        return b""
