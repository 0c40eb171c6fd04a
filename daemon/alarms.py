"""Watches the clock for the timers of the box. Shell around the loop's timers and the wall clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from daemon.journal import UNSAVED
from daemon.timers import Timer, TimerBook

log = logging.getLogger("harkd")

LOOK_S = 30.0
"""The wall clock is looked at this often while a timer is set, to notice when somebody sets it."""

RETRY_S = 60.0
"""A disk that is full or read-only is tried again this often, as long as something is unsaved."""

JUMP_S = 2.0
"""More than any drift in `LOOK_S`; less than anybody minds a timer to be wrong by."""


class Alarms:
    """The timers of the box. On the loop's thread only.

    `on_ring` is called when timers begin to ring, also when more join, `on_hush` when the last one has ended
    without `dismiss`. `save`, if given, is awaited with all timers after every change; while it works changes
    are collected, so that one write at a time is under way. If it raises `OSError` the timers go on without
    it, and it is tried again every `RETRY_S` and at the end; the journal is told once until it works again.
    """

    def __init__(
        self,
        wall_clock: Callable[[], float],
        on_ring: Callable[[], object],
        on_hush: Callable[[], object],
        save: Callable[[Sequence[Timer]], Awaitable[None]] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._wall_clock = wall_clock
        self._on_ring = on_ring
        self._on_hush = on_hush
        self._save = save
        self._book = TimerBook()
        self._offset_s = self._offset_now()
        self._ringing: frozenset[int] = frozenset()
        self._look: asyncio.TimerHandle | None = None
        self._writer: asyncio.Task[None] | None = None
        self._written: tuple[Timer, ...] = ()
        self._failing = False
        self._retry: asyncio.TimerHandle | None = None
        self._stopped = False

    def start(self, restored: Iterable[Timer]) -> None:
        """Go on with the timers of the last run; those due meanwhile ring now, unless their time is over."""
        self._book = TimerBook(restored)
        self._written = self._book.timers
        self._watch()

    async def stop(self) -> None:
        """Stop watching, save what is unsaved, and wait for it."""
        self._stopped = True
        for timer in (self._look, self._retry):
            if timer is not None:
                timer.cancel()
        self._save_changes()
        if self._writer is not None:
            await self._writer

    @property
    def failing(self) -> bool:
        """The last attempt to save failed: a restart would lose what has changed since."""
        return self._failing

    @property
    def timers(self) -> tuple[Timer, ...]:
        return self._book.timers

    def remaining(self) -> list[tuple[Timer, float]]:
        """Each timer with the seconds until it is due, the next one first; 0 while it rings."""
        now_unix = self._now()
        return [(timer, max(0.0, timer.due_unix - now_unix)) for timer in self._book.timers]

    def set(self, seconds: float, label: str) -> Timer:
        """Raises `daemon.timers.TimerError`."""
        timer = self._book.set(seconds, label, self._now())
        self._watch()
        return timer

    def cancel(self, timer_id: int) -> Timer:
        """Raises `daemon.timers.TimerError`."""
        timer = self._book.cancel(timer_id)
        self._watch()
        return timer

    def dismiss(self) -> None:
        """Somebody came: what rings now has done its work."""
        self._book.dismiss(self._now())
        self._ringing = frozenset()
        self._watch()

    def _now(self) -> float:
        """The wall clock's time, after telling the book if somebody has set it."""
        offset_s = self._offset_now()
        jump_s, self._offset_s = offset_s - self._offset_s, offset_s
        if abs(jump_s) > JUMP_S:
            log.info("the wall clock was set by %+.0f s", jump_s)
            self._book.clock_jumped(jump_s)
        return self._loop.time() + offset_s

    def _offset_now(self) -> float:
        return self._wall_clock() - self._loop.time()

    def _watch(self) -> None:
        """Tell of what has begun or ended to ring, save what has changed, and look again in time."""
        now_unix = self._now()
        for timer in self._book.lapse(now_unix):
            log.warning("timer %d (%s) was due and nobody came", timer.id, timer.label or "no name")
        before, self._ringing = self._ringing, frozenset(timer.id for timer in self._book.due(now_unix))
        self._save_changes()
        if self._look is not None:
            self._look.cancel()
        due_unix = self._book.next_deadline(now_unix)
        wait_s = None if due_unix is None else min(due_unix - now_unix, LOOK_S)
        self._look = None if wait_s is None else self._loop.call_later(wait_s, self._watch)
        if self._ringing - before:
            self._on_ring()
        elif before and not self._ringing:
            self._on_hush()

    # ---- saving --------------------------------------------------------------------

    def _save_changes(self) -> None:
        if self._save is None or self._writer is not None:
            return
        if self._book.timers != self._written:
            self._writer = asyncio.create_task(self._write(self._save), name="timer file")
        else:
            self._failing = False  # what could not be saved has gone

    async def _write(self, save: Callable[[Sequence[Timer]], Awaitable[None]]) -> None:
        try:
            while (timers := self._book.timers) != self._written and await self._saved(save, timers):
                self._written = timers
        finally:
            self._writer = None
        if self._failing and not self._stopped:
            if self._retry is not None:
                self._retry.cancel()
            self._retry = self._loop.call_later(RETRY_S, self._save_changes)

    async def _saved(
        self, save: Callable[[Sequence[Timer]], Awaitable[None]], timers: Sequence[Timer]
    ) -> bool:
        try:
            await save(timers)
            self._failing = False
        except OSError as error:
            if not self._failing:  # once, not with every change
                log.warning(
                    "the timers cannot be saved, a restart will lose them: %s", error, extra=UNSAVED()
                )
            self._failing = True
        return not self._failing
