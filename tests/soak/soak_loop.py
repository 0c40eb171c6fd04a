"""Virtual time for a whole day: it stands still while a thread works, and says who woke the loop up."""

from __future__ import annotations

import asyncio
import functools
import selectors
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

TURNS_AT_ONCE = 100_000
"""More than anything that happens in a moment takes; a loop that never ends takes them in a second."""


class _Selector(selectors.DefaultSelector):
    """Never waits for a timer, but for threads: what they do takes no time."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0
        self.turns = 0  # of the loop at this very time
        self.threads = 0
        self.on_wait: Callable[[], None] = lambda: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        self.turns += 1
        if self.turns > TURNS_AT_ONCE:
            raise AssertionError("time stands still: something is due again and again")
        if ready or timeout == 0:
            return ready
        if self.threads:
            return super().select(None)
        if timeout is None:
            raise AssertionError("nothing is scheduled and nothing can happen: the day stands still")
        self.on_wait()
        self.turns = 0
        self.skipped_s += timeout
        return ready


class SoakLoop(asyncio.SelectorEventLoop):
    """Starts at 1000 s. `wakes` counts, by what was due, how often the loop had gone to sleep before."""

    def __init__(self) -> None:
        self._day = _Selector()
        super().__init__(self._day)
        self._day.on_wait = self._note_wake
        self.wakes: Counter[str] = Counter()
        self.watch_wakes = False

    def time(self) -> float:
        return 1000.0 + self._day.skipped_s

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        self._day.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, future: asyncio.Future[Any]) -> None:
        self._day.threads -= 1

    async def shutdown_default_executor(self, *args: Any) -> None:
        self._day.threads += 1
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self._day.threads -= 1

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        """From this very thread nobody has to be woken up, which costs two system calls."""
        if threading.get_ident() == self._thread_id:  # type: ignore[attr-defined]
            return self.call_soon(callback, *args, context=context)
        return super().call_soon_threadsafe(callback, *args, context=context)

    def _note_wake(self) -> None:
        if self.watch_wakes:
            self.wakes[_name(self._scheduled[0]._callback)] += 1  # type: ignore[attr-defined]

    @property
    def timers(self) -> int:
        """Set, the cancelled ones that are still in the heap included."""
        return len(self._scheduled)  # type: ignore[attr-defined]


def _name(callback: Any) -> str:
    while isinstance(callback, functools.partial):
        callback = callback.func
    name = getattr(callback, "__qualname__", repr(callback))
    module = getattr(callback, "__module__", "")
    return f"{module}.{name}"


def run_day(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` in virtual time."""
    with asyncio.Runner(loop_factory=SoakLoop) as runner:
        runner.run(main)
