"""What a person reads of the money."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.money.budget import nano
from daemon.money.report import spending_lines


def money(**changes: Any) -> dict[str, Any]:
    return {
        "currency": "USD",
        "day": "2026-11-21",
        "month": "2026-11",
        "today_nano": nano(0.42),
        "today_limit_nano": 0,
        "answers": 12,
        "month_nano": nano(7.1),
        "month_limit_nano": nano(20),
        "unmetered": 0,
        "unpriced": {},
        "capped": None,
        "until": None,
    } | changes


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, ["today 0.42 USD (12 answers), November 7.10 of 20.00 USD"]),
        (
            {"answers": 1, "today_limit_nano": nano(1), "month_limit_nano": 0},
            ["today 0.42 of 1.00 USD (1 answer), November 7.10 USD"],
        ),
        (
            {"unpriced": {"stranger": 12_300}},
            [
                "today at least 0.42 USD (12 answers), November at least 7.10 of 20.00 USD",
                "no price for stranger: 12,300 tokens this month are not in these sums",
            ],
        ),
        (
            {"unmetered": 2},
            [
                "today at least 0.42 USD (12 answers), November at least 7.10 of 20.00 USD",
                "2 answers or transcripts this month came without figures from the server",
            ],
        ),
        (
            {"capped": "spending limit reached: 20.00 USD in November", "until": "2026-12-01"},
            [
                "today 0.42 USD (12 answers), November 7.10 of 20.00 USD",
                "spending limit reached: 20.00 USD in November; until 2026-12-01",
            ],
        ),
        (
            {"day": None, "month": None, "answers": 0, "today_nano": 0},
            [
                "today 0.00 USD (0 answers)",
                "the clock is not set yet: what is used now is given a day when it is",
            ],
        ),
    ],
)
def test_spending_lines(changes: dict[str, Any], lines: list[str]) -> None:
    assert spending_lines(money(**changes)) == lines
