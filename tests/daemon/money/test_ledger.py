"""The ledger beside a naive one, and its bounds."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta

from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.money.consumption import Consumption
from daemon.money.ledger import (
    KEPT_DAYS,
    KEPT_MONTHS,
    MAX_MODELS,
    MAX_NAME_CHARS,
    OTHERS,
    Ledger,
    LedgerState,
    Tally,
    total,
)

START = date(2026, 11, 1)


def spent(cost_nano: int) -> Tally:
    return Tally(Consumption(text_input=cost_nano * 2), cost_nano, answers=1)


def cost_of(models: object) -> int:
    assert isinstance(models, dict)
    return total(models.values()).cost_nano


def ledger() -> Ledger:
    return Ledger(LedgerState())


def test_day_and_month_hold_what_was_booked() -> None:
    book = ledger()
    book.book("a", spent(3), "2026-11-20")
    book.book("a", spent(4), "2026-11-21")
    book.book("b", spent(5), "2026-11-21")
    assert book.day("2026-11-21") == {"a": spent(4), "b": spent(5)}
    assert book.month("2026-11")["a"] == Tally(Consumption(text_input=14), 7, answers=2)
    assert book.day("2026-11-22") == {}


def test_undated_gets_the_day_on_which_it_can() -> None:
    book = ledger()
    book.book("a", spent(3), None)
    book.book("a", spent(1), None)
    assert book.state(0).days == {}
    assert book.date_undated("2026-11-21")
    assert cost_of(book.day("2026-11-21")) == 4
    assert book.undated == {}
    assert not book.date_undated("2026-11-22")


def test_oldest_days_and_months_are_forgotten() -> None:
    book = ledger()
    for i in range(800):
        book.book("a", spent(1), str(START + timedelta(i)))
    state = book.state(0)
    assert len(state.days) == KEPT_DAYS
    assert len(state.months) == KEPT_MONTHS
    assert max(state.days) == str(START + timedelta(799))
    assert min(state.months) == "2028-01"  # to 2029-01: thirteen


def test_clock_in_the_future_for_a_while_costs_one_month() -> None:
    book = ledger()
    for i in range(400):  # to 2027-12-05
        book.book("a", spent(1), str(START + timedelta(i)))
    book.book("a", spent(1), "2050-01-01")
    book.book("a", spent(1), "2027-12-06")
    assert sorted(book.state(0).months) == [*(f"2027-{i:02}" for i in range(1, 13)), "2050-01"]
    assert cost_of(book.month("2027-12")) == 6


def test_day_booked_into_is_kept_among_many_later_ones() -> None:
    book = ledger()
    for i in range(KEPT_DAYS):
        book.book("a", spent(1), str(date(2040, 1, 1) + timedelta(i)))
    book.book("a", spent(7), "2026-11-21")
    assert cost_of(book.day("2026-11-21")) == 7


def test_many_models_are_summed_under_others() -> None:
    book = ledger()
    for i in range(100):
        book.book(f"model {i}", spent(1), "2026-11-21")
    models = book.day("2026-11-21")
    assert len(models) == MAX_MODELS + 1
    assert models[OTHERS].cost_nano == 100 - MAX_MODELS


def test_long_name_of_a_model_is_cut() -> None:
    book = ledger()
    book.book("x" * 1000, spent(1), "2026-11-21")
    assert list(book.day("2026-11-21")) == ["x" * MAX_NAME_CHARS]


def test_warnings_are_forgotten_with_their_period() -> None:
    book = ledger()
    book.book("a", spent(1), "2026-11-21")
    book.note_warned("2026-11-21")
    for i in range(KEPT_DAYS):
        book.book("a", spent(1), str(date(2027, 1, 1) + timedelta(i)))
    assert book.warned == frozenset()


def test_state_is_a_copy() -> None:
    book = ledger()
    book.book("a", spent(1), "2026-11-21")
    state = book.state(0)
    book.book("a", spent(1), "2026-11-21")
    assert cost_of(state.days["2026-11-21"]) == 1


bookings = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.integers(0, 10**12),
        st.one_of(st.none(), st.integers(0, 50)),
        st.booleans(),
    ),
    max_size=60,
)


@given(bookings)
@settings(max_examples=examples(300))
def test_sums_are_those_of_a_naive_ledger(entries: list[tuple[str, int, int | None, bool]]) -> None:
    """Over restarts, in any order of days, with undated bookings in between."""
    book = ledger()
    days: dict[str, Counter[str]] = defaultdict(Counter)
    waiting: Counter[str] = Counter()
    for model, cost_nano, offset, restart in entries:
        day = None if offset is None else str(START + timedelta(offset))
        if day is None:
            waiting[model] += cost_nano
        else:
            book.date_undated(day)
            days[day] += waiting
            days[day][model] += cost_nano
            waiting = Counter()
        book.book(model, spent(cost_nano), day)
        book = Ledger(book.state(0)) if restart else book
    naive_months: dict[str, Counter[str]] = defaultdict(Counter)
    for day, models in days.items():
        naive_months[day[:7]].update(models)
        assert {m: t.cost_nano for m, t in book.day(day).items() if t.cost_nano} == +models
    for month, models in naive_months.items():
        assert {m: t.cost_nano for m, t in book.month(month).items() if t.cost_nano} == +models
    assert {m: t.cost_nano for m, t in book.undated.items() if t.cost_nano} == +waiting
