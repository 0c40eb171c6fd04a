"""Keeps what this process prints, dumps and shows of itself free of secrets. Shell around the system."""

from __future__ import annotations

import io
import logging
import resource
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from daemon.journal import BUG
from daemon.redaction import Redactor

log = logging.getLogger("harkd")

_PR_SET_DUMPABLE = 4
_OWN_STATUS = Path("/proc/self/status")


def guard_outputs(redactor: Redactor) -> None:
    """What is printed, and every error that nobody catches, is told without secrets."""
    sys.stdout, sys.stderr = _clean(sys.stdout, redactor), _clean(sys.stderr, redactor)
    sys.excepthook = _on_uncaught
    threading.excepthook = _on_uncaught_in_thread
    sys.unraisablehook = _on_unraisable


def hide_process(variables: Iterable[str] = ()) -> None:
    """No core dump, no `/proc/PID/environ` for others of our user, and nothing in it for root either.

    `variables` stay what they are for Python and are wiped where the kernel shows them. Under a debugger
    nothing of this is done.
    """
    if _is_traced():
        return
    import ctypes  # only here: it is slow to import

    c = ctypes.CDLL(None)
    c.getenv.restype = ctypes.c_void_p
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # children, too; a pipe as core_pattern does not ask
    c.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # which is why this, as well
    for name in variables:
        value = c.getenv(name.encode())
        if value:
            ctypes.memset(value, 0, len(ctypes.string_at(value)))


def _is_traced() -> bool:
    try:
        status = _OWN_STATUS.read_text()
    except OSError:
        return False
    return "TracerPid:\t0\n" not in status


class _Clean(io.TextIOWrapper):
    """A stream on which nobody can print a secret in one piece."""

    redactor: Redactor

    def write(self, text: str) -> int:
        super().write(self.redactor.text(text))
        return len(text)


def _clean(stream: Any, redactor: Redactor) -> Any:
    """Terminals are left alone: what draws on one asks for its real stream."""
    if not isinstance(stream, io.TextIOWrapper) or stream.isatty():
        return stream
    clean = _Clean(stream.detach(), encoding="utf-8", errors="backslashreplace", line_buffering=True)
    clean.redactor = redactor
    return clean


def _on_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical(
        "harkd ends on an error of ours", exc_info=(kind, error, trace), extra=BUG(error=kind.__name__)
    )


def _on_uncaught_in_thread(caught: threading.ExceptHookArgs) -> None:
    if caught.exc_value is None or issubclass(caught.exc_type, SystemExit):
        return
    thread = caught.thread.name if caught.thread else "a thread"
    log.error(
        "%s ended on an error of ours",
        thread,
        exc_info=(caught.exc_type, caught.exc_value, caught.exc_traceback),
        extra=BUG(error=caught.exc_type.__name__),
    )


def _on_unraisable(caught: sys.UnraisableHookArgs) -> None:
    error = caught.exc_value
    what = caught.err_msg or "an error nobody could catch"
    info = (type(error), error, caught.exc_traceback) if error is not None else None
    log.error("%s", what, exc_info=info, extra=BUG(error=caught.exc_type.__name__))
