"""The box's accounts: what is used becomes money in the ledger, and a verdict. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from daemon.money.budget import Allowed, Capped, Limits, Spent, Warn, decide
from daemon.money.consumption import Consumption, response_consumption, transcription_consumption
from daemon.money.dates import ClockJudge, Moment, month_of
from daemon.money.ledger import Ledger, LedgerState, Tally, total
from daemon.money.prices import PriceTable
from daemon.records import dataclass


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """`model` and `transcription_model` are the names that what is used is booked, and priced, under;
    the latter is "" for none."""

    prices: PriceTable = field(default_factory=PriceTable)
    limits: Limits = field(default_factory=Limits)
    model: str = "gpt-realtime"
    transcription_model: str = "gpt-4o-mini-transcribe"

    @property
    def unpriced_models(self) -> list[str]:
        """Those in use for which the table has nothing: no limit holds for what they cost."""
        used = (self.model, self.transcription_model)
        return [model for model in used if model and self.prices.find(model) is None]


class Accounts:
    """Books everything that costs, and says whether more may be spent.

    What is booked while the clock cannot be believed gets the day on which it first can. Until then it counts
    against the last day that was believed, so that a box without a clock keeps to its limits, too.
    """

    def __init__(self, settings: AccountSettings, restored: LedgerState) -> None:
        self.settings = settings
        self._ledger = Ledger(restored)
        self._clock = ClockJudge(restored.latest_unix)
        self._day: str | None = None  # None while the clock is not believed
        self._warnings: list[Warn] = []
        self._verdict: Allowed | Capped = Allowed()
        self.changed = False  # since `state` was last taken

    # ---- in ------------------------------------------------------------------------

    def look(self, at: Moment, now: float) -> None:
        """See what time has changed. `now`: monotonic seconds."""
        self._day = at.day if self._clock.believes(at.unix, now) else None
        if self._day is not None and self._ledger.date_undated(self._day):
            self.changed = True
        self._judge()

    def book_response(
        self, usage: Mapping[str, Any], at: Moment, now: float, *, out_of_band: bool = False
    ) -> None:
        """`usage` of a `response.done`, {} if the server did not say: then it is counted as unmetered."""
        self._book(self.settings.model, response_consumption(usage), 0 if out_of_band else 1, at, now)

    def book_transcription(self, usage: Mapping[str, Any], at: Moment, now: float) -> None:
        """`usage` of an `input_audio_transcription.completed`, {} as above."""
        self._book(self.settings.transcription_model, transcription_consumption(usage), 0, at, now)

    def _book(self, model: str, used: Consumption | None, answers: int, at: Moment, now: float) -> None:
        self.look(at, now)
        if used is None:
            spent = Tally(answers=answers, unmetered=1)
        else:
            cost_nano = self.settings.prices.cost_nano(model, used)
            spent = Tally(used, cost_nano or 0, answers, unpriced=int(cost_nano is None))
        self._ledger.book(model, spent, self._day)
        self.changed = True
        self._judge()

    def _judge(self) -> None:
        """A warning is given once, so each is noted before the next verdict."""
        while True:
            currency = self.settings.prices.currency
            verdict = decide(self.settings.limits, self.spent, self._ledger.warned, currency)
            if not isinstance(verdict, Warn):
                self._verdict = verdict
                return
            self._ledger.note_warned(verdict.period)
            self._warnings.append(verdict)
            self.changed = True

    # ---- out -----------------------------------------------------------------------

    @property
    def verdict(self) -> Allowed | Capped:
        return self._verdict

    def take_warnings(self) -> list[Warn]:
        """Those not taken yet; each day and each month has one at most, over restarts, too."""
        warnings, self._warnings = self._warnings, []
        return warnings

    @property
    def waits(self) -> bool:
        """Time alone may change something: a limit ends with its day, a clock may be set."""
        return isinstance(self._verdict, Capped) or bool(self._ledger.undated)

    @property
    def spent(self) -> Spent:
        day = self._day or self._ledger.latest_day
        undated_nano = total(self._ledger.undated.values()).cost_nano
        today, this_month = self._of(day)
        return Spent(
            day, today.cost_nano + undated_nano, this_month.cost_nano + undated_nano, self._day is not None
        )

    def _of(self, day: str | None) -> tuple[Tally, Tally]:
        if day is None:
            return Tally(), Tally()
        month = self._ledger.month(month_of(day)).values()
        return total(self._ledger.day(day).values()), total(month)

    def state(self) -> LedgerState:
        """To be saved; clears `changed`."""
        self.changed = False
        return self._ledger.state(self._clock.latest_unix)

    def summary(self) -> dict[str, Any]:
        """For `harkd status`, plain JSON values; amounts in billionths of the currency.

        `unpriced` are the models used this month of which bookings have no price, with all their tokens.
        """
        day = self._day or self._ledger.latest_day
        waiting = total(self._ledger.undated.values())
        today, this_month = self._of(day)
        models = self._ledger.month(month_of(day)) if day else self._ledger.undated
        limits, verdict = self.settings.limits, self._verdict
        return {
            "currency": self.settings.prices.currency,
            "day": self._day,
            "month": month_of(day) if day else None,
            "today_nano": today.cost_nano + waiting.cost_nano,
            "today_limit_nano": limits.hard_day_nano,
            "answers": today.answers + waiting.answers,
            "month_nano": this_month.cost_nano + waiting.cost_nano,
            "month_limit_nano": limits.hard_month_nano,
            "unmetered": this_month.unmetered + waiting.unmetered,
            "unpriced": {model: of.used.tokens for model, of in models.items() if of.unpriced},
            "capped": verdict.reason if isinstance(verdict, Capped) else None,
            "until": verdict.until if isinstance(verdict, Capped) else None,
        }
