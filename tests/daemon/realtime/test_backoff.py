"""Full jitter within its limits, whatever the dice say."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from daemon.realtime.backoff import Backoff


class HighestDice(Random):
    """Always throws the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_limit_doubles_from_half_a_second_to_thirty() -> None:
    backoff = Backoff(HighestDice())
    assert [backoff.failed() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_success_starts_small_again() -> None:
    backoff = Backoff(HighestDice())
    for _ in range(5):
        backoff.failed()
    assert backoff.attempts == 5
    backoff.succeeded()
    assert backoff.failed() == 0.5


def test_a_refusal_waits_five_minutes() -> None:
    assert 300.0 <= Backoff(Random(1)).refused() <= 330.0


@given(st.integers(), st.integers(min_value=1, max_value=2_000))
def test_waits_stay_within_their_bounds_for_any_seed(seed: int, failures: int) -> None:
    backoff = Backoff(Random(seed))
    assert all(0.0 <= backoff.failed() <= 30.0 for _ in range(failures))


def test_a_fleet_does_not_come_back_in_step() -> None:
    waits = {round(Backoff(Random(box)).failed(), 3) for box in range(100)}
    assert len(waits) > 80
