"""Keeps the timers on disk, so that they survive a power cut. Shell around the file system."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from daemon.state_file import StateFile
from daemon.timers import MAX_LABEL_CHARS, Timer

FILE_BOUND_BYTES = 64 * 1024
"""Full, the book takes a third of it."""


class TimerFile:
    """`{"timers": [{"id": 1, "label": "tea", "due_unix": 1700000000.0}]}`, written atomically."""

    def __init__(self, path: Path) -> None:
        self._file = StateFile(path, "timers", FILE_BOUND_BYTES)

    def load(self) -> list[Timer]:
        """The timers in the file, none if there is no file or it cannot be read.

        A damaged file is set aside as `NAME.damaged`, with a warning. Never raises.
        """
        return self._file.load(_timers_in, absent=[], unknown=[])

    def save(self, timers: Sequence[Timer]) -> None:
        """Replace the file; after a power cut it is the old one or the new one. Waits for the disk.

        Raises `OSError`, for example on a read-only disk; the old file is still there then.
        """
        entries = [{"id": t.id, "label": t.label, "due_unix": t.due_unix} for t in timers]
        self._file.write(json.dumps({"timers": entries}, ensure_ascii=False).encode() + b"\n")


def _timers_in(content: bytes) -> list[Timer]:
    """Raises `ValueError` for anything `save` does not write."""
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
