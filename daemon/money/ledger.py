"""What was spent, per local day and month and per model. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from daemon.money.consumption import Consumption
from daemon.money.dates import month_of
from daemon.records import dataclass

KEPT_MONTHS = 13
"""This month a year ago can still be compared."""

KEPT_DAYS = 62
"""This month and the last one day by day; what is older is in its month."""

MAX_MODELS = 8
"""Of one day or month; what further ones use is summed under `OTHERS`."""

OTHERS = "other models"
MAX_NAME_CHARS = 80


@dataclass(frozen=True, slots=True)
class Tally:
    """`answers` are those given in the conversation; what runs beside it is in the sums only.

    `unpriced` counts bookings whose cost nobody knows, `unmetered` those whose consumption the server did
    not tell. `cost_nano` is in billionths of the currency, without either.
    """

    used: Consumption = field(default_factory=Consumption)
    cost_nano: int = 0
    answers: int = 0
    unpriced: int = 0
    unmetered: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.used + other.used,
            self.cost_nano + other.cost_nano,
            self.answers + other.answers,
            self.unpriced + other.unpriced,
            self.unmetered + other.unmetered,
        )


def total(tallies: Iterable[Tally]) -> Tally:
    return sum(tallies, Tally())


PerModel = Mapping[str, Tally]


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What is kept over a restart. `undated` waits for a clock that can be believed.

    `warned` are the days and months whose warning has been given, `latest_unix` the latest time believed.
    """

    days: Mapping[str, PerModel] = field(default_factory=dict)
    months: Mapping[str, PerModel] = field(default_factory=dict)
    undated: PerModel = field(default_factory=dict)
    warned: frozenset[str] = frozenset()
    latest_unix: int = 0


class Ledger:
    """At most `KEPT_DAYS` days and `KEPT_MONTHS` months; the oldest goes first, never the one booked into.

    A clock that was wrong for a while costs at most the oldest entries, since it is counts that are kept and
    not ages.
    """

    def __init__(self, restored: LedgerState) -> None:
        self._days = {day: dict(models) for day, models in restored.days.items()}
        self._months = {month: dict(models) for month, models in restored.months.items()}
        self._undated = dict(restored.undated)
        self._warned = set(restored.warned)

    def book(self, model: str, spent: Tally, day: str | None) -> None:
        """Add to a local day and its month; with None to what waits for a date."""
        model = model[:MAX_NAME_CHARS]
        if day is None:
            _add(self._undated, model, spent)
            return
        _add(self._days.setdefault(day, {}), model, spent)
        _add(self._months.setdefault(month_of(day), {}), model, spent)
        _prune(self._days, KEPT_DAYS, day)
        _prune(self._months, KEPT_MONTHS, month_of(day))
        self._warned &= self._days.keys() | self._months.keys()

    def date_undated(self, day: str) -> bool:
        """The clock can be believed again: what waited belongs to `day`. False if nothing did."""
        waiting, self._undated = self._undated, {}
        for model, spent in waiting.items():
            self.book(model, spent, day)
        return bool(waiting)

    @property
    def latest_day(self) -> str | None:
        return max(self._days, default=None)

    @property
    def undated(self) -> PerModel:
        return self._undated

    def day(self, day: str) -> PerModel:
        return self._days.get(day, {})

    def month(self, month: str) -> PerModel:
        return self._months.get(month, {})

    @property
    def warned(self) -> frozenset[str]:
        return frozenset(self._warned)

    def note_warned(self, period: str) -> None:
        """`period`: a day or a month in which something was booked."""
        self._warned.add(period)

    def state(self, latest_unix: float) -> LedgerState:
        """A copy to be saved."""
        return LedgerState(
            {day: dict(models) for day, models in self._days.items()},
            {month: dict(models) for month, models in self._months.items()},
            dict(self._undated),
            self.warned,
            int(latest_unix),
        )


def _add(models: dict[str, Tally], model: str, spent: Tally) -> None:
    if model not in models and len(models) >= MAX_MODELS:
        model = OTHERS
    models[model] = models.get(model, Tally()) + spent


def _prune(periods: dict[str, dict[str, Tally]], kept: int, current: str) -> None:
    while len(periods) > kept:
        del periods[min(period for period in periods if period != current)]
