"""Local days and months as text, and whether the clock that says them can be believed. Pure.

A day is written `2026-11-21` and a month `2026-11`, so that they sort as they follow each other.
"""

from __future__ import annotations

import re
from calendar import monthrange

from daemon.records import dataclass

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

EARLIEST_UNIX = 1_767_225_600
"""The first second of 2026 (UTC), before this program was written: a clock behind it was never set. It may be
at 1970, or where the system was built: systemd begins there on a board without a battery."""

STEP_BACK_S = 300.0
"""A clock corrected by less than this was not wrong enough to matter, but for the day around midnight."""

BEHIND_HOLD_S = 900.0
"""How long a clock behind the last booking waits to be set. A board without a battery wakes up with the time
of its last shutdown or earlier, and gets the right one with the network; one that is still behind after a
quarter of an hour is right, and was wrong before."""

_DAY = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])", re.ASCII)
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Moment:
    """What the wall clock says: Unix seconds, and the local day they fall on."""

    unix: float
    day: str


def is_day(text: str) -> bool:
    return _DAY.fullmatch(text) is not None


def is_month(text: str) -> bool:
    return _MONTH.fullmatch(text) is not None


def month_of(day: str) -> str:
    return day[:7]


def month_name(month: str) -> str:
    return MONTHS[int(month[5:7]) - 1]


def day_after(day: str) -> str:
    year, month, date = (int(part) for part in day.split("-"))
    if date < monthrange(year, month)[1]:
        return f"{day[:8]}{date + 1:02}"
    return f"{month_after(day[:7])}-01"


def month_after(month: str) -> str:
    year, number = int(month[:4]), int(month[5:7])
    return f"{year + 1:04}-01" if number == 12 else f"{year:04}-{number + 1:02}"


class ClockJudge:
    """Says whether the wall clock can be believed, by what it said before.

    `latest_unix` is the latest time that was believed, 0 for none: kept over a restart by the caller.
    """

    def __init__(self, latest_unix: float) -> None:
        self.latest_unix = latest_unix
        self._behind_since: float | None = None

    def believes(self, unix: float, now: float) -> bool:
        """`now`: monotonic seconds."""
        if unix < EARLIEST_UNIX:
            return False
        if unix >= self.latest_unix - STEP_BACK_S:
            self._behind_since = None
            self.latest_unix = max(unix, self.latest_unix)
            return True
        if self._behind_since is None:
            self._behind_since = now
        if now - self._behind_since < BEHIND_HOLD_S:
            return False
        self._behind_since = None
        self.latest_unix = unix
        return True
