"""Whether the box may go on spending, and when somebody has to be told. Pure."""

from __future__ import annotations

from collections.abc import Collection

from daemon.money.dates import day_after, month_after, month_name, month_of
from daemon.money.prices import NANO
from daemon.records import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """In billionths of the currency, 0 for none. A soft one warns once in its period, a hard one stops."""

    soft_day_nano: int = 0
    hard_day_nano: int = 0
    soft_month_nano: int = 0
    hard_month_nano: int = 0


@dataclass(frozen=True, slots=True)
class Allowed:
    """Go on."""


@dataclass(frozen=True, slots=True)
class Warn:
    """Go on, and tell the owner: `period` is the day or month that has passed its soft limit."""

    period: str
    reason: str


@dataclass(frozen=True, slots=True)
class Capped:
    """Nothing new may be asked until the local day `until` begins; None while the clock is not known."""

    reason: str
    until: str | None


Verdict = Allowed | Warn | Capped


@dataclass(frozen=True, slots=True)
class Spent:
    """What counts against the limits on local day `day`, in billionths of the currency.

    `day` is None while nobody knows which day it is and nothing was ever booked.
    """

    day: str | None
    day_nano: int
    month_nano: int
    dated: bool = True  # False: the clock cannot be believed, `day` is the last one that was


def nano(amount: float) -> int:
    """Billionths of an amount of money."""
    return round(amount * NANO)


def amount_text(cost_nano: int) -> str:
    """Two decimals: `7.10`; something below half a hundredth is `under 0.01`, not nothing."""
    hundredths = (cost_nano + NANO // 200) // (NANO // 100)
    if cost_nano and not hundredths:
        return "under 0.01"
    return f"{hundredths // 100}.{hundredths % 100:02}"


def decide(limits: Limits, spent: Spent, warned: Collection[str], currency: str) -> Verdict:
    """The month's limit before the day's: it holds longer. `warned` are the periods told of already."""
    day = spent.day
    month = None if day is None else month_of(day)
    periods = (
        (month, spent.month_nano, limits.soft_month_nano, limits.hard_month_nano),
        (day, spent.day_nano, limits.soft_day_nano, limits.hard_day_nano),
    )
    for period, spent_nano, _, hard_nano in periods:
        if hard_nano and spent_nano >= hard_nano:
            until = _after(period) if spent.dated else None
            return Capped(_sentence("limit reached", period, spent_nano, hard_nano, currency), until)
    for period, spent_nano, soft_nano, _ in periods:
        if soft_nano and spent_nano >= soft_nano and period is not None and period not in warned:
            return Warn(period, _sentence("warning", period, spent_nano, soft_nano, currency))
    return Allowed()


def _after(period: str | None) -> str | None:
    if period is None:
        return None
    return day_after(period) if len(period) == len("2026-11-21") else f"{month_after(period)}-01"


def _sentence(what: str, period: str | None, spent_nano: int, limit_nano: int, currency: str) -> str:
    when = "today" if period is None or len(period) > len("2026-11") else f"in {month_name(period)}"
    return (
        f"spending {what}: {amount_text(spent_nano)} {currency} {when}, "
        f"the limit is {amount_text(limit_nano)} {currency}"
    )
