"""From the server's figures to a verdict, over days, restarts and clocks that are wrong."""

from __future__ import annotations

from typing import Any

from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.money.accounts import Accounts, AccountSettings
from daemon.money.budget import Allowed, Capped, Limits, nano
from daemon.money.dates import BEHIND_HOLD_S, Moment
from daemon.money.ledger import LedgerState
from daemon.money.prices import price_table

PRICES = price_table("""
currency = "USD"
[models.talker]
text_output = 1_000
seen = "2026-11-21"
source = "a test"
[models.writer]
minute = 0.60
seen = "2026-11-21"
source = "a test"
""")
DAY_S = 86_400
NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC
NO_LIMITS = Limits()
LIMITS = Limits(soft_day_nano=nano(1), hard_day_nano=nano(2), hard_month_nano=nano(5))


def at(days: int = 0) -> Moment:
    return Moment(NOON + days * DAY_S, f"2026-11-{21 + days:02}")


NEVER_SET = Moment(120.0, "1970-01-01")


def dollars(amount: float) -> dict[str, Any]:
    """What the server says of an answer that costs so much."""
    tokens = round(amount * 1000)
    return {"output_tokens": tokens, "output_token_details": {"text_tokens": tokens}}


class Box:
    """Accounts with a monotonic clock; `restart` loses what was not saved, which here is nothing."""

    def __init__(self, limits: Limits = NO_LIMITS, model: str = "talker") -> None:
        self.settings = AccountSettings(PRICES, limits, model, "writer")
        self.accounts = Accounts(self.settings, LedgerState())
        self.now = 1000.0

    def answer(self, amount: float, moment: Moment) -> Box:
        self.now += 10
        self.accounts.book_response(dollars(amount), moment, self.now)
        return self

    def look(self, moment: Moment, after_s: float = 1.0) -> Box:
        self.now += after_s
        self.accounts.look(moment, self.now)
        return self

    def restart(self) -> Box:
        self.accounts, self.now = Accounts(self.settings, self.accounts.state()), 5.0
        return self

    @property
    def warned(self) -> list[str]:
        return [warning.period for warning in self.accounts.take_warnings()]


def test_out_of_band_and_transcription_cost_and_are_no_answers() -> None:
    box = Box().answer(1, at())
    box.accounts.book_response(dollars(0.5), at(), 0, out_of_band=True)
    box.accounts.book_transcription({"type": "duration", "seconds": 30}, at(), 0)
    summary = box.accounts.summary()
    assert (summary["today_nano"], summary["answers"]) == (nano(1.8), 1)


def test_model_without_price_is_counted_and_said() -> None:
    box = Box(model="stranger")
    box.accounts.book_response(dollars(5), at(), 0)
    summary = box.accounts.summary()
    assert summary["today_nano"] == 0
    assert summary["unpriced"] == {"stranger": 5000}


def test_answer_without_figures_is_counted_and_said() -> None:
    box = Box()
    box.accounts.book_response({}, at(), 0)
    summary = box.accounts.summary()
    assert (summary["answers"], summary["unmetered"], summary["today_nano"]) == (1, 1, 0)


def test_day_changes_while_running() -> None:
    box = Box().answer(1, at()).answer(2, at(1))
    summary = box.accounts.summary()
    assert (summary["day"], summary["today_nano"], summary["month_nano"]) == (
        "2026-11-22",
        nano(2),
        nano(3),
    )


def test_limit_of_the_day_ends_with_it() -> None:
    box = Box(LIMITS).answer(2, at())
    assert isinstance(box.accounts.verdict, Capped)
    assert box.accounts.verdict.until == "2026-11-22"
    assert box.accounts.waits
    box.look(at(1))
    assert box.accounts.verdict == Allowed()
    assert not box.accounts.waits


def test_limit_of_the_month_outlasts_the_day() -> None:
    box = Box(LIMITS).answer(1.9, at()).answer(1.9, at(1)).answer(1.9, at(2)).look(at(5))
    assert isinstance(box.accounts.verdict, Capped)
    assert box.accounts.verdict.until == "2026-12-01"
    box.look(Moment(NOON + 10 * DAY_S, "2026-12-01"))
    assert box.accounts.verdict == Allowed()


def test_warning_comes_once_a_day_over_restarts() -> None:
    box = Box(LIMITS).answer(1, at())
    assert box.warned == ["2026-11-21"]
    assert box.restart().answer(0.1, at()).warned == []
    assert box.answer(1, at(1)).warned == ["2026-11-22"]


def test_nothing_is_booked_into_1970() -> None:
    box = Box().answer(1, NEVER_SET)
    assert box.accounts.state().days == {}
    assert box.accounts.summary()["day"] is None
    assert box.accounts.summary()["today_nano"] == nano(1)
    box.look(at())
    assert box.accounts.state().days.keys() == {"2026-11-21"}
    assert box.accounts.summary()["today_nano"] == nano(1)


def test_what_waits_for_a_clock_survives_a_restart() -> None:
    box = Box().answer(1, NEVER_SET).restart().look(at())
    assert box.accounts.summary()["today_nano"] == nano(1)


def test_limit_holds_over_a_restart_without_a_clock() -> None:
    """Nobody gets a new allowance by pulling the plug."""
    box = Box(LIMITS).answer(2, at()).restart().look(NEVER_SET)
    assert isinstance(box.accounts.verdict, Capped)
    assert box.accounts.verdict.until is None
    assert box.look(at(1)).accounts.verdict == Allowed()


def test_what_has_no_date_counts_against_the_limit() -> None:
    box = Box(LIMITS).answer(1.5, at()).answer(0.5, NEVER_SET)
    assert isinstance(box.accounts.verdict, Capped)


def test_clock_behind_the_last_booking_waits_to_be_set() -> None:
    box = Box().answer(1, at(5)).restart().answer(1, at(2))
    assert box.accounts.state().days.keys() == {"2026-11-26"}
    box.look(at(6))
    assert box.accounts.state().days.keys() == {"2026-11-26", "2026-11-27"}


def test_clock_that_stays_behind_is_right_after_all() -> None:
    box = Box().answer(1, at(5)).answer(1, at(2)).look(at(2), BEHIND_HOLD_S)
    assert box.accounts.state().days.keys() == {"2026-11-26", "2026-11-23"}
    assert box.accounts.summary()["day"] == "2026-11-23"


def test_lower_limit_holds_at_once() -> None:
    box = Box().answer(3, at())
    box.accounts.settings = AccountSettings(PRICES, LIMITS, "talker", "writer")
    assert isinstance(box.look(at()).accounts.verdict, Capped)


moments = st.one_of(
    st.just(NEVER_SET),
    st.integers(0, 9).map(at),
    st.integers(0, 9).map(lambda n: Moment(float(n), "1970-01-01")),
)
steps = st.lists(st.tuples(st.integers(0, 3000), moments, st.booleans(), st.integers(0, 1000)), max_size=40)


@given(steps)
@settings(max_examples=examples(300))
def test_all_money_is_booked_once_and_never_into_1970(
    taken: list[tuple[int, Moment, bool, int]],
) -> None:
    box, booked_nano = Box(LIMITS), 0
    for thousandths, moment, restart, pause_s in taken:
        box.look(moment, float(pause_s)).answer(thousandths / 1000, moment)
        booked_nano += thousandths * 10**6
        box = box.restart() if restart else box
        state = box.accounts.state()
        models = [*state.days.values(), state.undated]
        in_days_nano = sum(tally.cost_nano for per_model in models for tally in per_model.values())
        assert in_days_nano == booked_nano
        assert all(day >= "2026" for day in state.days)
        assert box.accounts.spent.day_nano <= box.accounts.spent.month_nano <= booked_nano


@given(steps)
def test_box_is_capped_exactly_at_its_limit(taken: list[tuple[int, Moment, bool, int]]) -> None:
    box = Box(LIMITS)
    for thousandths, moment, restart, _ in taken:
        box.answer(thousandths / 1000, moment)
        box = box.restart().look(moment) if restart else box
        spent = box.accounts.spent
        over = spent.day_nano >= LIMITS.hard_day_nano or spent.month_nano >= LIMITS.hard_month_nano
        assert isinstance(box.accounts.verdict, Capped) == over
