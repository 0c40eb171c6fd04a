"""Keeps C libraries from writing to stderr while they are called. Shell around C's standard streams."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """What C code prints to its `stderr` meanwhile is thrown away; Python's goes where it went.

    PortAudio of Debian is built to print each failed step: 24 lines for every attempt to open a card that is
    unplugged, enough to fill a journal while waiting for it. One caller at a time.
    """
    import ctypes  # only where there is a sound card: it is slow to import

    stderr = ctypes.c_void_p.in_dll(ctypes.CDLL(None), "stderr")  # C code prints to whatever this points to
    before = stderr.value
    stderr.value = _nowhere() or before
    try:
        yield
    finally:
        stderr.value = before


@functools.cache
def _nowhere() -> int | None:
    """A stream that leads nowhere. Never closed: another thread may still be printing to it."""
    import ctypes

    c = ctypes.CDLL(None)
    c.fopen.restype = ctypes.c_void_p
    stream: int | None = c.fopen(b"/dev/null", b"we")
    return stream
