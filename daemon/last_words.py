"""What a daemon that hangs leaves behind when its watchdog ends it: a recording, and where it stood.

Shell around SIGABRT and a thread that waits for it.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import threading
from traceback import format_stack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.recorder import FlightRecorder

log = logging.getLogger("harkd")


def block_abort() -> None:
    """Call it before the first other thread starts: each inherits that SIGABRT is not for it.

    A handler in Python would not do: it runs when the main thread is back in Python, and one that hangs in
    a library never is. An `abort()` of a library's own still ends the process, and says where it was.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGABRT})
    faulthandler.enable()


def record_when_aborted(recorder: FlightRecorder) -> None:
    """systemd ends a daemon that does not feed its watchdog by SIGABRT: what led to it is written down first.

    In vain where a library hangs without letting other threads run. Without `block_abort`, for a program
    that has the daemon as a part of it, nothing happens here.
    """
    if signal.SIGABRT not in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        return
    main = threading.current_thread().ident
    threading.Thread(target=_wait_for_abort, args=(recorder, main), name="last words", daemon=True).start()


def _wait_for_abort(recorder: FlightRecorder, main: int) -> None:
    signal.sigwait({signal.SIGABRT})
    try:
        where = format_stack(sys._current_frames()[main])
        log.error("aborted, probably by the watchdog, here:\n%s", "".join(where))
        recorder.save_now("watchdog")
    finally:
        faulthandler.disable()  # it would say once more what was just said
        os.abort()
