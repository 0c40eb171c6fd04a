"""How a daemon's conversation is counted."""

from __future__ import annotations

import pytest

from tests.bench.figures import conversation_of_box
from tests.bench.processes import BenchError, Run
from tests.bench.server import Plan

PLAN = Plan(turns=2)
HEARD = 10 * 48_000  # bytes: 10 s


def run(took_s: float) -> Run:
    return Run({"delta_at": {"1": 5.0, "32": 5.0 + took_s}, "appended_bytes": HEARD}, instructions=7)


def test_conversation_in_time_lasts_as_long_as_both_sides_in_the_mean():
    counted = conversation_of_box(run(7.75), PLAN)
    assert (counted.seconds, counted.instructions) == (9.0, 7)


def test_conversation_that_is_late_is_not_counted():
    with pytest.raises(BenchError, match=r"an answer of 7.8 s took 9.0 s"):
        conversation_of_box(run(9.0), PLAN)
