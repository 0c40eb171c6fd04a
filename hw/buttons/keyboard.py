"""Keys of a terminal as buttons. Shell around a terminal, read by `hw.buttons.terminal`, and a lock."""

from __future__ import annotations

import sys
import threading
from typing import TextIO

from hw.audio.callbacks import guarded_on_edge
from hw.buttons.key_latch import KeyLatch, KeyTap
from hw.buttons.terminal import give_back_key, no_terminal, take_key
from hw.errors import DeviceError, Fault
from hw.ports import OnEdge

NAMED_KEYS = {"space": " ", "enter": "\n", "tab": "\t"}


class KeyboardButton:
    """One key: a printable ASCII character, or "space", "enter" or "tab". Any number share a terminal.

    A terminal tells of presses only. With `latch`, for talking: hold the key, or tap it to talk and tap it
    again to send; see `KeyLatch`. Without, for everything else: the key is a tap, and a hold while it
    repeats; see `KeyTap`.

    `stream` is a terminal open for reading; None means standard input. It is switched to unbuffered input
    without echo while any of its keys is started. Ctrl-C keeps its meaning.
    """

    def __init__(self, key: str = "space", *, latch: bool = True, stream: TextIO | None = None) -> None:
        self._key = key
        self._make_latch = KeyLatch if latch else KeyTap
        self._stream = stream
        self._latch: KeyLatch | KeyTap = self._make_latch()
        self._on_edge: OnEdge | None = None
        # Held while an edge is reported; re-entered when `on_edge` calls `stop`.
        self._lock = threading.RLock()

    def start(self, on_edge: OnEdge) -> None:
        """Raises `DeviceError`: UNSUPPORTED for what is no key or no terminal, BUSY for a key in use."""
        if self._on_edge is not None:
            raise RuntimeError(f"the key {self._key!r} is started already")
        code, fd = self._code(), self._fd()
        with self._lock:
            self._latch = self._make_latch()
            self._on_edge = guarded_on_edge(on_edge, f"key {self._key!r}")
        try:
            take_key(fd, code, self)
        except DeviceError:
            self._on_edge = None
            raise

    def stop(self) -> None:
        with self._lock:
            self._on_edge = None
        give_back_key(self)

    def is_pressed(self) -> bool:
        with self._lock:
            return self._on_edge is not None and self._latch.pressed

    # ---- on the terminal's thread ----------------------------------------------------

    def key(self, now: float) -> None:
        with self._lock:
            self._report(self._latch.key(now))

    def tick(self, now: float) -> None:
        with self._lock:
            self._report(self._latch.tick(now))

    def next_deadline(self) -> float | None:
        return self._latch.next_deadline()

    def _report(self, edges: list[bool]) -> None:
        for edge in edges:
            if self._on_edge is not None:
                self._on_edge(edge)

    # ---- opening ---------------------------------------------------------------------

    def _code(self) -> int:
        character = NAMED_KEYS.get(self._key, self._key)
        if len(character) == 1 and (character in NAMED_KEYS.values() or "!" <= character <= "~"):
            return ord(character)
        detail = (
            f"there is no key {self._key!r}; there are {', '.join(NAMED_KEYS)}, and any printable character"
        )
        raise DeviceError(Fault.UNSUPPORTED, "keyboard", detail)

    def _fd(self) -> int:
        try:
            return (self._stream or sys.stdin).fileno()
        except (OSError, ValueError, AttributeError) as error:
            raise no_terminal(error) from error
