"""Gives a device made of files a clock of its own. Shell around a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pacer:
    """Calls `tick` once per `period_s` on its own thread until `stop`.

    The schedule is absolute (start + n * period): a late tick is followed by early ones, the rate does not
    drift. Ends by itself when `tick` answers False.

    It waits at a lock that `stop` lets go of: an `Event` takes 6 k instructions more for each wait.
    """

    def __init__(self, period_s: float, tick: Callable[[], bool], name: str) -> None:
        self._period_s = period_s
        self._tick = tick
        self._stopped = False
        self._running = threading.Lock()
        self._running.acquire()
        # daemon: a process that forgot to stop its devices must still be able to exit
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No tick begins after this returns. May be called from within a tick."""
        if not self._stopped:
            self._stopped = True
            self._running.release()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        n = 0
        while True:
            n += 1
            late_s = time.monotonic() - (began + n * self._period_s)
            if late_s < 0:
                self._running.acquire(timeout=-late_s)
            if self._stopped or not self._tick():
                return
