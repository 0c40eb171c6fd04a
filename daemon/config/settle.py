"""When a configuration that somebody is writing is read, and when its mistakes are meant. Pure.

Files are written by rsync, by git, by editors, by hand: several at once, some slowly, some by way of an empty
file or of none. So reading waits until nothing has changed for a while, and a mistake is believed only when
it stays.
"""

from __future__ import annotations

from collections.abc import Mapping

SETTLE_S = 0.3
"""The pause that ends a batch of writes; rsync, git and cp leave a few milliseconds between two files."""

SHRUNK_S = 2.0
"""The same, when a file is empty, gone or open for writing: it may be halfway to its new content."""

PATIENCE_S = 5.0
"""How long a mistake may still be half of a file: scp over a weak radio link pauses for seconds."""

RESTLESS_S = 10.0
"""A directory that is written to all the time is read this long after the first write nevertheless."""

Stamp = tuple[int, int, int, int]
"""What changes with a file: its inode, its size in bytes, and when content and inode were changed, in ns."""

Fingerprint = Mapping[str, Stamp]
"""The stamp of each file of a configuration, by its path."""


class Settle:
    """Told what is there (`seen`) and how reading went (`read`); answers when to read next.

    `now` is monotonic seconds. What it sees first counts as a change: it may be newer than what is in force.
    """

    def __init__(self) -> None:
        self._seen: Fingerprint | None = None
        self._good: Fingerprint = {}
        self._due: float | None = None
        self._first_change: float | None = None
        self._last_change = 0.0
        self._mistaken_since: float | None = None
        self._asked = False

    def seen(self, fingerprint: Fingerprint, now: float, *, being_written: bool = False) -> None:
        """`being_written`: some file of the configuration is known to be open for writing."""
        if fingerprint == self._seen:
            return
        self._seen = fingerprint
        self._last_change = now
        if self._first_change is None:
            self._first_change = now
        wait_s = SHRUNK_S if being_written or self._has_shrunk() else SETTLE_S
        self._due = min(now + wait_s, self._first_change + RESTLESS_S)

    def ask(self, now: float) -> None:
        """Somebody wants it read now, and wants to hear of mistakes at once."""
        self._due = now
        self._asked = True

    def next_deadline(self) -> float | None:
        """When it becomes due unless something changes before, None if it does not."""
        return self._due

    def is_due(self, now: float) -> bool:
        return self._due is not None and now >= self._due

    def read(self, now: float, *, mistaken: bool) -> bool:
        """It was read as it was last `seen`; the answer is whether its mistakes are meant."""
        asked, self._asked = self._asked, False
        self._first_change = None
        settled = self._last_change + SETTLE_S
        # The clock of a file system ticks in milliseconds: a write in the tick of the reading left no trace.
        self._due = settled if now < settled else None
        if not mistaken:
            self._good = self._seen or {}
            self._mistaken_since = None
            return False
        if self._mistaken_since is None:
            self._mistaken_since = now
        patient_until = self._mistaken_since + PATIENCE_S
        if asked or now >= patient_until:
            self._mistaken_since = None
            return True
        self._due = patient_until if self._due is None else min(self._due, patient_until)
        return False

    def _has_shrunk(self) -> bool:
        """Against what was last good, a file is empty now, or gone."""
        seen = self._seen or {}
        return any(_size(stamp) and not _size(seen.get(path)) for path, stamp in self._good.items())


def _size(stamp: Stamp | None) -> int:
    return stamp[1] if stamp else 0
