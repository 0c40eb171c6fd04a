"""When to warn, when to stop, and until when."""

from __future__ import annotations

import pytest

from daemon.money.budget import Allowed, Capped, Limits, Spent, Verdict, Warn, amount_text, decide, nano

EURO = nano(1)
LIMITS = Limits(2 * EURO, 5 * EURO, 20 * EURO, 50 * EURO)
TODAY = "2026-11-30"
NONE: frozenset[str] = frozenset()


def verdict(day: float, month: float, warned: frozenset[str] = NONE, limits: Limits = LIMITS) -> Verdict:
    return decide(limits, Spent(TODAY, nano(day), nano(month)), warned, "EUR")


def test_below_all_limits_is_allowed() -> None:
    assert verdict(1.99, 19.99) == Allowed()


def test_without_limits_anything_is_allowed() -> None:
    assert verdict(1e6, 1e6, limits=Limits()) == Allowed()


def test_soft_limit_of_the_day_warns() -> None:
    reason = "spending warning: 2.00 EUR today, the limit is 2.00 EUR"
    assert verdict(2, 2) == Warn(TODAY, reason)


def test_soft_limit_of_the_month_warns() -> None:
    reason = "spending warning: 20.00 EUR in November, the limit is 20.00 EUR"
    assert verdict(1, 20) == Warn("2026-11", reason)


def test_warning_is_not_given_again() -> None:
    assert verdict(3, 21, frozenset({"2026-11"})) == Warn(
        TODAY, "spending warning: 3.00 EUR today, the limit is 2.00 EUR"
    )
    assert verdict(3, 21, frozenset({"2026-11", TODAY})) == Allowed()


def test_hard_limit_of_the_day_holds_until_tomorrow() -> None:
    reason = "spending limit reached: 5.00 EUR today, the limit is 5.00 EUR"
    assert verdict(5, 5) == Capped(reason, "2026-12-01")


def test_hard_limit_of_the_month_holds_longer() -> None:
    capped = decide(LIMITS, Spent("2026-11-03", nano(9), nano(50)), NONE, "EUR")
    assert capped == Capped(
        "spending limit reached: 50.00 EUR in November, the limit is 50.00 EUR", "2026-12-01"
    )


def test_last_day_believed_counts_while_the_clock_is_wrong() -> None:
    capped = decide(LIMITS, Spent(TODAY, nano(5), nano(5), dated=False), NONE, "EUR")
    assert isinstance(capped, Capped)
    assert capped.until is None


def test_hard_limit_holds_on_a_box_that_never_had_a_clock() -> None:
    capped = decide(LIMITS, Spent(None, nano(5), nano(5), dated=False), NONE, "EUR")
    assert isinstance(capped, Capped)
    assert capped.until is None


def test_nothing_is_warned_of_without_a_day_to_remember_it_by() -> None:
    assert decide(LIMITS, Spent(None, nano(3), nano(3), dated=False), NONE, "EUR") == Allowed()


@pytest.mark.parametrize(
    ("cost_nano", "text"),
    [
        (0, "0.00"),
        (1, "under 0.01"),
        (4_999_999, "under 0.01"),
        (5_000_000, "0.01"),
        (420_000_000, "0.42"),
        (7_100_000_000, "7.10"),
        (1_234_995_000_000, "1235.00"),
    ],
)
def test_amount_text(cost_nano: int, text: str) -> None:
    assert amount_text(cost_nano) == text
