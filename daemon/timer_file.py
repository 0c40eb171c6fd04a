"""Keeps the timers on disk, so that they survive a power cut. Shell around the file system."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from daemon.timers import MAX_LABEL_CHARS, Timer

log = logging.getLogger("harkd")

FILE_BOUND_BYTES = 64 * 1024
"""Full, the book takes a third of it."""


class TimerFile:
    """`{"timers": [{"id": 1, "label": "tea", "due_unix": 1700000000.0}]}`, written atomically."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> list[Timer]:
        """The timers in the file, none if there is no file or it cannot be read.

        A damaged file is set aside as `NAME.damaged`, with a warning. Never raises.
        """
        try:
            with self._path.open("rb") as stream:
                content = stream.read(FILE_BOUND_BYTES + 1)
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("%s: the timers cannot be read: %s", self._path, error.strerror)
            return []
        try:
            return _timers_in(content)
        except (ValueError, RecursionError) as error:
            self._set_aside(error)
            return []

    def save(self, timers: Sequence[Timer]) -> None:
        """Replace the file; after a power cut it is the old one or the new one. Waits for the disk.

        Raises `OSError`, for example on a read-only disk; the old file is still there then.
        """
        entries = [{"id": t.id, "label": t.label, "due_unix": t.due_unix} for t in timers]
        beside = self._path.with_name(f".{self._path.name}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o640)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(json.dumps({"timers": entries}, ensure_ascii=False).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)  # or the new name may be lost
        finally:
            os.close(directory)

    def _set_aside(self, why: Exception) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged")
        try:
            os.replace(self._path, aside)
            outcome = f"set aside as {aside.name}"
        except OSError as error:
            outcome = f"and cannot be set aside: {error.strerror}"
        log.warning("%s: damaged, %s: %s; timers are lost", self._path, outcome, why)


def _timers_in(content: bytes) -> list[Timer]:
    """Raises `ValueError` for anything `save` does not write."""
    if len(content) > FILE_BOUND_BYTES:
        raise ValueError(f"longer than {FILE_BOUND_BYTES} bytes")
    table = json.loads(content)
    entries = table.get("timers") if isinstance(table, dict) else None
    if not isinstance(entries, list):
        raise ValueError("no list of timers in it")
    timers = [_timer(entry) for entry in entries]
    if len({timer.id for timer in timers}) < len(timers):
        raise ValueError("two timers have the same id")
    return timers


def _timer(entry: Any) -> Timer:
    match entry:
        case {"id": int(number), "label": str(label), "due_unix": int(due) | float(due)}:
            if number > 0 and math.isfinite(due) and type(number) is int:
                return Timer(number, label[:MAX_LABEL_CHARS], float(due))
    raise ValueError(f"{str(entry)[:80]} is no timer")
