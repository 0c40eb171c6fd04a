"""Keeps what a person set by hand over a restart. Shell around the disk and the loop's timers."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from daemon.journal import UNSAVED
from daemon.records import dataclass
from daemon.state_file import StateFile

log = logging.getLogger("harkd")

FILE_BOUND_BYTES = 4096
"""Many times what is written."""

GATHER_S = 5.0
"""A volume waits this long for the next press of the button: an SD card wears out by being written."""

RETRY_S = 60.0
"""A disk that is full or read-only is tried again this often, as long as something is unsaved."""


@dataclass(frozen=True, slots=True)
class SetByHand:
    """`volume_percent` is None until somebody has set it."""

    muted: bool = False
    volume_percent: int | None = None


class BoxStateFile:
    """`{"muted": true, "volume_percent": 40}`, written atomically."""

    def __init__(self, path: Path) -> None:
        self._file = StateFile(path, "mute and volume", FILE_BOUND_BYTES)

    def load(self) -> SetByHand:
        """What was set in an earlier run; nothing if there is no file.

        A damaged file is set aside as `NAME.damaged`, with a warning. After that, and if the file cannot be
        read, the box is muted: nobody knows that it was not. Never raises.
        """
        return self._file.load(_set_by_hand_in, absent=SetByHand(), unknown=SetByHand(muted=True))

    def save(self, state: SetByHand) -> None:
        """Replace the file; after a power cut it is the old one or the new one. Waits for the disk.

        Raises `OSError`, for example on a read-only disk; the old file is still there then.
        """
        table = {"muted": state.muted, "volume_percent": state.volume_percent}
        self._file.write(json.dumps(table).encode() + b"\n")


def _set_by_hand_in(content: bytes) -> SetByHand:
    """Raises `ValueError` for anything `save` does not write."""
    match json.loads(content):
        case {"muted": bool(muted), "volume_percent": None}:
            return SetByHand(muted)
        case {"muted": bool(muted), "volume_percent": int(percent)} if type(percent) is int:
            if 0 <= percent <= 100:
                return SetByHand(muted, percent)
    raise ValueError(f"{content[:80]!r} is not what is kept here")


class StateKeeper:
    """What is set by hand now, saved in the background. On the loop's thread only.

    Muting is saved at once: a box that was muted must not listen after a power cut. Volumes are gathered for
    `GATHER_S`, and go along with whatever is saved earlier. `save` is awaited with everything; one call at a
    time is under way. If it raises `OSError` the box goes on, and tries again with the next change, every
    `RETRY_S` and at the end; the journal is told once until it works again.
    """

    def __init__(self, restored: SetByHand, save: Callable[[SetByHand], Awaitable[None]]) -> None:
        self._state = restored
        self._written: SetByHand | None = restored  # None: unknown, since the last attempt failed
        self._save = save
        self._loop = asyncio.get_running_loop()
        self._gathering: asyncio.TimerHandle | None = None
        self._writer: asyncio.Task[None] | None = None
        self._failing = False
        self._stopped = False

    @property
    def failing(self) -> bool:
        """The last attempt to save failed: a restart would lose what is set."""
        return self._failing

    @property
    def state(self) -> SetByHand:
        return self._state

    def keep_muted(self, on: bool) -> None:
        self._state = replace(self._state, muted=on)
        self._write_soon()

    def keep_volume(self, percent: int) -> None:
        self._state = replace(self._state, volume_percent=percent)
        if self._gathering is None:
            self._gathering = self._loop.call_later(GATHER_S, self._write_soon)

    async def stop(self) -> None:
        """Save what waits, and wait for it."""
        self._stopped = True
        self._write_soon()
        if self._writer is not None:
            await self._writer

    def _write_soon(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        if self._writer is None and self._state != self._written:
            self._writer = asyncio.create_task(self._write(), name="box state file")

    async def _write(self) -> None:
        tried: SetByHand | None = None
        try:
            while self._gathering is None and self._state not in (self._written, tried):
                tried = self._state
                self._written = tried if await self._saved(tried) else None
        finally:
            self._writer = None
        if self._failing and self._gathering is None and not self._stopped:
            self._gathering = self._loop.call_later(RETRY_S, self._write_soon)

    async def _saved(self, state: SetByHand) -> bool:
        try:
            await self._save(state)
        except OSError as error:
            if not self._failing:  # once, not with every change
                what = "mute and volume cannot be saved, a restart will lose them"
                log.warning("%s: %s", what, error, extra=UNSAVED())
            self._failing = True
            return False
        self._failing = False
        return True
